"""A sample client's tables as files: written whole or not at all, the same bytes everywhere."""

from __future__ import annotations

import filecmp
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd


def write_files(
    tables: Mapping[str, pd.DataFrame], folder: Path, *, with_hours: Collection[str] = ()
) -> None:
    r"""Write tables as CSV files into a folder.

    All is written beside `folder` first and then moved there in one step; in a folder that is there already,
    file by file. Either way no reader sees half a file, and two processes may do it at once: both bring the
    same bytes, and a file that has them already is left as it is, for who reads it by then.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By file, such as `truth/customers.csv`. What lies in `truth` keeps six digits, the rest is money.
    folder : Path
        Made where missing. Files of other names in it are left alone.
    with_hours : collection of str
        Files whose dates keep the time of day.

    Raises
    ------
    OSError
        The folder cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as place:
    ...     write_files({"a.csv": pd.DataFrame({"x": [0.5]})}, Path(place) / "new")
    ...     (Path(place) / "new" / "a.csv").read_text()
    'x\n0.50\n'
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as aside:
        # A folder of our own within it: the temporary one is closed to other users, and the sample need not be.
        fresh = Path(aside) / "fresh"
        for name, table in tables.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(
                path,
                index=False,
                float_format="%.6f" if name.startswith("truth/") else "%.2f",
                date_format="%Y-%m-%d %H:%M:%S" if name in with_hours else "%Y-%m-%d",
                lineterminator="\n",
                encoding="utf-8",
            )
        try:
            fresh.replace(folder)
        except OSError:  # it is there already and holds something
            for name in tables:
                place = folder / name
                if place.is_file() and filecmp.cmp(fresh / name, place, shallow=False):
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                (fresh / name).replace(place)
