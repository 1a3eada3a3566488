"""Why a Spark does not start, found without starting one: its Java, and the master that its configuration names."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

#: The least that Spark 4.0 runs on.
_JAVA = 17
_CURE = "Install Java 17 or 21 (Debian: openjdk-17-jre-headless), or set JAVA_HOME to its folder."
#: Where a master listens that is named without a port, and for how many seconds its answer is waited for.
_PORTS = {"spark": 7077, "sc": 15002}
_WAIT = 5.0
_FAULT = re.compile(r"(?:Caused by: |Exception in thread \S+ |: )?[\w.$]+(?:Exception|Error): (.+)")
_LOGGED = re.compile(
    r"\d\d/\d\d/\d\d |\s+at |\s*\.\.\. |WARNING: |Using Spark's |Setting default log |To adjust "
)


def why_not() -> str:
    """Say why Spark cannot start here, with the cure; nothing where that takes a start to know.

    Returns
    -------
    str
        A sentence or two, or nothing.
    """
    return _java_fault() or _master_fault()


def what_it_said(written: str, error: str) -> str:
    r"""Find what matters in what Java wrote while Spark failed to start.

    Parameters
    ----------
    written : str
        Its error stream.
    error : str
        What came to Python.

    Returns
    -------
    str
        One sentence.

    Examples
    --------
    >>> what_it_said("26/01/01 WARN x\nException in thread \"main\" a.b.SparkException: no such master\n\tat a.b", "")
    'no such master'
    """
    if "All masters are unresponsive" in written:
        return "no master answers as one of Spark"
    for text in (written, error):
        lines = text.strip().splitlines()
        faults = [found[1] for line in lines if (found := _FAULT.match(line))]
        plain = faults or [line for line in lines if line.strip() and not _LOGGED.match(line)]
        if plain:
            return " ".join(plain[-1].split())[:300].rstrip(".")
    return "it says nothing"


def _java_fault() -> str:
    if os.environ.get("SPARK_REMOTE") or any((folder / "spark-env.sh").exists() for folder in _folders()):
        return ""  # Java runs elsewhere, or is named there
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home) / "bin" / "java")) if home else shutil.which("java")
    if home and not java:
        other = shutil.which("java")
        cure = (
            f"Unset JAVA_HOME to take {other}, or set it to the folder of a Java 17 or 21."
            if other
            else _CURE
        )
        return f"Spark needs Java, and JAVA_HOME names {home}, where there is none (bin/java). {cure}"
    if not java:
        return f"Spark needs Java, and there is none here. {_CURE}"
    said = ""
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
        said = done.stderr + done.stdout
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found and int(found[1]) < _JAVA:
        return f"Spark needs Java {_JAVA} or later, and {java} is Java {found[1]}. {_CURE}"
    return "" if found else f"Spark needs Java, and {java} does not run. {_CURE}"


def _master_fault() -> str:
    master, place = _master()
    scheme, _, rest = master.partition("://")
    if scheme not in _PORTS or not rest:
        return ""
    places = re.split("[/;]", rest)[0].split(",")
    said = ""
    for each in places:
        try:
            found = urlsplit(f"//{each}")
            socket.create_connection((found.hostname or "", found.port or _PORTS[scheme]), _WAIT).close()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or str(error)
        else:
            return ""
    cure = "Start it there, or name another."
    return f"no Spark answers at {scheme}://{','.join(places)}, which {place} names: {said}. {cure}"


def _master() -> tuple[str, str]:
    """The master that Spark will look for, and what names it; nothing where none is named."""
    if remote := os.environ.get("SPARK_REMOTE"):
        return remote, "SPARK_REMOTE"
    words: list[str] = []
    with suppress(ValueError):
        words = shlex.split(os.environ.get("PYSPARK_SUBMIT_ARGS", ""))
    for word, after in pairwise([*words, ""]):
        option, _, value = word.partition("=")
        value = value or after
        if option in {"--conf", "-c"} and value.startswith("spark.master="):
            option, value = "--master", value.partition("=")[2]
        if option == "--master":
            return value, "PYSPARK_SUBMIT_ARGS"
    for folder in _folders():
        path = folder / "spark-defaults.conf"
        with suppress(OSError, UnicodeDecodeError):
            found = re.findall(
                r"(?m)^\s*spark\.master(?:\s*[=:]\s*|\s+)(\S+)", path.read_text(encoding="utf-8")
            )
            return (found[-1] if found else ""), str(path)
    return "", ""


def _folders() -> list[Path]:
    """The folder of Spark's configuration, where one is named."""
    if folder := os.environ.get("SPARK_CONF_DIR"):
        return [Path(folder)]
    home = os.environ.get("SPARK_HOME")
    return [Path(home) / "conf"] if home else []
