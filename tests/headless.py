"""A headless Chromium for tests, spoken to in its DevTools protocol over a pipe: no driver.

Chromium reads commands from file descriptor 3 and answers on 4, JSON ended by a zero byte.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
)
DEADLINE_S = 60


def program() -> str | None:
    """Path of a Chromium on this machine: EMOMETRIC_CHROMIUM, or one of the usual names."""
    named = os.environ.get("EMOMETRIC_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """One browser with one page. Everything that the page sent is kept in `events`."""

    def __init__(self, profile: Path):
        to_browser, self._write = _pipe()
        self._read, from_browser = _pipe()
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        # The shell gives the pipe the two numbers that Chromium expects.
        command = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        arguments = [program(), *FLAGS, *root, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", command, *arguments],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._rest, self._number, self.events = b"", 0, []
        targets = self._send("Target.getTargets", {}, None)["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attach = {"targetId": page, "flatten": True}
        self._session = self._send("Target.attachToTarget", attach, None)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        """End the browser and take what it left of processes."""
        try:
            self._send("Browser.close", {}, None)
            self._process.wait(10)
        except (OSError, TimeoutError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command to the page and its answer; RuntimeError where the browser refuses it."""
        return self._send(method, params, self._session)

    def open(self, path: Path) -> None:
        """Load a file and wait until it is loaded and painted; forgets earlier events."""
        self.events.clear()
        self.send("Page.navigate", url=path.resolve().as_uri())
        self.wait(lambda: "Page.loadEventFired" in {event["method"] for event in self.events})
        self.wait(lambda: self.first_view_s())

    def first_view_s(self) -> float | None:
        """Seconds from the start of loading to the first contents on the screen."""
        paints = "performance.getEntriesByName('first-contentful-paint').map((e) => e.startTime)"
        times = self.evaluate(paints)
        return times[0] / 1000 if times else None

    def of_kind(self, *methods: str) -> list[dict[str, Any]]:
        """What the events of these kinds say."""
        return [event["params"] for event in self.events if event["method"] in methods]

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, condition: Callable[[], Any]) -> Any:
        """The condition's first true value; TimeoutError after a minute."""
        end = time.monotonic() + DEADLINE_S
        while not (found := condition()):
            if time.monotonic() > end:
                raise TimeoutError("the page did not come to what was waited for")
            self._receive(0.05)
        return found

    def size(self, width: int, height: int, *, dark: bool = False, touch: bool = False) -> None:
        """The window's size in CSS pixels, and the colour scheme that the reader prefers."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """A mouse event (mouseMoved, mousePressed, ...) at a place in the window."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def press(self, key: str, **more: Any) -> None:
        """A key down and up again."""
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **more)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, **more)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """A screenshot as PNG: of the window, or of the whole page."""
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _send(self, method: str, params: dict[str, Any], session: str | None) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        number, end = self._number, time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            for answer in self._receive(1.0):
                if answer.get("id") == number:
                    if "error" in answer:
                        raise RuntimeError(f"{method}: {answer['error']}")
                    return answer["result"]
        raise TimeoutError(f"Chromium did not answer {method}")

    def _receive(self, seconds: float) -> list[dict[str, Any]]:
        """Messages that come within `seconds`; events are kept, too."""
        if not select.select([self._read], [], [], seconds)[0]:
            return []
        content = os.read(self._read, 1 << 20)
        if not content:
            raise OSError("Chromium ended")
        *texts, self._rest = (self._rest + content).split(b"\0")
        messages = [json.loads(text) for text in texts]
        self.events += [message for message in messages if "method" in message]
        return messages


def _pipe() -> tuple[int, int]:
    """A pipe whose ends have numbers above those that the shell shall give it."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved
