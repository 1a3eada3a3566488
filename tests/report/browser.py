"""Reports opened in a real browser: headless Chromium, spoken to through a pipe, with nothing to install."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from needs import skip_or_fail

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
PATIENCE = 180.0  # seconds for one answer; a busy machine is slow to start a browser

# Chromium listens on descriptor 3 and answers on 4; this small program puts the pipe's ends there.
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


@dataclass(frozen=True, slots=True)
class PageVisit:
    """What happened when a page was opened.

    Parameters
    ----------
    console_errors
        Errors and warnings on the console, refusals of the content security policy among them.
    requests
        Addresses asked for, other than the page itself and data inside it.
    scroll_width
        Width that the page takes, in CSS pixels; more than `width` means that the page scrolls sideways.
    width
        Width of the window, in CSS pixels.
    fonts
        Families of embedded fonts that were loaded.
    answer
        What the script passed to `open_page` gave back.
    """

    console_errors: tuple[str, ...]
    requests: tuple[str, ...]
    scroll_width: int
    width: int
    fonts: tuple[str, ...]
    answer: Any = None


def chromium() -> str:
    """The path of Chromium; skips the test where there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    skip_or_fail("no browser found, so no page is opened in one; cure: apt-get install chromium")
    return None


class _Pipe:
    """Chromium's own protocol: JSON messages, each ended by a zero byte."""

    def __init__(self, read: int, write: int) -> None:
        self.events: list[dict[str, Any]] = []
        self._read, self._write = read, write
        self._buffer = b""
        self._number = 0

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda m: m.get("id") == self._number, method)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return dict(answer["result"])

    def wait(self, event: str) -> None:
        if not any(m.get("method") == event for m in self.events):
            self._until(lambda m: m.get("method") == event, event)

    def _until(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while True:
            while b"\0" not in self._buffer:
                ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
                piece = os.read(self._read, 1 << 20) if ready else b""
                if not piece:
                    raise TimeoutError(f"Chromium gave no answer to {what}")
                self._buffer += piece
            line, self._buffer = self._buffer.split(b"\0", 1)
            message = json.loads(line)
            if "method" in message:
                self.events.append(message)
            if wanted(message):
                return dict(message)


@contextlib.contextmanager
def _browser() -> Iterator[_Pipe]:
    program = chromium()
    to_browser, our_write = os.pipe()
    our_read, from_browser = os.pipe()
    with tempfile.TemporaryDirectory(prefix="cam-browser-", ignore_cleanup_errors=True) as profile:
        command = [sys.executable, "-S", "-E", "-c", _LAUNCH, str(to_browser), str(from_browser), program]
        process = subprocess.Popen(
            [*command, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        pipe = _Pipe(our_read, our_write)
        try:
            yield pipe
        finally:
            with contextlib.suppress(OSError, TimeoutError, RuntimeError):
                pipe.call("Browser.close")
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(our_read)
            os.close(our_write)


@contextlib.contextmanager
def _opened(path: Path, width: int, height: int) -> Iterator[tuple[_Pipe, str]]:
    with _browser() as pipe:
        target = pipe.call("Target.createTarget", url="about:blank")["targetId"]
        session = pipe.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            pipe.call(f"{domain}.enable", session)
        _resize(pipe, session, width, height)
        pipe.events.clear()
        pipe.call("Page.navigate", session, url=Path(path).resolve().as_uri())
        pipe.wait("Page.loadEventFired")
        _evaluate(pipe, session, "document.fonts.ready.then(() => true)")
        yield pipe, session


def _resize(pipe: _Pipe, session: str, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    pipe.call("Emulation.setDeviceMetricsOverride", session, **size)


def _evaluate(pipe: _Pipe, session: str, script: str) -> Any:
    options = {"returnByValue": True, "awaitPromise": True}
    answer = pipe.call("Runtime.evaluate", session, expression=script, **options)
    if "exceptionDetails" in answer:
        raise RuntimeError(str(answer["exceptionDetails"]))
    return answer["result"].get("value")


def _console_errors(events: list[dict[str, Any]]) -> Iterator[str]:
    for event in events:
        params = event.get("params", {})
        if event["method"] == "Runtime.exceptionThrown":
            yield str(params["exceptionDetails"].get("text"))
        elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            yield str(params["entry"]["text"])
        elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in (
            "error",
            "warning",
            "assert",
        ):
            yield " ".join(str(argument.get("value")) for argument in params["args"])


def open_page(
    path: Path,
    width: int = 1440,
    *,
    height: int = 900,
    script: str | None = None,
    picture: Path | None = None,
    tall: bool = False,
) -> PageVisit:
    """Open a page at a window's width, run a script in it if one is given, and tell what happened.

    A `picture` (PNG) of the whole page is kept if asked for. A `tall` window holds the whole page, so that a script can
    ask what lies at any point of it.
    """
    with _opened(path, width, height) as (pipe, session):
        if picture:
            shot = pipe.call("Page.captureScreenshot", session, format="png", captureBeyondViewport=True)
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_bytes(base64.b64decode(shot["data"]))
        if tall:
            height = _evaluate(pipe, session, "document.documentElement.scrollHeight")
            _resize(pipe, session, width, height)
        answer = _evaluate(pipe, session, script) if script else None
        scroll_width = _evaluate(pipe, session, "document.documentElement.scrollWidth")
        loaded = (
            "[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family.replace(/\"/g, ''))"
        )
        families = _evaluate(pipe, session, loaded)
        sent = [
            e["params"]["request"]["url"] for e in pipe.events if e["method"] == "Network.requestWillBeSent"
        ]
        own = (Path(path).resolve().as_uri(), "data:")
        return PageVisit(
            console_errors=tuple(_console_errors(pipe.events)),
            requests=tuple(url for url in sent if not url.startswith(own)),
            scroll_width=int(scroll_width),
            width=width,
            fonts=tuple(sorted(families)),
            answer=answer,
        )


def screenshot(path: Path, width: int, out: Path, *, height: int = 900, whole: bool = True) -> Path:
    """Save a picture (PNG) of a page, from top to bottom unless `whole` is False."""
    with _opened(path, width, height) as (pipe, session):
        shot = pipe.call("Page.captureScreenshot", session, format="png", captureBeyondViewport=whole)
        out.write_bytes(base64.b64decode(shot["data"]))
    return out


def print_pdf(path: Path, out: Path) -> Path:
    """Print a page to PDF as a reader's browser would, with the page's own paper size."""
    with _opened(path, 1440, 900) as (pipe, session):
        options = {"preferCSSPageSize": True, "printBackground": True, "displayHeaderFooter": False}
        out.write_bytes(base64.b64decode(pipe.call("Page.printToPDF", session, **options)["data"]))
    return out


if __name__ == "__main__":
    # python browser.py PAGE PICTURE: the top of a page at desktop width, for the README
    screenshot(Path(sys.argv[1]), 1280, Path(sys.argv[2]), height=1310, whole=False)
