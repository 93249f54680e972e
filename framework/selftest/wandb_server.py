"""A W&B server on this machine that can fail: as much of its protocol as a run needs, for a number of answers."""

import http.server
import json
import threading
from typing import Any, Literal

Fault = Literal["none", "errors", "silence"]


class Quiet(http.server.ThreadingHTTPServer):
    """Says nothing about clients that hang up."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Server:
    """Answers well `good` times, then with errors 500, or not at all.

    Args:
        fault: what comes then.
        good: how many answers come before.
    """

    def __init__(self, fault: Fault = "none", good: int = 0) -> None:
        self.fault, self.good = fault, good
        self.asked = 0
        self.rows = 0  # of history that arrived
        self.over = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request at a time, answered as this server's way says."""

            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                code, said = server.answer(self.path, body)
                if code is None:
                    server.over.wait()
                    return
                content = json.dumps(said).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST

            def log_message(self, *said: object) -> None:
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"

    def __enter__(self) -> "Server":
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.http.shutdown()
        self.http.server_close()

    def answer(self, path: str, body: bytes) -> tuple[int | None, Any]:
        """A status and what goes with it; no status for no answer."""
        self.asked += 1
        if self.fault != "none" and self.asked > self.good:
            return (500, {}) if self.fault == "errors" else (None, {})
        if path == "/graphql":
            return 200, {"data": self.data(json.loads(body))}
        if path.endswith("/file_stream"):
            sent = json.loads(body).get("files", {}).get("wandb-history.jsonl", {})
            self.rows += len(sent.get("content", []))
        return 200, {}

    def data(self, query: dict[str, Any]) -> dict[str, Any]:
        """What the few queries of a run ask for."""
        asked, of = query["query"], query.get("variables", {})
        if "upsertBucket" in asked:
            project = {"id": "p", "name": "fulgurite", "entity": {"id": "e", "name": "me"}}
            bucket = {"id": "b", "name": of.get("name"), "displayName": "", "config": "{}", "project": project}
            return {"upsertBucket": {"bucket": {**bucket, "historyLineCount": 0}, "inserted": True}}
        if "createRunFiles" in asked:
            files = [{"name": name, "uploadUrl": f"{self.address}/upload/{name}"} for name in of["files"]]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        return {}
