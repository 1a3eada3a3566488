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
from cam.data.proposals.doubts import currencies
from cam.data.proposals.lines import comment, padded, scalar, shown, width, wrapped
from cam.data.proposals.recognise import Pick, Proposal, Recognition
from cam.errors import ParamsError
from cam.params import read_params
from cam.params.values import ID_PATTERN
from cam.schema import TABLES

Say = Callable[[Note], str]

#: What marks a question that is answered by taking the mark off; and one that no line answers.
_QUESTION, _OPEN = "# ? ", "# ?? "
#: Where evidence begins, so that the eye can run down it.
_MARGIN = 42
#: Columns of a terminal that a line may take, if it can.
_WIDE = 100
#: Files that are listed one by one.
_LISTED = 12
_CHINESE = re.compile("[\u4e00-\u9fff]")
_MONEY = {"revenue", "refund", "cost", "monthly_fee", "wallet"}
_PERSONAL = re.compile(r"e-?mail|phone|mobile|手机|邮箱|电话|姓名|\bname\b", re.IGNORECASE)


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
        lines += [_entry(1, "root", str(base))]
    for proposal in found.proposals:
        lines += _table(proposal, base, language, say)
    for note in found.passed:
        lines += _remark(1, say(note), _OPEN)
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
            f"{name!r} cannot be a client's name: lower-case letters, digits and single hyphens{near}."
        )


# --- scalars and comments -----------------------------------------------------------------------


def _entry(depth: int, key: str, value: Any, why: str = "", *, is_question: bool = False) -> str:
    """A line of the file with its evidence behind it, or above it where that would be too long to read."""
    line = "  " * depth + (_QUESTION if is_question else "") + f"{key}: {scalar(value)}"
    if not why:
        return line
    whole = f"{padded(line, _MARGIN)} # {comment(why)}"
    if width(whole) <= _WIDE:
        return whole
    return "\n".join([*_remark(depth, why), line])


def _remark(depth: int, text: str, sign: str = "# ") -> list[str]:
    """A comment of its own, in as many lines as it takes."""
    start = "  " * depth
    return [
        f"{start}{sign if at == 0 else '# '}{part}"
        for at, part in enumerate(wrapped(comment(text), _WIDE - 12))
    ]


# --- the parts of the file ------------------------------------------------------------------------


def client_questions(found: Recognition, currency: str | None) -> list[tuple[str, str, Note]]:
    """Questions of the client rather than of a table: the key, what it may be, and why it is asked.

    Parameters
    ----------
    found : Recognition
        What was recognised.
    currency : str or None
        As the person names it.

    Returns
    -------
    list of tuple of str, str and Note
    """
    asked: list[tuple[str, str, Note]] = []
    told, codes = _currencies(found)
    if not currency and len(codes) != 1 and any(_MONEY & _mapped(one).keys() for one in found.proposals):
        likely = codes[0] if codes else "CNY" if _is_chinese(found) or told == {"¥"} else "USD"
        why = Note("nothing in the files names it; by default USD")
        if codes:
            why = Note("the files name several: {codes}; by default USD", codes=", ".join(codes))
        elif told:
            signs = ", ".join(sorted(told))
            why = Note("the amounts have the sign {sign}, which several have; by default USD", sign=signs)
        asked.append(("client.currency", likely, why))
    if {"transactions", "contracts"} <= {one.table for one in found.proposals}:
        why = Note("or contractual: which of the two tables says that a customer has left?")
        asked.append(("value.setting", "non_contractual", why))
    return asked


def _currencies(found: Recognition) -> tuple[set[str], list[str]]:
    """What the data say of their currency, and the ISO codes in it."""
    told = {code for one in found.proposals for code in currencies(one.heads, _mapped(one))}
    if told == {"¥"} and _is_chinese(found):
        told = {"CNY"}
    return told, sorted(code for code in told if re.fullmatch("[A-Z]{3}", code))


def _is_chinese(found: Recognition) -> bool:
    return any(_CHINESE.search(name) for one in found.proposals for name in one.heads[0].columns)


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
    yield _entry(1, "name", " ".join(part.capitalize() for part in name.split("-")))
    yield _entry(1, "language", language)
    codes = _currencies(found)[1]
    if currency:
        yield _entry(1, "currency", currency)
    elif len(codes) == 1:
        yield _entry(1, "currency", codes[0], say(Note("as the data name it")))
    for key, value, why in asked:
        if key == "client.currency":
            yield _entry(1, "currency", value, say(why), is_question=True)
    if any(
        _PERSONAL.search(column) for one in found.proposals for column in _mapped(one).get("customer_id", ())
    ):
        why = Note("the id seems to name a person; reports then show a code instead")
        yield f"{padded('  # customer_ids: hashed', _MARGIN)} # {comment(say(why))}"


