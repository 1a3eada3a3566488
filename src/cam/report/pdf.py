"""A report's pages -> one PDF with running page numbers, printed by a Chromium that this machine has.

The pages are put into one document first: one browser prints it at once, numbers run through, links between pages
lead to pages of the paper, and nothing has to be merged. Chromium 131 and later write page numbers into the margin.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cam.errors import OutputError, ParamsError
from cam.report.fonts import faces

#: Names on the PATH, and places of systems that put no browser there.
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
_PLACES = {
    "linux": (
        "/snap/bin/chromium",
        "/opt/google/chrome/chrome",
        "/opt/microsoft/msedge/msedge",
        "/var/lib/flatpak/exports/bin/org.chromium.Chromium",
        "/var/lib/flatpak/exports/bin/com.google.Chrome",
    ),
    "darwin": tuple(
        f"{home}/Applications/{name}.app/Contents/MacOS/{name}"
        for home in ("", "~")
        for name in ("Google Chrome", "Chromium", "Microsoft Edge")
    ),
    "win32": tuple(
        f"${{{base}}}/{name}"
        for base in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData")
        for name in (
            "Google/Chrome/Application/chrome.exe",
            "Chromium/Application/chrome.exe",
            "Microsoft/Edge/Application/msedge.exe",
        )
    ),
}
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-pdf-header-footer",  # the style sheet writes the margins
    "--generate-pdf-document-outline",
    "--no-first-run",
    "--disable-extensions",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-dev-shm-usage",  # a container has little of it
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
#: Seconds for one document; the demo's takes a few.
_PATIENCE = 300.0
#: Attributes that name an id, and those that may name several or an address.
_IDS = re.compile(r' (id|for|aria-labelledby|aria-describedby|aria-controls)="([^"]*)"')
_HREF = re.compile(r' href="([^"]*)"')


def find_browser(environment: Mapping[str, str] | None = None) -> Path:
    """Find a Chromium, Chrome or Edge: what ``CAM_CHROMIUM`` names, else on the PATH, else in the usual places.

    Parameters
    ----------
    environment : mapping of str to str, optional
        By default that of this process.

    Returns
    -------
    Path
        The program.

    Raises
    ------
    ParamsError
        If there is none, with what to install or set.
    """
    given = os.environ if environment is None else environment
    path = given.get("PATH")
    if named := given.get("CAM_CHROMIUM"):
        # What has a folder is no name for the PATH; a home that nobody has stays as it is written.
        place = os.path.expanduser(named)  # noqa: PTH111
        found = shutil.which(Path(place).absolute() if Path(place).name != place else place, path=path)
        if found is None:
            raise ParamsError(
                f"CAM_CHROMIUM={named}: no program is there. Name that of Chromium, Chrome or Edge, or unset it."
            )
        return Path(found)
    for place in (*_NAMES, *_places(given)):
        if found := shutil.which(place, path=path):
            return Path(found)
    raise ParamsError(
        "--pdf needs Chromium, Chrome or Edge to print with, and none is here. Install one (Debian: apt-get install "
        "chromium; macOS: brew install --cask chromium; Windows: Edge is part of it), or name its program in the "
        "environment variable CAM_CHROMIUM. Nothing was run; without --pdf the report needs no browser."
    )


def print_pdf(pages: Sequence[Path], folder: Path, *, browser: Path, timeout: float = _PATIENCE) -> Path:
    """Print pages of a report, in their order, as one PDF.

    Parameters
    ----------
    pages : sequence of Path
        The overview first.
    folder : Path
        Where to work: made here, with the browser's profile in it; the caller removes it. A browser in a
        snap sees no temporary folder, so let it be beside the report.
    browser : Path
        From :func:`find_browser`.
    timeout : float
        Seconds to wait before the browser is stopped.

    Returns
    -------
    Path
        The PDF in *folder*.

    Raises
    ------
    OutputError
        If the browser cannot be started, hangs, crashes or writes no whole PDF.
    """
    folder = folder.absolute()  # an address names no place that is relative
    folder.mkdir()
    document, made = folder / "report.html", folder / "report.pdf"
    text = one_document({page.name: page.read_text(encoding="utf-8") for page in pages})
    document.write_text(text, encoding="utf-8", newline="\n")
    flags = [*_FLAGS, f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={made}"]
    if sys.platform == "linux" and os.geteuid() == 0:
        # Chromium refuses to start its sandbox for root, as in a container. What it opens is our own page: no script,
        # nothing from elsewhere.
        flags.append("--no-sandbox")
    code = _run([str(browser), *flags, document.as_uri()], folder / "said.txt", timeout, browser)
    if code != 0 or not _is_whole(made):
        said = (folder / "said.txt").read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        raise OutputError(f"{browser} printed no PDF (exit {code}){f': {last}' if last else '.'}")
    return made


def one_document(pages: Mapping[str, str]) -> str:
    """Put the pages of a report into one that is only for paper.

    Parameters
    ----------
    pages : mapping of str to str
        File name and HTML of each page, in order; as the templates of this package make them.

    Returns
    -------
    str
        HTML without script: each page begins on a sheet of its own, under its own running head; ids are unique,
        links between the pages lead to their place in it, links to other files are text; the foot stands once.
    """
    names = {name: f"p{number}-" for number, name in enumerate(pages)}
    first = next(iter(pages.values()))
    heads, parts = [], []
    for name, html in pages.items():
        sheet = names[name].rstrip("-")
        heads.append(
            f".{sheet}{{page:{sheet}}}@page {sheet}{{@bottom-left{{content:{_between(html, *_HEAD)}}}}}"
        )
        part = _between(html, '<div class="layout', '<footer class="foot">')
        parts.append(f'<div class="sheet {sheet}"><div class="layout{_own(part, name, names)}</div>')
    top, foot = (
        _own(f"{start}{_between(first, start, end)}{end}", "", names)
        for start, end in (('<header class="top">', "</header>"), ('<footer class="foot">', "</footer>"))
    )
    # Within the first sheet and the last: another page name would begin a new page.
    parts[0] = parts[0].replace(">", f">{top}", 1)
    parts[-1] = parts[-1].removesuffix("</div>") + f"{foot}</div>"
    body = "\n".join(parts)
    language, title = _between(first, '<html lang="', '"'), _between(first, "<title>", "</title>")
    style = re.sub(r"@font-face\{[^}]*\}\n?", "", _between(first, "<style>", "</style>"))
    fonts = "\n".join(faces(body, "zh" if language.startswith("zh") else language))
    policy = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:"
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<title>{title}</title>\n'
        f"<style>\n{fonts}\n{style}\n{chr(10).join(heads)}\n</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


#: Where a page says what its running head is; see ``frame.html.j2``.
_HEAD = ("\n@page{@bottom-left{content:", "}}\n</style>")


def _between(html: str, start: str, end: str) -> str:
    return html.partition(start)[2].partition(end)[0]


def _own(html: str, name: str, names: Mapping[str, str]) -> str:
    """Give what stands on page *name* its own ids, and let its links lead to where the other pages are now."""
    prefix = names.get(name, "")

    def ids(match: re.Match[str]) -> str:
        return f' {match[1]}="{" ".join(prefix + one for one in match[2].split())}"'

    def href(match: re.Match[str]) -> str:
        page, sign, there = match[1].partition("#")
        if ":" in page:  # another site, or a picture that stands in its address
            return match[0]
        if page and page not in names:
            return ""  # a file beside the report: a PDF that was mailed has none beside it
        return f' href="#{names[page] if page else prefix}{there if sign else "main"}"'

    def tag(match: re.Match[str]) -> str:
        own = _HREF.sub(href, _IDS.sub(ids, match[0]))
        return own.replace("url(#", f"url(#{prefix}")

    return re.sub(r"<[a-zA-Z][^>]*>", tag, html)


def _places(environment: Mapping[str, str]) -> Iterator[str]:
    for place in _PLACES.get(sys.platform, ()):
        base = re.match(r"\$\{(.*?)\}", place)
        if base is None:
            yield str(Path(place).expanduser())
        elif folder := environment.get(base[1]):
            yield folder + place[base.end() :]


def _run(command: list[str], said: Path, timeout: float, browser: Path) -> int:
    """Run the browser to its end, or end it with all that it started; what it says goes to a file.

    Not to a pipe: what outlives the browser would keep it open.
    """
    with said.open("wb") as stream:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
            )
        except OSError as error:
            raise OutputError(f"{browser} cannot be started ({error.strerror}).") from None
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise OutputError(f"{browser} printed no PDF within {timeout:g} s and was stopped.") from None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    import psutil  # here, because a browser that ends by itself leaves nothing

    with suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in family:
            with suppress(psutil.Error):
                child.kill()
    process.wait()


def _is_whole(path: Path) -> bool:
    """Whether a PDF is there from its first line to its last."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return content.startswith(b"%PDF-") and b"%%EOF" in content[-32:]
