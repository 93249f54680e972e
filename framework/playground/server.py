"""The playground's server: the standard library's, on this machine alone, one session for whoever has its address.

GET  /TOKEN/                       the page
GET  /TOKEN/drawn/ANY/STEP         what the simulator draws there, a PNG
GET  /TOKEN/seen/ANY/STEP/NUMBER   what the agent sees there
POST /TOKEN/api/VERB               JSON to JSON, see `requests.py`; {"problem": ...} where it cannot be done
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..data.episodes import EnvironmentFault
from .bands import plain
from .desk import Desk, Ended
from .gate import ADDRESS, Forbidden, Gate
from .page import page
from .requests import Requests
from .session import Refused

log = logging.getLogger(__name__)
LONGEST = 100_000  # bytes of a request
ALWAYS = {
    "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
}  # fmt: skip


class Server(ThreadingHTTPServer):
    """Serves one session.

    Args:
        port: where; 0 for any that is free.
        title: of the page.
        requests: what answers, by a desk.
        desk: what works.

    Raises:
        OSError: where the port is in use.
    """

    daemon_threads = True

    def __init__(self, port: int, title: str, requests: Requests, desk: Desk) -> None:
        self.gate = Gate(port)
        self.requests, self.desk = requests, desk
        self.page, self.policy = page(title)
        super().__init__((ADDRESS, port), Handler)
        self.gate = Gate(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is none."""
        log.debug("a request from %s was not answered", client_address, exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fulgurite", ""
    timeout = 60.0  # seconds that a silent connection is kept

    def do_GET(self) -> None:
        """The page and pictures."""
        try:
            path = self.server.gate.path(self.path, self.headers, writes=False)
        except Forbidden as error:
            self._say(error.status, str(error).encode(), "text/plain")
            return
        if path == "":
            more = {"Content-Security-Policy": self.server.policy}
            self._say(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8", more)
            return
        session = self.server.requests.session
        match path.split("/"):
            case ["drawn", _, step] if step.isdecimal():
                self._picture(lambda: session.picture(int(step)))
            case ["seen", _, step, number] if step.isdecimal() and number.isdecimal():
                self._picture(lambda: session.sight(int(step), int(number)))
            case _:
                self._say(HTTPStatus.NOT_FOUND, b"not here", "text/plain")

    def do_POST(self) -> None:
        """What changes or asks the session."""
        try:
            path = self.server.gate.path(self.path, self.headers, writes=True)
            given = self._given()
        except Forbidden as error:
            self.close_connection = True  # its body was not read
            self._say(error.status, str(error).encode(), "text/plain")
            return
        kind, _, verb = path.partition("/")
        if kind != "api":
            self._say(HTTPStatus.NOT_FOUND, b"not here", "text/plain")
            return
        status, said = self._answer(verb, given)
        self._say(status, json.dumps(plain(said), allow_nan=False).encode(), "application/json")

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not told."""

    def _given(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST:
            raise Forbidden(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Content-Length: expected at most {LONGEST}")
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise Forbidden(HTTPStatus.BAD_REQUEST, "body: expected JSON") from error

    def _answer(self, verb: str, given: Any) -> tuple[HTTPStatus, dict[str, Any]]:
        try:
            return HTTPStatus.OK, self.server.desk.do(lambda: self.server.requests.answer(verb, given))
        except Refused as error:
            return HTTPStatus.BAD_REQUEST, {"problem": str(error)}
        except EnvironmentFault as error:
            return HTTPStatus.CONFLICT, {"problem": f"The environment failed: {error}"}
        except Ended as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"problem": str(error)}
        except BaseException as error:  # whatever an agent or a model of the user's own raises; the page goes on
            log.exception("the playground could not %s", verb)
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"problem": f"{type(error).__name__}: {error}"}

    def _picture(self, taken: Callable[[], bytes]) -> None:
        try:
            file = taken()  # not by the desk: nothing is changed, and a search may be at work there
        except Refused as error:
            self._say(HTTPStatus.NOT_FOUND, str(error).encode(), "text/plain")
            return
        kept = {"Cache-Control": "private, max-age=3600, immutable"}  # an address is that of one picture, see play.js
        self._say(HTTPStatus.OK if file else HTTPStatus.NOT_FOUND, file, "image/png", kept)

    def _say(self, status: HTTPStatus, content: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        said = {"Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in (said | ALWAYS | (more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