def _mapped(proposal: Proposal) -> dict[str, tuple[str, ...]]:
    return {pick.name: pick.columns for pick in proposal.picks}


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
    yield padded(f"  {proposal.table}:", _MARGIN) + f" # {comment(say(_size(proposal)))}"
    if len(paths) == 1:
        yield _entry(2, "path", paths[0])
    else:
        yield "    path:"
        yield from (f"      - {scalar(path)}" for path in paths)
    if proposal.preset:
        named = f"{proposal.preset.preset}/{proposal.preset.export}"
        known = ", ".join(proposal.preset.known_by)
        yield _entry(2, "preset", named, say(Note("recognised by {columns}", columns=shown(known, 80))))
        for text in preset_words(proposal, language):
            yield from _remark(2, text)
    yield from _block("columns", list(_columns(proposal, say)))
    yield from _block("options", list(_options(proposal, say)))
    for doubt in proposal.doubts:
        if doubt.key is None:
            yield from _remark(2, say(doubt.why), _OPEN)
    for note in _others(proposal, say):
        yield from _remark(2, say(note))


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
    asked = any(line.lstrip().startswith(_QUESTION) for line in lines)
    yield f"    {key}:" if active else f"    {_QUESTION if asked else '# '}{key}:"
    yield from lines


def _columns(proposal: Proposal, say: Say) -> Iterator[str]:
    for pick in proposal.picks:
        value: Any = pick.columns[0] if len(pick.columns) == 1 else list(pick.columns)
        if proposal.preset and pick.name in proposal.preset.columns:
            yield f"      # {pick.name}: {comment(scalar(value))}"  # the preset says it
        else:
            yield _entry(3, pick.name, value, _why(pick, say), is_question=not pick.is_sure)
    for name in proposal.missing:
        column = TABLES[proposal.table].column(name)
        assert column is not None
        why = say(Note("needed, and no column seems to be it: {meaning}", meaning=say(Note(column.meaning))))
        yield f"{padded(f'      {_QUESTION}{name}: …', _MARGIN)} # {comment(why)}"


def _why(pick: Pick, say: Say) -> str:
    rivals = [Note("or {columns}", columns=_some(pick.rivals, 4))] if pick.rivals else []
    return "; ".join(say(note) for note in (*pick.why[:1], *rivals, *pick.why[1:]))


def _options(proposal: Proposal, say: Say) -> Iterator[str]:
    for key, value in proposal.preset_options.items():
        yield from _remark(3, f"{key}: {scalar(value)}")
    for option in proposal.settled:
        yield from _option(option.key, option.value, say(option.why), "")
    for doubt in proposal.doubts:
        if doubt.key:
            yield from _option(doubt.key, doubt.value, say(doubt.why), _QUESTION)


def _option(key: str, value: Any, why: str, sign: str) -> Iterator[str]:
    if key == "states":
        yield from _remark(3, why)
        yield f"      {sign}states:"
        yield from (f"      {sign}  {part}: {scalar(inner)}" for part, inner in value.items())
    else:
        yield _entry(3, key, value, why, is_question=bool(sign))


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
    no_cost = any(one.table == "transactions" and "cost" not in _mapped(one) for one in found.proposals)
    if setting or no_cost:
        yield f"{_QUESTION if setting else '# '}value:"
    for value, why in setting:
        yield f"{padded(f'{_QUESTION}  setting: {value}', _MARGIN)} # {comment(say(why))}"
    if no_cost:
        hint = Note("an example: worth is margin, and no column has the cost")
        yield f"{padded('#   margin_rate: 0.30', _MARGIN)} # {comment(say(hint))}"


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
            written = [note.removeprefix(f"{head.path.name} ").removeprefix("is ") for note in head.notes]
            lines.append("  ".join([shown(head.shown, 60), ", ".join([say(rows), *map(comment, written)])]))
        if len(proposal.heads) > _LISTED:
            lines.append(say(Note("and {n} more files of the same columns", n=len(proposal.heads) - _LISTED)))
        lines += _told_table(proposal, language, say)
        lines.append("")
    for note in found.passed:
        lines += _hung("? ", say(note))
    asked = client_questions(found, currency)
    for key, value, why in asked:
        lines += _hung(f"? {key}: {value}  ", say(why))
    n = found.n_questions + len(asked)
    words = 'Open questions: {n}. In the file they begin with "# ?".' if n else "No question is open."
    return [*lines, say(Note(words, n=n))]


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
    start = start if width(start) <= _WIDE - 30 else start[: _WIDE - 34] + "…  "
    parts = wrapped(comment(text), max(30, _WIDE - width(start)))
    yield (start + parts[0]).rstrip()
    yield from (" " * min(indent, _WIDE - 30) + part for part in parts[1:])
