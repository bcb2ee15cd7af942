"""A headless Chromium, spoken to in the DevTools protocol over two pipes: no driver, no sockets."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, Queue
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
# The browser reads commands from file descriptor 3 and writes to 4.
PIPES = """
import fcntl, os, sys
high = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3]]
for place, one in enumerate(high, 3):
    os.dup2(one, place)
    os.close(one)
os.execv(sys.argv[3], sys.argv[3:])
"""
PATIENCE = 60.0  # seconds for whatever is waited for


def find_chromium() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One process; what a page logs, and which requests it makes, are kept."""

    def __init__(self, program: str, profile: Path) -> None:
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        command = [program, *OPTIONS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", PIPES, str(to_read), str(to_write), *command],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._answers: Queue[dict[str, Any]] = Queue()
        self.events: list[dict[str, Any]] = []
        self._asked = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        rest = b""
        while block := os.read(self._in, 1 << 16):
            *whole, rest = (rest + block).split(b"\0")
            for text in whole:
                message = json.loads(text)
                (self._answers.put if "id" in message else self.events.append)(message)

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._asked += 1
        message: dict[str, Any] = {"id": self._asked, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            try:
                answer = self._answers.get(timeout=PATIENCE)
            except Empty:
                raise AssertionError(f"Chromium gave no answer to {method}") from None
            if answer["id"] == self._asked:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found

    def tab(self, url: str, width: int = 1200, height: int = 800) -> Tab:
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        opened = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        tab = Tab(self, target, opened["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.ask(f"{domain}.enable")
        tab.resize(width, height)
        tab.ask("Page.navigate", url=url)
        return tab

    def close(self) -> None:
        os.close(self._out)  # without commands to come it ends by itself
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Tab:
    """A page, used by keys and mouse, and looked at by script."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self.browser, self.target, self.session = browser, target, session

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.ask(method, self.session, **params)

    def run(self, script: str) -> Any:
        """Return what an expression gives, promises awaited."""
        found = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str, patience: float = PATIENCE) -> Any:
        """Return what an expression gives, once that is neither false nor null."""
        until = time.monotonic() + patience
        looked = f"""(() => {{
          try {{ const found = {script}; return found instanceof Node || found }} catch {{}}
        }})()"""
        while not (found := self.run(looked)):
            assert time.monotonic() < until, f"waited in vain for {script}; {self.text()}"
            time.sleep(0.02)
        return found

    def text(self, selector: str = "body") -> str:
        found = self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")
        return str(found)

    def click(self, selector: str, named: str | None = None) -> None:
        """Press the mouse on the element, or on that of those whose text is `named`."""
        place = self.wait(
            f"""(() => {{
              const all = [...document.querySelectorAll({json.dumps(selector)})];
              const one = all.find((node) => {json.dumps(named)} === null
                || node.textContent === {json.dumps(named)});
              one.scrollIntoView({{ block: "nearest" }});
              const box = one.getBoundingClientRect();
              return one.disabled || !box.width
                ? null : [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def press(self, key: str, modifiers: int = 0) -> None:
        """Press and release a key such as `Enter`; modifier 8 is Shift."""
        code = {"Enter": 13, "Escape": 27, "Tab": 9, "Backspace": 8}[key]
        more: dict[str, Any] = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                modifiers=modifiers,
                **(more if kind == "keyDown" else {}),
            )

    def fill(self, selector: str, text: str) -> None:
        """Replace what a field holds, and leave it."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.run("document.activeElement.select()")
        if text:
            self.type(text)
        else:
            self.press("Backspace")
        self.run("document.activeElement.blur()")

    def say(self, text: str) -> None:
        """Write a message and send it by Enter."""
        self.run("document.querySelector('#question').focus()")
        self.type(text)
        self.press("Enter")

    def resize(self, width: int, height: int) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def dark(self, wanted: bool = True) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def seen(self, method: str) -> list[dict[str, Any]]:
        """Return the events of this tab of one kind."""
        return [
            event["params"]
            for event in list(self.browser.events)
            if event["method"] == method and event.get("sessionId") == self.session
        ]

    def close(self) -> None:
        self.browser.ask("Target.closeTarget", targetId=self.target)
