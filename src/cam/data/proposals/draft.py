"""A first parameter file from what was recognised: every line with its evidence, what is open as a question."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cam.data.notes import Note
from cam.data.presets.apply import load_preset
from cam.data.proposals.client import agreed_currency, client_questions, mapped
from cam.data.proposals.lines import (
    MARGIN,
    OPEN,
    WIDE,
    comment,
    entry,
    padded,
    remark,
    scalar,
    shown,
    width,
    wrapped,
)
from cam.data.proposals.recognise import Pick, Proposal, Recognition
from cam.errors import ParamsError
from cam.params import read_params
from cam.params.values import ID_PATTERN
from cam.schema import TABLES

Say = Callable[[Note], str]

#: Files that are listed one by one.
_LISTED = 12


def draft(found: Recognition, *, name: str, root: Path, language: str, currency: str | None, say: Say) -> str:
    """Return the text of a parameter file.

    Parameters
    ----------
    found : Recognition
        What was recognised.
    name : str
        The client's id.
    root : Path
        The project's root, where relative paths start.
    language : str
        ``en`` or ``zh``.
    currency : str or None
        As the person names it; by default as the data do.
    say : callable
        Turns a note into words of the language.

    Returns
    -------
    str
        YAML that :func:`cam.params.read_params` accepts.
    """
    asked = client_questions(found, currency)
    lines = list(_opening(name, found.n_questions + len(asked), say))
    lines += _client(found, name, language, currency, asked, say)
    base = _base(found, root)
    lines += ["data:"]
    if base != root:
        lines += [entry(1, "root", str(base))]
    for proposal in found.proposals:
        lines += _table(proposal, base, language, say)
    for second in found.seconds:
        options = {key: value for key, value in second.head.options.items() if value}
        value = {"path": _path(second.head.path, base), "columns": second.columns}
        value |= {"options": options} if options else {}
        lines += [entry(1, second.table, value, say(second.why), is_question=True)]
    for note in found.passed:
        lines += remark(1, say(note), OPEN)
    for note in found.others:
        lines += remark(1, say(note))
    lines += _hints(found, asked, say)
    return "\n".join(lines) + "\n"


def place(text: str, path: Path) -> None:
    """Put a parameter file in its place, whole or not at all, and never over another.

    Parameters
    ----------
    text : str
        From :func:`draft`.
    path : Path
        ``params/<client>.yaml``.

    Raises
    ------
    ParamsError
        If there is one already.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_text(text, encoding="utf-8")
        read_params(trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        Path(made).chmod(0o644)
        try:
            os.link(made, path)  # refuses to write over a file, in one step
        except FileExistsError:
            raise exists(path) from None
        except OSError:  # a disk without links
            if path.exists():
                raise exists(path) from None
            Path(made).rename(path)
    finally:
        Path(made).unlink(missing_ok=True)


def exists(path: Path) -> ParamsError:
    """The error that a client's parameter file is there already."""
    return ParamsError(
        f"params/{path.name} is there already, and nothing was written. Choose another name; "
        f"or change that file, which `cam check {path.stem}` reads; or move it away."
    )


def refuse_name(name: str) -> None:
    """Refuse a name that no client can have.

    Parameters
    ----------
    name : str
        As the person wrote it.

    Raises
    ------
    ParamsError
        With a name that would do.

    Examples
    --------
    >>> refuse_name("acme-2")
    """
    if name == "template":
        raise ParamsError(
            "template: params/template.yaml lists every key; choose another name for the client."
        )
    if not ID_PATTERN.fullmatch(name):
        plain = re.sub("[^a-z0-9]+", "-", unicodedata.normalize("NFKD", name).casefold()).strip("-")
        near = f", such as {plain}" if plain and ID_PATTERN.fullmatch(plain) else ", such as acme-2"
        raise ParamsError(
            f"{name[:80]!r} cannot be a client's name: lower-case letters, digits and single hyphens, at most 64{near}."
        )


# --- the parts of the file ------------------------------------------------------------------------


def _opening(name: str, n: int, say: Say) -> Iterator[str]:
    yield "# " + say(Note("Written by `cam new`: behind each line stands its evidence."))
    if n:
        words = 'Questions: {n}. Take "# ? " off what is right; what begins with "# ??" is settled elsewhere.'
        yield "# " + say(Note(words, n=n))
    yield "# " + say(Note("Next: `cam check {name}` reads everything and accounts for every row.", name=name))
    yield "# " + say(Note("All keys: params/template.yaml"))


def _client(
    found: Recognition,
    name: str,
    language: str,
    currency: str | None,
    asked: Sequence[tuple[str, str, Note]],
    say: Say,
) -> Iterator[str]:
    yield "client:"
    yield entry(1, "name", " ".join(part.capitalize() for part in name.split("-")))
    yield entry(1, "language", language)
    if currency:
        yield entry(1, "currency", currency)
    elif agreed := agreed_currency(found):
        yield entry(1, "currency", agreed[0], say(agreed[1]))
    for key, value, why in asked:
        section, _, name = key.partition(".")
        if section == "client":
            yield entry(1, name, value, say(why), is_question=True)


def _base(found: Recognition, root: Path) -> Path:
    """Where paths start: the project's root, or the folder of files that lie outside of it."""
    folders = {head.path.parent for proposal in found.proposals for head in proposal.heads}
    if all(folder == root or root in folder.parents for folder in folders):
        return root
    return folders.pop() if len(folders) == 1 else root


def _path(path: Path, base: Path) -> str:
    """A path as the parameter file says it; absolute where a relative one would mean something else."""
    if base in path.parents:
        relative = path.relative_to(base).as_posix()
        if not re.match(r"~|package:|sample:", relative):
            return relative
    return str(path)


def _paths(proposal: Proposal, base: Path) -> list[str]:
    """One path, a list of them, or a pattern that finds just these files."""
    paths = [head.path for head in proposal.heads]
    if len(paths) > _LISTED and len({path.parent for path in paths}) == 1:
        names = sorted(path.name for path in paths)
        start = _common(names)
        end = _common([name[::-1] for name in names])[::-1]
        pattern = f"{start}*{end}" if not set("*?[") & set(start + end) else ""
        if pattern and sorted(path.name for path in paths[0].parent.glob(pattern)) == names:
            return [_path(paths[0].parent / pattern, base)]
    return [_path(path, base) for path in paths]


def _common(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    same = next((at for at, sign in enumerate(first) if last[at : at + 1] != sign), len(first))
    return first[:same]


def _table(proposal: Proposal, base: Path, language: str, say: Say) -> Iterator[str]:
    paths = _paths(proposal, base)
    yield padded(f"  {proposal.table}:", MARGIN) + f" # {comment(say(_size(proposal)))}"
    if len(paths) == 1:
        yield entry(2, "path", paths[0])
    else:
        yield "    path:"
        yield from (f"      - {scalar(path)}" for path in paths)
    if proposal.preset:
        named = f"{proposal.preset.preset}/{proposal.preset.export}"
        known = ", ".join(proposal.preset.known_by)
        yield entry(2, "preset", named, say(Note("recognised by {columns}", columns=shown(known, 80))))
        for text in preset_words(proposal, language):
            yield from remark(2, text)
    yield from _columns(proposal, say)
    yield from _options(proposal, say)
    for doubt in proposal.doubts:
        if doubt.key is None:
            yield from remark(2, say(doubt.why), OPEN)
    for note in _others(proposal, say):
        yield from remark(2, say(note))


def preset_words(proposal: Proposal, language: str) -> list[str]:
    """What the preset says of such a file, in the reader's language."""
    if not proposal.preset:
        return []
    export = load_preset(proposal.preset.preset).exports[proposal.preset.export]
    return [note[language] for note in export.notes]


def _others(proposal: Proposal, say: Say) -> list[Note]:
    """The columns that no role has."""
    personal = list(proposal.personal.items())[:_LISTED]
    named = ", ".join(f"{shown(name)} ({say(Note(what))})" for name, what in personal)
    notes = [Note("kept as attributes: {columns}", columns=_some(proposal.kept))] if proposal.kept else []
    if proposal.personal:
        notes.append(Note("left out, for they name a person: {columns}", columns=named))
    if proposal.unused:
        notes.append(Note("not read: {columns}", columns=_some(proposal.unused)))
    return notes


def _block(key: str, lines: Sequence[str]) -> Iterator[str]:
    """Entries under a key; where all of them are comments, so is the key."""
    lines = [part for line in lines for part in line.split("\n")]
    if not lines:
        return
    active = any(not line.lstrip().startswith("#") for line in lines)
    yield f"    {key}:" if active else f"    # {key}:"
    yield from lines


def _in_one_line(key: str, entries: Sequence[tuple[str, Any, str]]) -> Iterator[str]:
    """Questions under a key that has nothing else: in one line, for a child without its parent would be no YAML."""
    for name, value, why in entries:
        yield from remark(2, f"{key}.{name}: {scalar(value)}; {why}" if len(entries) > 1 else why)
    yield entry(2, key, {name: value for name, value, _ in entries}, is_question=True)


def _columns(proposal: Proposal, say: Say) -> Iterator[str]:
    preset = proposal.preset.columns if proposal.preset else {}
    values: dict[str, Any] = {
        pick.name: pick.columns[0] if len(pick.columns) == 1 else list(pick.columns)
        for pick in proposal.picks
    }
    own = [pick for pick in proposal.picks if pick.name not in preset]
    needed = "needed, and no column seems to be it: {meaning}"
    missing = []
    for name in proposal.missing:
        column = TABLES[proposal.table].column(name)
        assert column is not None
        missing.append((name, "…", say(Note(needed, meaning=say(Note(column.meaning))))))
    doubtful = [(pick.name, values[pick.name], _why(pick, say)) for pick in own if not pick.is_sure]
    if (doubtful or missing) and not any(pick.is_sure for pick in own):
        said = [f"      # {name}: {comment(scalar(values[name]))}" for name in values if name in preset]
        yield from _block("columns", said)  # the preset says them
        yield from _in_one_line("columns", [*doubtful, *missing])
        return
    lines = []
    for pick in proposal.picks:
        if pick.name in preset:
            lines.append(f"      # {pick.name}: {comment(scalar(values[pick.name]))}")  # the preset says it
        else:
            lines.append(
                entry(3, pick.name, values[pick.name], _why(pick, say), is_question=not pick.is_sure)
            )
    lines += [entry(3, name, value, why, is_question=True) for name, value, why in missing]
    yield from _block("columns", lines)


def _why(pick: Pick, say: Say) -> str:
    rivals = [Note("or {columns}", columns=_some(pick.rivals, 4))] if pick.rivals else []
    return "; ".join(say(note) for note in (*pick.why[:1], *rivals, *pick.why[1:]))


def _options(proposal: Proposal, say: Say) -> Iterator[str]:
    said = [
        line
        for key, value in proposal.preset_options.items()
        for line in remark(3, f"{key}: {scalar(value)}")
    ]
    settled = [line for one in proposal.settled for line in _option(one.key, one.value, say(one.why))]
    asked = [(doubt.key, doubt.value, say(doubt.why)) for doubt in proposal.doubts if doubt.key]
    if settled or not asked:
        questions = [entry(3, key, value, why, is_question=True) for key, value, why in asked]
        yield from _block("options", [*said, *settled, *questions])
    else:
        yield from _block("options", said)
        yield from _in_one_line("options", asked)


def _option(key: str, value: Any, why: str) -> Iterator[str]:
    if key == "states":
        yield from remark(3, why)
        yield "      states:"
        yield from (f"        {part}: {scalar(inner)}" for part, inner in value.items())
    else:
        yield entry(3, key, value, why)


def _some(names: Iterable[str], most: int = 12) -> str:
    names = list(names)
    more = ", …" if len(names) > most else ""
    return ", ".join(shown(name) for name in names[:most]) + more


def _size(proposal: Proposal) -> Note:
    n = sum(head.n_rows for head in proposal.heads)
    exact = all(head.is_counted for head in proposal.heads)
    files = len(proposal.heads)
    if files > 1:
        return Note(
            "{files} files, {n} rows" if exact else "{files} files, about {n} rows",
            files=files,
            n=_round(n, exact),
        )
    return Note("{n} rows" if exact else "about {n} rows", n=_round(n, exact))


def _round(n: int, exact: bool) -> int:
    return n if exact or n < 1000 else round(n, 2 - len(str(n)))


def _hints(found: Recognition, asked: Sequence[tuple[str, str, Note]], say: Say) -> Iterator[str]:
    """What the studies will ask for beside the data."""
    setting = [(value, why) for key, value, why in asked if key == "value.setting"]
    no_cost = any(one.table == "transactions" and "cost" not in mapped(one) for one in found.proposals)
    hint = comment(say(Note("an example: worth is margin, and no column has the cost")))
    for value, why in setting:
        yield entry(0, "value", {"setting": value}, say(why), is_question=True)
        if no_cost:
            yield f"{padded('# value: margin_rate: 0.30', MARGIN)} # {hint}"
    if no_cost and not setting:
        yield "# value:"
        yield f"{padded('#   margin_rate: 0.30', MARGIN)} # {hint}"


# --- what the person sees -------------------------------------------------------------------------


def told(found: Recognition, *, language: str, currency: str | None, say: Say) -> list[str]:
    """Return what would be read, in lines for a terminal.

    Parameters
    ----------
    found : Recognition
        What was recognised.
    language : str
        ``en`` or ``zh``.
    currency : str or None
        As the person names it.
    say : callable
        Turns a note into words of the language.

    Returns
    -------
    list of str
        The last says how many questions are open.
    """
    lines: list[str] = []
    for proposal in found.proposals:
        for head in proposal.heads[:_LISTED]:
            rows = Note(
                "{n} rows" if head.is_counted else "about {n} rows", n=_round(head.n_rows, head.is_counted)
            )
            written = [_written(note, head.path.name, proposal.table, say) for note in head.notes]
            lines.append("  ".join([shown(head.shown, 60), ", ".join([say(rows), *written])]))
        if len(proposal.heads) > _LISTED:
            lines.append(say(Note("and {n} more files of the same columns", n=len(proposal.heads) - _LISTED)))
        lines += _told_table(proposal, language, say)
        lines.append("")
    for second in found.seconds:
        lines += _hung(f"? {second.table}  ", say(second.why))
    for note in found.passed:
        lines += _hung("? ", say(note))
    for note in found.others:
        lines += _hung("  ", say(note))
    asked = client_questions(found, currency)
    for key, value, why in asked:
        lines += _hung(f"? {key}: {value}  ", say(why))
    n = found.n_questions + len(asked)
    words = 'Open questions: {n}. In the file they begin with "# ?".' if n else "No question is open."
    return [*lines, say(Note(words, n=n))]


def _written(note: str, file: str, table: str, say: Say) -> str:
    """How a file is written; the reader had no table for it yet, and so has a name of its own for that."""
    text = say(note) if isinstance(note, Note) else note
    text = comment(text).removeprefix(file).strip().removeprefix("is ").removeprefix("的")
    return re.sub(r"\b(data\.)?look[\d_]+", rf"\g<1>{table}" if "data.look" in text else table, text)


def _told_table(proposal: Proposal, language: str, say: Say) -> Iterator[str]:
    preset = proposal.preset
    yield f"  -> {proposal.table}" + (f" ({preset.preset}/{preset.export})" if preset else "")
    for pick in proposal.picks:
        columns = ", ".join(shown(name, 30) for name in pick.columns)
        yield from _hung(_place(" " if pick.is_sure else "?", pick.name, columns), _why(pick, say))
    for name in proposal.missing:
        yield from _hung(_place("?", name, "…"), say(Note("needed, and no column seems to be it")))
    for key, value in proposal.preset_options.items():
        yield from _hung(_place(" ", key, ""), scalar(value), 26)
    for option in proposal.settled:
        yield from _hung(_place(" ", option.key, ""), f"{scalar(option.value)}  {say(option.why)}", 26)
    for doubt in proposal.doubts:
        answer = f"{scalar(doubt.value)}  " if doubt.key else ""
        yield from _hung(_place("?", doubt.key or "", ""), answer + say(doubt.why), 26)
    for text in (*preset_words(proposal, language), *map(say, _others(proposal, say))):
        yield from _hung("     ", text)


def _place(sign: str, name: str, columns: str) -> str:
    return (
        f"   {sign} {padded(name, 20)} {padded(columns, 28)}  "
        if columns
        else f"   {sign} {padded(name, 20)} "
    )


def _hung(start: str, text: str, at: int | None = None) -> Iterator[str]:
    """Text behind its start, its further lines below its first."""
    indent = width(start) if at is None else at
    start = start if width(start) <= WIDE - 30 else start[: WIDE - 34] + "…  "
    parts = wrapped(comment(text), max(30, WIDE - width(start)))
    yield (start + parts[0]).rstrip()
    yield from (" " * min(indent, WIDE - 30) + part for part in parts[1:])
