"""A headless Chromium, driven as a person drives it: over the DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.process import free_port, started

_CODES = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    "End": 35,
    "Home": 36,
    "ArrowUp": 38,
    "ArrowDown": 40,
}
_SHIFT = 8
_SECONDS = 30.0


def chromium() -> Path | None:
    """Where Chromium is; None where it is absent."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((path for name in names if (path := shutil.which(name))), None)
    return None if found is None else Path(found)


class Browser:
    """A page in a browser."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._sent = 0
        self.problems: list[str] = []
        """What the page logged as an error or threw, and what its policy refused."""
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> Any:
        """What a command of the protocol answers."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(timeout=_SECONDS))
            self._note(said)
            if said.get("id") == self._sent:
                assert "error" not in said, said["error"]
                return said["result"]

    def _note(self, said: Mapping[str, Any]) -> None:
        method, params = said.get("method"), said.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"]))
        if method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])

    def open(self, page: Path, *, width: int = 1400, height: int = 900, dark: bool = False) -> None:
        """Opens a file, in a window of a size, in light or dark."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=page.resolve().as_uri())
        self.until(lambda: self.value("document.readyState") == "complete")
        self.until(lambda: self.value("location.protocol") == "file:")

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript is."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, done: Callable[[], bool]) -> None:
        """Waits for something."""
        deadline = time.monotonic() + _SECONDS
        while not done():
            assert time.monotonic() < deadline, "the page does not get there"
            time.sleep(0.02)

    def click(self, selector: str) -> None:
        """Clicks into the middle of the first element that a selector finds."""
        where = json.dumps(selector)
        self.value(f"document.querySelector({where}).scrollIntoView({{block: 'center'}})")
        box = self.value(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"(document.querySelector({where}).getBoundingClientRect())"
        )
        at = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
        for type in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=type, **at)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Presses a key."""
        given: dict[str, Any] = {"key": key, "modifiers": _SHIFT if shift else 0}
        if key in _CODES:
            given |= {"code": key, "windowsVirtualKeyCode": _CODES[key]}
        if key == "Enter":
            given["text"] = "\r"
        if len(key) == 1:
            given["text"] = key
        self.send("Input.dispatchKeyEvent", type="keyDown", **given)
        given.pop("text", None)
        self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    def type(self, text: str) -> None:
        """Types a text."""
        for each in text:
            self.press(each)

    def accessible(self) -> list[dict[str, Any]]:
        """The nodes of the accessibility tree that assistive technology is told of."""
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        return [each for each in nodes if not each.get("ignored")]

    def screenshot(self, to: Path, *, whole: bool = False) -> None:
        """Writes what is seen, or the whole page."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        to.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser(program: Path, folder: Path) -> Iterator[Browser]:
    """A browser with one page, cut off from all else but this machine."""
    from websockets.sync.client import connect

    port = free_port()
    command: list[str | Path] = [
        *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--no-first-run", "--disable-background-networking", "--hide-scrollbars"),
        f"--remote-debugging-port={port}",
        f"--user-data-dir={folder / 'profile'}",
        "about:blank",
    ]
    url = f"http://127.0.0.1:{port}/json"

    def pages() -> list[Any]:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return [each for each in json.load(answer) if each["type"] == "page"]
        except OSError:
            return []

    with (
        started("chromium", command, folder, ready=lambda: bool(pages())),
        connect(pages()[0]["webSocketDebuggerUrl"], max_size=None) as socket,
    ):
        yield Browser(socket)
