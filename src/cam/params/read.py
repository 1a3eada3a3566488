"""Reading a parameter file, or the sections that papermill gave a notebook."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cam.errors import ParamsError
from cam.params.hints import did_you_mean
from cam.params.problems import Notes, problem, problem_error
from cam.params.sections import SECTIONS, Params
from cam.params.values import ID_PATTERN
from cam.project import project_root
from cam.schema import STARTING_TABLES

#: Bytes of a parameter file, and values in it once its aliases are written out.
_MAX_SIZE, _MAX_NODES = 1 << 20, 100_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def read_params(path: Path) -> Params:
    """Read and check a parameter file.

    Parameters
    ----------
    path : Path
        A YAML file. ``client.id`` is by default its stem.

    Returns
    -------
    Params

    Raises
    ------
    ParamsError
        With every problem and its line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "acme.yaml"
    >>> _ = path.write_text("data: {transactions: {path: orders.csv}}")
    >>> read_params(path).client.id
    'acme'
    """
    try:
        _refuse_no_file(path)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = [found.name for found in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise ParamsError(f"{path}: no such file{did_you_mean(path.name, near) or '.'}") from None
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ParamsError(f"{path}: is not UTF-8 text. Save it as UTF-8.") from None
    sections, notes = _parse(text, path)
    if "data" not in sections:
        raise ParamsError(
            f"{path}: 1 problem\n    data  missing: say where the tables are, at least "
            + " or ".join(f"data.{name}" for name in STARTING_TABLES)
            + "; params/template.yaml shows how"
        )
    client = sections.setdefault("client", {})
    if isinstance(client, dict) and client.setdefault("id", path.stem) != path.stem:
        # Two files with one id would write over each other's report.
        line = notes.get(("client", "id"), (0, ""))[0]
        raise problem_error(str(path), [(line, "client.id", f"must be the file's stem, {path.stem}")])
    if not ID_PATTERN.fullmatch(path.stem):
        raise ParamsError(
            f"{path}: the file's name is the client's id: lower-case letters, digits and single hyphens, at most 64. "
            "Rename it, such as acme-2.yaml."
        )
    return _with_logo(_validated(sections, str(path), notes), path, notes)


def params_from_sections(sections: Mapping[str, Any]) -> Params:
    """Check the sections that a notebook was given.

    Parameters
    ----------
    sections : mapping of str to dict
        As papermill injects them; an empty section means its defaults.

    Returns
    -------
    Params

    Raises
    ------
    ParamsError
        With every problem.

    Examples
    --------
    >>> source = {"transactions": {"path": "orders.csv"}}
    >>> params_from_sections({"client": {"id": "acme"}, "data": source}).segmentation.n_bins
    5
    """
    unknown = [name for name in sections if name not in SECTIONS]
    if unknown:
        raise ParamsError(
            "parameters: "
            + "; ".join(f"{name}: no such section{did_you_mean(name, SECTIONS)}" for name in unknown)
        )
    if not sections.get("data"):
        raise ParamsError(
            "parameters: data is missing: say where the client's tables are (params/template.yaml)."
        )
    given = {name: value for name, value in sections.items() if value != {}}
    client = dict(given.get("client") or {})
    client.setdefault("id", "client")
    return _validated({**given, "client": client}, "parameters", {})


def _with_logo(params: Params, path: Path, notes: Notes) -> Params:
    """Put the logo's picture in the place of its path: a fault is told now, and another picture is another report."""
    logo = params.client.brand.logo
    if logo is None:
        return params
    from cam.params.logo import read_logo  # here, because few clients have one

    try:
        place = project_root() / _at_home(params.data.root) / _at_home(logo)
        brand = params.client.brand.model_copy(update={"logo": read_logo(place)})
    except ValueError as error:  # or a name that no file can have
        line = notes.get(("client", "brand", "logo"), (0, ""))[0]
        raise problem_error(str(path), [(line, "client.brand.logo", str(error))]) from None
    client = params.client.model_copy(update={"brand": brand})
    return params.model_copy(update={"client": client})


