"""The page of the data review and its text for a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cam.data import Prepared, prepare
from cam.errors import DataError, OutputError
from cam.language import use
from cam.params import Params, params_from_sections
from cam.report.check_text import WIDTH, check_lines
from cam.report.data_review import write_check, write_refusal
from cam.show.lines import display_width

SCRIPT = "<script>alert(1)</script>"
ORDERS = "customer_id,order_date,revenue\n" + "\n".join(
    f"{name},2024-{month:02}-{day:02},{20 + month}.50"
    for name, day in ((SCRIPT, 3), ("=1+1", 9), ("0012", 17))
    for month in range(1, 13)
)
ODD = f"{ORDERS}\n{SCRIPT},2024-12-20,99999\n"
TICKETS = f"ticket_id,opened,customer_id\n1,2024-03-01,nobody{SCRIPT}\n2,2024-03-01,0012\n"


def made(tmp_path: Path, language: str = "en", **tables: str) -> tuple[Params, Prepared]:
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text)
    client = {"id": "odd", "name": f"Odd {SCRIPT}", "language": language}
    params = params_from_sections(
        {"client": client, "data": {name: {"path": f"{name}.csv"} for name in tables}}
    )
    use(language)
    return params, prepare(params, root=tmp_path, cache=tmp_path / "cache", place="params/odd.yaml")


@pytest.fixture(autouse=True)
def english() -> None:
    yield
    use("en")


def test_the_page_needs_nothing_and_is_inert(tmp_path: Path) -> None:
    checked = write_check(*made(tmp_path, transactions=ODD, tickets=TICKETS), out=tmp_path / "reports")
    html = checked.page.read_text("utf-8")
    assert checked.page == tmp_path / "reports" / "odd.check.html"
    assert "alert(1)" in html and "<script>alert" not in html
    assert not re.search(r'(?:src|href)="(?!data:|#|odd\.unmatched\.csv)[^"]', html)
    assert "Content-Security-Policy" in html
    for words in ("Can these data be used?", "What each study will be able to say", "Orders per month"):
        assert words in html
    assert not re.search(
        r"\b(NaN|nan|None|NaT)\b|\{\w+\}", re.sub(r"<(style|script).*?</\1>", "", html, flags=re.S)
    )


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    given = made(tmp_path, transactions=ODD)
    pages = [write_check(*given, out=tmp_path / name).page.read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_ids_that_do_not_join_come_and_go_with_the_data(tmp_path: Path) -> None:
    out = tmp_path / "reports"
    checked = write_check(*made(tmp_path, transactions=ODD, tickets=TICKETS), out=out)
    assert checked.unmatched and checked.unmatched.read_text().splitlines()[1] == f"tickets,nobody{SCRIPT}"
    again = write_check(*made(tmp_path, transactions=ODD), out=out)
    assert again.unmatched is None
    assert sorted(path.name for path in out.iterdir()) == ["odd.check.html"]


def test_refused_data_replace_the_page_of_a_former_check(tmp_path: Path) -> None:
    out = tmp_path / "reports"
    params, prepared = made(tmp_path, transactions=ODD, tickets=TICKETS)
    write_check(params, prepared, out=out)
    write_refusal(params, DataError(f"transactions: row 3 is {SCRIPT}.\n    Mend it."), out=out)
    html = (out / "odd.check.html").read_text("utf-8")
    assert "No, not yet" in html and "row 3 is &lt;script&gt;" in html and "<script>alert" not in html
    assert "can be used" not in html
    assert [path.name for path in out.iterdir()] == ["odd.check.html"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_check(*made(tmp_path, transactions=ODD), out=tmp_path / "file")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_lines_fit_a_terminal_and_line_up(tmp_path: Path, language: str) -> None:
    params, prepared = made(tmp_path, language, transactions=ODD, tickets=TICKETS)
    lines = check_lines(params, write_check(params, prepared, out=tmp_path / "reports").review)
    assert max(map(display_width, lines)) <= WIDTH
    start = next(place for place, line in enumerate(lines) if "2024-01-03" in line)
    rows = lines[start - 1 : start + 2]
    # Numbers end in one column, whatever the width of what stands before them.
    ends = {
        display_width(row[: row.index(mark) + len(mark)])
        for row, mark in ((rows[1], " 37 "), (rows[2], " 2 "))
    }
    assert len(ends) == 1


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    orders = ORDERS + "\n\x1b[31mred,2024-12-20,99999\n"
    params, prepared = made(tmp_path, transactions=orders)
    lines = check_lines(params, write_check(params, prepared, out=tmp_path / "reports").review)
    assert "\x1b" not in "".join(lines) and any("[31mred" in line for line in lines)
