"""Which samples there are, and where their files lie."""

from __future__ import annotations

from pathlib import Path

from cam.errors import ParamsError
from cam.samples.demo import DEMO_FILES, DEMO_VERSION, write_demo
from cam.samples.telecom import TELECOM_FILES, TELECOM_VERSION, write_telecom

_PREFIX = "sample:"
_SAMPLES = {
    "demo": (DEMO_FILES, DEMO_VERSION, write_demo),
    "telecom": (TELECOM_FILES, TELECOM_VERSION, write_telecom),
}


def sample_path(reference: str, *, cache: Path) -> Path:
    """Find a file of a sample client, making the whole client on first use.

    Parameters
    ----------
    reference : str
        `sample:`, the client and the name of a file, such as `sample:demo/transactions.csv`.
    cache : Path
        Where made samples are kept, in a folder per client and version.

    Returns
    -------
    Path
        The file, which exists.

    Raises
    ------
    ParamsError
        No such sample; the text lists those there are.

    Examples
    --------
    >>> sample_path("sample:demo/orders.csv", cache=Path("unused"))
    Traceback (most recent call last):
        ...
    cam.errors.ParamsError: sample:demo/orders.csv: no such sample. There are:
        sample:demo/transactions.csv
        sample:demo/customers.csv
        sample:demo/spend.csv
        sample:demo/leads.csv
        sample:demo/responses.csv
        sample:demo/tickets.csv
        sample:demo/contracts.csv
        sample:demo/truth/customers.csv
        sample:demo/truth/channels.csv
        sample:demo/truth/parameters.csv
        sample:demo/truth/drivers.csv
        sample:demo/truth/categories.csv
        sample:demo/truth/comments.csv
        sample:telecom/snapshot.csv
        sample:telecom/experiment.csv
        sample:telecom/truth/customers.csv
        sample:telecom/truth/parameters.csv
    """
    known = {
        f"{_PREFIX}{client}/{name}": (client, name)
        for client, (files, _, _) in _SAMPLES.items()
        for name in files
    }
    if reference not in known:
        listed = "\n".join(f"    {each}" for each in known)
        raise ParamsError(f"{reference}: no such sample. There are:\n{listed}")
    client, name = known[reference]
    _, version, write = _SAMPLES[client]
    folder = Path(cache) / f"{client}-v{version}"
    if not (folder / name).is_file():
        write(folder)
    return folder / name