def _at_home(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{path}: nobody here has that home; write the path in full") from None


def _refuse_no_file(path: Path) -> None:
    """A pipe or a device may never end; a parameter file is some hundred lines."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise ParamsError(f"{path}: is no plain file. Copy what it gives to one.")
    if found.st_size > _MAX_SIZE:
        raise ParamsError(
            f"{path}: is longer than 1 MB, as no parameter file is. Is it the right file? "
            "params/template.yaml shows what one may hold."
        )


# --- reading YAML with line numbers -------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML as papermill reads it: dates stay text, so that both ways give the same values."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse(text: str, path: Path) -> tuple[dict[str, Any], Notes]:
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            raise ParamsError(f"{path}: is empty. params/template.yaml shows what it may hold.")
        if not isinstance(root, yaml.MappingNode):
            raise ParamsError(f"{path}: must hold sections such as client: and data:.")
        if _size(root, {}) > _MAX_NODES:
            raise ParamsError(
                f"{path}: its aliases (*) repeat so much that it is no parameter file. Write them out."
            )
        notes: Notes = {}
        problems = list(_walk(root, (), notes, set()))
        for key, value in root.value:
            if value.tag.endswith(":null") or not value.value:
                line = key.start_mark.line + 1
                problems.append((line, key.value, "has nothing in it; remove it, or give it a key"))
        if problems:
            raise problem_error(str(path), problems)
        return loader.construct_document(root), notes
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ParamsError(f"{path}: {where}is not YAML: {error.problem or error.context}.") from None
    except (
        yaml.YAMLError,
        ValueError,
    ) as error:  # a character, or a value of a !!type, that YAML cannot hold
        raise ParamsError(f"{path}: is not YAML: {' '.join(str(error).split())}.") from None
    except RecursionError:
        raise ParamsError(f"{path}: is nested too deeply.") from None
    finally:
        if loader:
            loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for, once its aliases are written out."""
    if id(node) not in known:
        known[id(node)] = 1  # for an alias within itself
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            inner = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            inner = node.value
        known[id(node)] = 1 + sum(_size(part, known) for part in inner)
    return known[id(node)]


def _walk(
    node: yaml.Node, path: tuple[str, ...], notes: Notes, seen: set[int]
) -> Iterable[tuple[int, str, str]]:
    """Note the line of every key; yield the keys that stand twice, and those that are no names."""
    if id(node) in seen:  # an alias, of which the first sight was walked
        return
    seen.add(id(node))
    children: list[tuple[str, int, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if not key.tag.endswith((":str", ":merge")):
                shown = repr(key.value) if isinstance(key, yaml.ScalarNode) else "a list or keys"
                yield (
                    line,
                    ".".join(path) or "the file",
                    f"holds {shown} as a key; a key is text, in quotes if need be",
                )
            if name in lines:
                yield line, ".".join((*path, name)), f"stands twice; the first is in line {lines[name]}"
            lines[name] = line
            children.append((name, line, value))
    elif isinstance(node, yaml.SequenceNode):
        children = [(str(index), value.start_mark.line + 1, value) for index, value in enumerate(node.value)]
    for name, line, value in children:
        if isinstance(value, yaml.ScalarNode) and name != "delimiter" and _CONTROL.search(value.value):
            yield line, ".".join((*path, name)), "holds a control character, which no text has; take it out"
        plain = value.value if isinstance(value, yaml.ScalarNode) and not value.style else ""
        notes[(*path, name)] = (line, plain)
        yield from _walk(value, (*path, name), notes, seen)


def _validated(sections: Mapping[str, Any], origin: str, notes: Notes) -> Params:
    try:
        return Params.model_validate(sections)
    except ValidationError as error:
        details = [detail for detail in error.errors() if not _other_shape(detail)]
        raise problem_error(origin, [problem(detail, notes) for detail in details]) from None


def _other_shape(detail: ErrorDetails) -> bool:
    """Of ``text or list of texts``, the alternative that the value plainly is not."""
    shape, is_list = detail["loc"][-1] if detail["loc"] else "", isinstance(detail["input"], list)
    return shape == ("str" if is_list else "list[str]")
