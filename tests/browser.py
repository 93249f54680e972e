"""A real browser, headless Chromium, spoken to through two pipes by its own protocol: no package and no port needed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--hide-scrollbars",
)  # fmt: skip
PATIENCE = 60.0  # seconds

# For every text: the contrast of its colour with what is painted behind it (WCAG 2, relative luminance).
CONTRASTS = """(() => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (c) => c.slice(0, 3).map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const c = rgb(getComputedStyle(one).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const one of document.querySelectorAll('body *')) {
    if (!(WANTED) || !one.getClientRects().length) continue;
    const style = getComputedStyle(one);
    const [a, b] = [light(rgb(one instanceof SVGElement ? style.fill : style.color)), light(behind(one))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.textContent.slice(0, 40)]);
  }
  return found.sort((x, y) => x[0] - y[0]);
})()"""
TEXTS = CONTRASTS.replace("WANTED", "[...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())")
STROKES = CONTRASTS.replace("'body *'", "'.line, .mark, .dashed'").replace("WANTED", "true").replace(".fill", ".color")


class Browser:
    """One page of a browser without network but 127.0.0.1, where a test may serve something."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._number, self._buffer = 0, b""
        self.said: list[str] = []  # on the console, in the log, and of requests
        self.requested: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, page: Path | str, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Shows a page, as wide as a desktop's or a telephone's window."""
        self.said.clear()
        self.requested.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        address = page if isinstance(page, str) else page.absolute().as_uri()
        self.call("Page.navigate", url=address)
        began = time.monotonic()
        while self.evaluate("document.readyState") != "complete" or self.evaluate("location.href") == "about:blank":
            assert time.monotonic() - began < PATIENCE, f"{address} does not load"
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """The page as a PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
        path.write_bytes(base64.b64decode(found["data"]))

    def press(self, key: str) -> None:
        """A key on the keyboard."""
        code = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowRight": 39}[key]
        said = {"Enter": "\r", " ": " "}
        for kind in ("keyDown", "keyUp"):
            text = {"text": said[key]} if key in said and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def drag(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """The mouse goes down at a place of the window, and up at another; a click where they are the same."""
        for kind, at in (("mousePressed", (x, y)), ("mouseMoved", (to_x, to_y)), ("mouseReleased", (to_x, to_y))):
            buttons = {"button": "left", "buttons": 1, "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], **buttons)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer of one command of the protocol; events on the way are noted."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        method, about = event.get("method"), event.get("params", {})
        if method == "Log.entryAdded":
            self.said.append(about["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.said.append(str(about["args"]))
        elif method == "Runtime.exceptionThrown":
            self.said.append(str(about["exceptionDetails"]))
        elif method == "Network.requestWillBeSent":
            self.requested.append(about["request"]["url"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            block = os.read(self._receive, 1 << 20)
            assert block, "the browser has ended"
            self._buffer += block
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)


@contextmanager
def browser(home: Path) -> Iterator[Browser]:
    """A browser whose profile lies in `home`; skips the test where there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"needs a browser, one of {', '.join(PROGRAMS)}: apt-get install chromium")
    (its_in, ours_out), (ours_in, its_out) = os.pipe(), os.pipe()

    def wire() -> None:
        """Chromium reads commands from 3 and writes answers to 4."""
        copies = os.dup(its_in), os.dup(its_out)  # 3 or 4 may be in use for the other
        os.dup2(copies[0], 3)
        os.dup2(copies[1], 4)

    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={home}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        close_fds=False, preexec_fn=wire,
    )  # fmt: skip
    os.close(its_in)
    os.close(its_out)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(ours_out)
        os.close(ours_in)
