"""A headless Chromium driven over its debugging pipe (Chrome DevTools Protocol), for tests of pages."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

_KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    " ": (32, " "),
    "PageUp": (33, ""),
    "PageDown": (34, ""),
    "End": (35, ""),
    "Home": (36, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}
"""Virtual key code and text of keys that are no characters."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_browser() -> str | None:
    """Path of a Chromium, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a fresh browser.

    ``complaints`` are its console errors, refused loads and uncaught exceptions; ``requested`` every address that the
    page and its workers asked for.
    """

    def __init__(self, program: str, profile: Path, *, width: int = 1100, height: int = 1400) -> None:
        read_commands, self._commands = os.pipe()
        self._replies, write_replies = os.pipe()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"]
        size = [f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        redirect = f'exec "$@" 3<&{read_commands} 4>&{write_replies}'  # the pipe must be descriptors 3 and 4
        self._process = subprocess.Popen(
            ["bash", "-c", redirect, "bash", program, *options, *size],
            pass_fds=(read_commands, write_replies),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_replies)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        self.requested: list[str] = []

    def __enter__(self) -> Self:
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM", "Network"):
            self._call(f"{domain}.enable")
        self._call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            os.close(self._commands)
        with contextlib.suppress(OSError):
            os.close(self._replies)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        self._call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'", 30)

    def evaluate(self, script: str) -> Any:
        """Value of a JavaScript expression in the page."""
        reply = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def until(self, condition: str, timeout_s: float) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + timeout_s
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"not within {timeout_s} s: {condition}; {self.complaints}"
            time.sleep(0.05)

    def choose_file(self, selector: str, *paths: Path) -> None:
        """Put files into a file input, as a person does with its dialogue."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def before_load(self, script: str) -> None:
        """Run a script in every page that is opened from now on, before its own."""
        self._call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def resize(self, width: int, height: int, *, touch: bool = False) -> None:
        """Give the page another size in CSS pixels; with ``touch`` as on a phone."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self._call("Emulation.setTouchEmulationEnabled", enabled=touch)

    def prefer(self, **features: str) -> None:
        """Preferences as CSS knows them, with underscores: ``color_scheme="dark"``, ``reduced_motion="reduce"``."""
        wishes = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self._call("Emulation.setEmulatedMedia", features=wishes)

    def press(self, key: str, *, shift: bool = False, ctrl: bool = False) -> None:
        """Press and release a key: a letter or digit, or a name such as Tab, Enter, ArrowLeft."""
        code, text = _KEYS.get(key, (ord(key.upper()[0]), key))
        text = "" if ctrl else text
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 * shift + 2 * ctrl}
        self._call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self._call("Input.dispatchKeyEvent", type="keyUp", **common)

    def drag(self, selector: str, *points: tuple[float, float]) -> None:
        """Press the mouse on the first of the points, move through the others, release on the last.

        Points are shares 0..1 of the element's width and height.
        """
        at = self.points(selector, *points)
        self._mouse("mousePressed", at[0], buttons=1)
        for point in at[1:]:
            self._mouse("mouseMoved", point, buttons=1)
        self._mouse("mouseReleased", at[-1], buttons=0)

    def hover(self, selector: str, point: tuple[float, float]) -> None:
        """Move the mouse, no button pressed, to a point of an element given as in ``drag``."""
        self._call("Input.dispatchMouseEvent", type="mouseMoved", **self.points(selector, point)[0])

    def touch(self, selector: str, *points: tuple[float, float]) -> None:
        """Put a finger on the first of the points, move it through the others, and lift it; points as in ``drag``."""
        at = self.points(selector, *points)
        self._call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[at[0]])
        for point in at[1:]:
            self._call("Input.dispatchTouchEvent", type="touchMove", touchPoints=[point])
        self._call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def points(self, selector: str, *shares: tuple[float, float]) -> list[dict[str, float]]:
        """Where the shares of an element's width and height lie in the window, the element scrolled into view."""
        box = self.evaluate(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)});"
            "element.scrollIntoView({block: 'center'}); const box = element.getBoundingClientRect();"
            "return [box.left, box.top, box.width, box.height]; })()"
        )
        return [{"x": box[0] + x * box[2], "y": box[1] + y * box[3]} for x, y in shares]

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """A PNG of the whole page, or of what the window shows of it."""
        if not whole:
            path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))
            return
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self._call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _mouse(self, kind: str, point: dict[str, float], *, buttons: int) -> None:
        self._call("Input.dispatchMouseEvent", type=kind, button="left", buttons=buttons, clickCount=1, **point)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._next_message()
            if reply.get("id") == self._number:
                assert "error" not in reply, reply
                result: dict[str, Any] = reply["result"]
                return result
            self._note(reply)

    def _next_message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._replies, 1 << 16)
            assert data, "the browser ended"
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event.get("method") == "Target.attachedToTarget":
            self._listen(parameters["sessionId"])
        if event.get("method") == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        if event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            self.complaints.append(json.dumps(parameters["args"])[:500])
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"])[:500])
        if event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def _listen(self, session: str) -> None:
        """Hear of what a worker asks for and complains of; the replies are of no interest."""
        for domain in ("Network", "Runtime"):
            message = {"id": 0, "method": f"{domain}.enable", "sessionId": session}
            os.write(self._commands, json.dumps(message).encode() + b"\0")
