"""`cam new` on what is no table, or would do something: a sentence and no file, or a sound file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hostile.room import GOOD, ROWS, Outcome, Room, Server
from hostile.test_workbooks import SHEET, bomb, book, table, understated, with_rows

from cam.params import read_params


@pytest.fixture
def made(server: Server) -> Iterator[Path]:
    """The parameter file that a run may write; nothing else may stand beside it afterwards."""
    folder = server.house.root / "params"
    before = set(folder.iterdir())
    yield folder / "acme.yaml"
    folder.chmod(0o755)
    (folder / "acme.yaml").unlink(missing_ok=True)
    assert set(folder.iterdir()) == before


def refused(room: Room, made: Path, path: object, code: int, *words: str, name: str = "acme") -> Outcome:
    """`cam new` ends with this code, says all of these, and writes nothing."""
    outcome = room.cam("new", name, path, without_rights=True)
    assert outcome.code == code, outcome.told
    for word in words:
        assert re.search(word, outcome.told, re.DOTALL), f"no {word!r} in:\n{outcome.told}"
    assert "look0" not in outcome.told, "a name that only the reader uses"
    assert not made.exists()
    return outcome


def accepted(room: Room, made: Path, path: object) -> str:
    """`cam new` writes a parameter file, and that file can be read again."""
    outcome = room.cam("new", "acme", path)
    assert outcome.code == 0, outcome.told
    read_params(made)
    return made.read_text(encoding="utf-8")


# --- what is no table ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nothing", ("orders.csv", "no such file")),
        ("no right", ("orders.csv", "Permission denied", "right")),
        ("no right to the folder", ("orders.csv", "Permission denied", "right")),
        ("a folder", ("orders.csv", r"\*\.csv")),
        ("a pipe", ("orders.csv", "pipe", "Copy")),
        ("a device", ("orders.csv", "device", "Copy")),
        ("a link in a circle", ("orders.csv", "circle")),
        ("empty", ("orders.csv", "empty")),
        ("a picture", ("orders.csv", "no text")),
        ("zeros", ("orders.csv", "line 5", "16 MB")),
        ("a million columns", ("orders.csv", "1,000,000 columns")),
    ],
)
def test_what_is_no_table(room: Room, made: Path, kind: str, words: tuple[str, ...]) -> None:
    path = room.folder / "orders.csv"
    if kind == "no right":
        path.write_text(GOOD)
        path.chmod(0)
    elif kind == "no right to the folder":
        path = Path(room.write(GOOD, "closed/orders.csv"))
        path.parent.chmod(0)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a link in a circle":
        path.symlink_to(path)
    elif kind == "empty":
        path.touch()
    elif kind == "a picture":
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(1, 32)) * 100)
    elif kind == "zeros":
        room.sparse(2_100_000_000)
    elif kind == "a million columns":
        path.write_text(",".join(f"c{n}" for n in range(1_000_000)) + "\n")
    refused(room, made, path, 3, *words)


def test_a_cell_at_the_far_end(room: Room, made: Path) -> None:
    # The reader of this process would lay a grid of 400 GB.
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    refused(room, made, room.write(with_rows(far), "orders.xlsx"), 3, "orders.xlsx", "memory|columns", "CSV")


@pytest.mark.slow  # seconds to pack
def test_a_bomb(room: Room, made: Path) -> None:
    path = room.write(understated(bomb(SHEET), SHEET), "orders.xlsx")
    refused(room, made, path, 3, "orders.xlsx", "GB once unpacked|memory", "CSV")


# --- names and places ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../x", "/tmp/x", "a/b", "ACME", "a\nb: c", ".hidden", "x" * 300, "con\u202ex"]
)
def test_names_that_no_client_has(room: Room, made: Path, name: str) -> None:
    refused(room, made, room.write(GOOD), 2, "name", name=name)


def test_a_client_that_is_there(room: Room, made: Path) -> None:
    path = room.write(GOOD)
    made.write_text("kept: as it is\n")
    outcome = room.cam("new", "acme", path)
    assert outcome.code == 2 and "acme.yaml is there already" in outcome.told
    assert made.read_text() == "kept: as it is\n"


def test_no_right_to_write(room: Room, made: Path) -> None:
    path = room.write(GOOD)
    made.parent.chmod(0o500)
    refused(room, made, path, 2, "params", "cannot be written|Permission denied", "right")


# --- tables that would do something -------------------------------------------------------------

HOSTILE = (
    "<script>window.pwned=1</script>",
    "a\nb: c",
    "- *x",
    "&anchor !!python/object:os.system",
    "{a: [b",
    "yes",
    "null",
    "1e3",
    "# none",
    "'\"",
    "\u202etxt.exe",
    "\u2028x\u0085y",
    "%TAG ! x",
    "=cmd|' /C calc'!A0",
    "客户: 编号",
    "x" * 300,
    "\x1b[2J\x07",
)


def test_names_of_columns_are_only_names(room: Room, made: Path) -> None:
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in HOSTILE)
    rows = "".join(f"{line}{',7' * len(HOSTILE)}\n" for line in ROWS.splitlines())
    text = accepted(room, made, room.write(f"customer_id,order_date,revenue,{quoted}\n{rows}"))
    # Nothing that a name brought in.
    sections = yaml.safe_load(text)
    assert set(sections) == {"client", "data"} and set(sections["data"]) == {"root", "transactions"}
    assert set(sections["data"]["transactions"]["columns"].values()) == {
        "customer_id",
        "order_date",
        "revenue",
    }
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e]", text)
    outcome = room.cam("check", made)
    assert outcome.code == 0, outcome.told


def test_values_are_only_values(room: Room, made: Path) -> None:
    odd = "\n".join(
        f'"{name.replace(chr(34), chr(34) * 2)}",2024-01-0{1 + n % 9},{n}' for n, name in enumerate(HOSTILE)
    )
    text = accepted(room, made, room.write(f"customer_id,order_date,revenue\n{odd}\n"))
    assert set(yaml.safe_load(text)) <= {"client", "data"}
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e]", text)


def test_a_name_of_a_sheet_is_only_a_name(room: Room, made: Path) -> None:
    def fill(workbook: object) -> None:
        table(workbook, "Summary")
        table(workbook, "a {b} # &c '! <x>")

    text = accepted(room, made, room.write(book(fill), "orders.xlsx"))
    assert set(yaml.safe_load(text)) <= {"client", "data"}


def test_four_thousand_columns(room: Room, made: Path) -> None:
    names = ",".join(f"c{index}" for index in range(4_000))
    rows = "".join(f"a{n},2024-01-05,1{',x' * 4_000}\n" for n in range(50))
    text = accepted(room, made, room.write(f"customer_id,order_date,revenue,{names}\n{rows}"))
    assert len(text) < 20_000, "a file that nobody would read"
