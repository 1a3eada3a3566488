"""Publishing: a reader sees the old report or the new one; a writer that fails leaves the old one."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cam.errors import DataError, OutputError
from cam.report import publish
from cam.report.publish import is_no_room, output_error, switch, workplace


def a_report(folder: Path, number: int = 1) -> Path:
    folder.mkdir()
    for name in ("index.html", "key_figures.csv", "run.json"):
        (folder / name).write_text(f"{number}\n" * 2000)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- a place for one run ------------------------------------------------------------------------


def test_the_workplace_comes_and_goes(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "reports"
    with workplace(out, "acme") as staging:
        assert staging.is_dir() and not names(staging)
        assert os.stat(staging).st_dev == os.stat(out).st_dev  # noqa: PTH116
        (staging / "run.json").touch()
        switch(staging, out / "acme")
    assert names(out) == [".acme.lock", "acme"]


def test_the_report_has_the_rights_that_the_user_gives(tmp_path: Path) -> None:
    for mask, wanted in ((0o022, 0o755), (0o077, 0o700)):
        before = os.umask(mask)
        try:
            with workplace(tmp_path, "acme") as staging:
                assert stat.S_IMODE(staging.stat().st_mode) == wanted
        finally:
            os.umask(before)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("ours"), DataError("theirs")])
def test_what_fails_inside_comes_out_and_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    a_report(tmp_path / "acme")
    with pytest.raises(type(error)), workplace(tmp_path, "acme") as staging:
        (staging / "half").touch()
        raise error
    assert names(tmp_path) == [".acme.lock", "acme"]
    assert (tmp_path / "acme" / "index.html").read_text().startswith("1\n")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError('IO Error: Could not write to file "a": No space left on device'),
    ],
    ids=["system", "quota", "DuckDB"],
)
def test_a_writer_without_room_is_one_sentence(tmp_path: Path, error: Exception) -> None:
    a_report(tmp_path / "acme")
    with pytest.raises(OutputError) as said, workplace(tmp_path, "acme") as staging:
        (staging / "half").touch()
        raise error
    assert str(said.value).endswith(
        "no space left on the disk; free some, or choose another folder with --out "
        "(the last report is untouched)."
    )
    assert said.value.exit_code == 2
    assert names(tmp_path) == [".acme.lock", "acme"]


def test_the_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(publish, "_FULL", 2**62)  # every disk is full
    error = OSError(errno.ENOSPC, "No space left on device")
    assert str(output_error(error, tmp_path)).startswith(f"{tmp_path}: no space")
    assert str(output_error(error, tmp_path / "not there")).startswith(f"{tmp_path}: no space")


def test_what_is_not_about_the_disk_is_not_called_so() -> None:
    assert output_error(FileNotFoundError(errno.ENOENT, "No such file", "/elsewhere"), Path("/out")) is None
    assert output_error(KeyError("x"), Path("/out")) is None
    assert not is_no_room(ValueError("no space"))


def test_no_right_to_write_elsewhere_has_another_cure(tmp_path: Path) -> None:
    error = PermissionError(errno.EACCES, "Permission denied", "/project/.cache/x")
    said = "/project/.cache/x: cannot be written (Permission denied); ask for the right."
    assert str(output_error(error, tmp_path)) == said


@pytest.mark.parametrize("out", ["file/below", "/proc/x"])
def test_a_folder_that_cannot_be(tmp_path: Path, out: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"), workplace(tmp_path / out, "acme"):
        pass


def test_a_folder_of_somebody_elses_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "thesis.doc").touch()
    with pytest.raises(OutputError, match="holds files that are no report"), workplace(tmp_path, "acme"):
        pytest.fail("the run began")
    (tmp_path / "other").touch()
    with pytest.raises(OutputError, match="is not a folder"), workplace(tmp_path, "other"):
        pytest.fail("the run began")
    (tmp_path / "link").symlink_to(tmp_path / "acme")
    with pytest.raises(OutputError, match="is not a folder"), workplace(tmp_path, "link"):
        pytest.fail("the run began")
    assert (tmp_path / "acme" / "thesis.doc").is_file()


def test_an_empty_folder_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    with workplace(tmp_path, "acme") as staging:
        (staging / "run.json").touch()
        switch(staging, tmp_path / "acme")
    assert names(tmp_path / "acme") == ["run.json"]


def test_one_run_of_a_client_at_a_time_even_in_another_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from cam.report.publish import workplace\n"
        f"with workplace(Path({str(tmp_path)!r}), sys.argv[1]): print('mine')"
    )

    def other(client: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, client]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    with workplace(tmp_path, "acme"):
        assert (
            f"another run of acme is under way in {tmp_path} (process {os.getpid()})" in other("acme").stderr
        )
        assert other("acme-2").stdout == "mine\n"
    assert other("acme").stdout == "mine\n"


def test_the_next_run_mends_what_a_killed_one_left(tmp_path: Path) -> None:
    a_report(tmp_path / ".acme-before")  # killed between the two steps of a switch
    (tmp_path / ".acme-making-x1" / "report").mkdir(parents=True)
    (tmp_path / ".acme-2-making-x1").mkdir()  # another client's
    with workplace(tmp_path, "acme"):
        assert (tmp_path / "acme" / "index.html").is_file()
    assert names(tmp_path) == [".acme-2-making-x1", ".acme.lock", "acme"]


def test_what_a_finished_switch_left_aside_is_not_put_back(tmp_path: Path) -> None:
    a_report(tmp_path / ".acme-before", 1)
    a_report(tmp_path / "acme", 2)
    with workplace(tmp_path, "acme"):
        pass
    assert names(tmp_path) == [".acme.lock", "acme"]
    assert (tmp_path / "acme" / "index.html").read_text().startswith("2\n")


# --- the switch ---------------------------------------------------------------------------------


@pytest.fixture(params=["exchange", "two steps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    if request.param == "two steps":
        monkeypatch.setattr(publish, "_exchange", lambda one, other: False)
        return request.param
    one, other = a_report(tmp_path / "one"), a_report(tmp_path / "other")
    if not publish._exchange(one, other):
        pytest.skip("this file system has no exchange")
    return request.param


def test_a_switch_puts_the_new_in_the_place_of_the_old(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for number in (1, 2, 3):
        switch(a_report(out / "made", number), out / "acme")
        assert (out / "acme" / "run.json").read_text().startswith(f"{number}\n")
        assert names(out) == ["acme"]


@contextmanager
def publishing(out: Path, times: int) -> Iterator[threading.Thread]:
    def publish_often() -> None:
        for number in range(2, times + 2):
            switch(a_report(out / "made", number), out / "acme")

    writer = threading.Thread(target=publish_often)
    writer.start()
    try:
        yield writer
    finally:
        writer.join()


def test_a_reader_never_misses_a_report_and_never_sees_a_mixture(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    place = a_report(out / "acme")
    reads = missing = changes = 0
    last = "1"
    with publishing(out, 300) as writer:
        while writer.is_alive():
            try:
                before = (place / "index.html").read_text()
                figures = (place / "key_figures.csv").read_text()
                after = (place / "index.html").read_text()
            except FileNotFoundError:
                missing += 1
                continue
            reads += 1
            for text in (before, figures, after):
                assert len(set(text.split())) == 1 and text.count("\n") == 2000, "half a file"
            if before == after:
                assert figures == before, "files of two reports"
            assert int(before[:9].split()[0]) >= int(last), "an older report came back"
            changes += before.split()[0] != last
            last = before.split()[0]
    assert reads > 50 and changes > 5
    if way == "exchange":
        assert not missing
