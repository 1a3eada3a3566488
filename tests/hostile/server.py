"""Runs `cam` once per line of its input, each time in a process of its own, and tells how it went.

What `cam` imports is imported once, before the first fork: a case then costs what its input costs.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import time
from typing import Any

#: Root may read any file; a process without these two capabilities may not.
_MAY_READ_ALL = (1 << 1) | (1 << 2)


def _drop_rights() -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, sets) == 0:
        for index in (0, 1):  # effective and permitted
            sets[index] &= ~_MAY_READ_ALL
        libc.capset(header, sets)


def _in_child(task: dict[str, Any]) -> None:
    os.setsid()
    for descriptor, name in ((1, "out"), (2, "err")):
        opened = os.open(task[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(task["cwd"])
    if task["without_rights"]:
        _drop_rights()
    sys.argv = ["cam", *task["args"]]
    from cam.cli import main

    main()


def _touch(path: str, ended: threading.Event) -> None:
    """Let a file grow while it is read, as one does that is still being exported."""
    while not ended.wait(0.002):
        with open(path, "ab") as stream:  # noqa: PTH123
            stream.write(b"late,2024-05-05,1.00\n")


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Run one case; its time, its peak of memory, its exit code."""
    ended = threading.Event()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            _in_child(task)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    if task["grows"]:
        threading.Thread(target=_touch, args=(task["grows"], ended), daemon=True).start()
    is_late = False
    while True:
        found, status, usage = os.wait4(child, os.WNOHANG)
        if found:
            break
        if not is_late and time.monotonic() - began > task["limit"]:
            is_late = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        time.sleep(0.002)
    ended.set()
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - began,
        "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "is_late": is_late,
    }


def main() -> None:
    """Import what most cases need, and what the first line names; then answer one line of JSON with another."""
    import cam.cli
    import cam.studies.client
    import cam.studies.reconciliation

    del cam
    for name in json.loads(sys.stdin.readline()):
        with contextlib.suppress(Exception):  # a module that only one command has
            importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
