"""Which sections a study reads, and a client's tables; apart from the studies, because it costs little to import."""

from __future__ import annotations

from pathlib import Path

from cam.data import Prepared, prepare
from cam.params import Params
from cam.project import cache_folder, project_root

#: The sections that each study reads besides ``client`` and ``data``: a change in another does not touch it.
STUDIES: dict[str, tuple[str, ...]] = {
    "01_segmentation": ("segmentation", "value"),
    "02_lifecycle": ("lifecycle",),
    "03_clv_cac": ("segmentation", "value"),
    "04_satisfaction_nps": ("satisfaction", "segmentation", "value"),
    "05_churn": ("churn", "value"),
}


def prepare_client(params: Params, *, place: str) -> Prepared:
    """Read, clean and check a client's tables, or find them made.

    Parameters
    ----------
    params : Params
        The client's parameters.
    place : str
        The parameter file, for messages.

    Returns
    -------
    Prepared

    Raises
    ------
    DataError
        With every fault of every table.
    """
    return prepare(
        params,
        root=project_root(),
        cache=cache_folder(),
        place=place,
        resolve=_sample,
    )


def n_orders(prepared: Prepared) -> int:
    """Return the rows of a client's transactions; 0 where there are none.

    Parameters
    ----------
    prepared : Prepared
        The client's checked tables.

    Returns
    -------
    int
    """
    return int(prepared.review["tables"].get("transactions", {}).get("rows_kept", 0))


def _sample(reference: str) -> Path:
    from cam.samples import sample_path  # here, because most clients are no sample

    return sample_path(reference, cache=cache_folder() / "samples")
