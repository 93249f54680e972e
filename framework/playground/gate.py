"""Who may ask the playground: the page that it served itself, and nobody else.

A server on 127.0.0.1 is reached by every program and every web page of the machine. So its address holds a random
token; the `Host` must be its own, or a foreign name could be pointed at it (DNS rebinding); what a page sends must come
from its own page (`Origin`, `Sec-Fetch-Site`), and be JSON, which no form of another site can send.
"""

from __future__ import annotations

import secrets
from email.message import Message
from http import HTTPStatus

ADDRESS = "127.0.0.1"


class Forbidden(Exception):
    """Not answered, with the status that says so."""

    def __init__(self, status: HTTPStatus, said: str) -> None:
        super().__init__(said)
        self.status = status


class Gate:
    """Checks requests.

    Args:
        port: of the server.
        token: what addresses begin with.
    """

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self.token = secrets.token_urlsafe(24) if token is None else token
        self.hosts = (f"{ADDRESS}:{port}", f"localhost:{port}")

    @property
    def page(self) -> str:
        """The address of the page."""
        return f"http://{self.hosts[0]}/{self.token}/"

    def path(self, target: str, headers: Message, *, writes: bool) -> str:
        """What is asked for, behind the token.

        Args:
            target: of the request, as it came.
            headers: of the request.
            writes: whether it changes something.

        Raises:
            Forbidden: where it must not be answered.
        """
        host = headers.get("Host", "")
        if host not in self.hosts:
            raise Forbidden(HTTPStatus.MISDIRECTED_REQUEST, f"Host: expected {self.hosts[0]}")
        origin = headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            raise Forbidden(HTTPStatus.FORBIDDEN, "Origin: expected this page")
        if writes and headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise Forbidden(HTTPStatus.FORBIDDEN, "Sec-Fetch-Site: expected same-origin")
        if writes and headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise Forbidden(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected application/json")
        _, given, rest = (*target.split("/", 2), "", "")[:3]
        if not secrets.compare_digest(given.encode(), self.token.encode()) or target.count("/") < 2:
            raise Forbidden(HTTPStatus.NOT_FOUND, "not here: open the address that fulgurite play printed")
        return rest
