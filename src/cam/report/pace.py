"""How long studies took last time, and what that says about the time left; where nothing is known, nothing is said."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cam.project import cache_folder
from cam.report.execute import Result

#: The part of a study that must have run before its own pace counts as much as last time's.
_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """When a study's code cells were done last time, and when all of it was, in seconds from its start.

    Attributes
    ----------
    cells : tuple of float
        One per code cell, rising.
    seconds : float
        The whole study, its page included.
    """

    cells: tuple[float, ...]
    seconds: float

    def left(self, done: int, total: int, *, at: float, elapsed: float) -> float | None:
        """Return the seconds that a running study still needs.

        Parameters
        ----------
        done, total : int
            Code cells done, and of how many; 0 where nothing has been told yet.
        at : float
            Seconds from its start to the end of the last cell.
        elapsed : float
            Seconds from its start until now.

        Returns
        -------
        float or None
            None where the notebook has other cells now, or takes longer than can be told.

        Examples
        --------
        >>> last = Pace((2.0, 5.0), 10.0)
        >>> last.left(1, 2, at=2.0, elapsed=3.0)
        7.0
        >>> last.left(1, 2, at=5.0, elapsed=5.0)  # slower than last time
        16.0
        >>> last.left(1, 3, at=2.0, elapsed=3.0) is None
        True
        """
        if total and total != len(self.cells):
            return None
        before = self.cells[done - 1] if done else 0.0
        slack = _WEIGHT * self.seconds
        left = (self.seconds - before) * (at + slack) / (before + slack) - (elapsed - at)
        return left if left > 0 else None


def all_left(
    running: Sequence[float | None], waiting: Sequence[float | None], *, at_once: int
) -> float | None:
    """Return the seconds until all studies are done, each begun as soon as there is room for it.

    Parameters
    ----------
    running : sequence of float or None
        Seconds that each running study still needs.
    waiting : sequence of float or None
        Seconds that each of the others will need, in their order.
    at_once : int
        How many run at the same time.

    Returns
    -------
    float or None
        None where it is not known of one of them.

    Examples
    --------
    >>> all_left([5.0, 20.0], [10.0, 1.0], at_once=2)
    20.0
    >>> all_left([5.0], [None], at_once=2) is None
    True
    """
    known = [seconds for seconds in (*running, *waiting) if seconds is not None]
    if len(known) < len(running) + len(waiting):
        return None
    ends = known[: len(running)] + [0.0] * (at_once - len(running))
    heapq.heapify(ends)
    for seconds in known[len(running) :]:
        heapq.heappush(ends, heapq.heappop(ends) + seconds)
    return max(ends, default=0.0)


def read_paces(client: str) -> tuple[dict[str, Pace], float | None]:
    """Return how each study of a client went when it last ran, and the seconds that its report took to write.

    Parameters
    ----------
    client : str
        The client's id.

    Returns
    -------
    tuple of dict and float
        Empty, and None, where nothing is known.
    """
    kept = _kept(_place(client))
    paces: dict[str, Pace] = {}
    with suppress(TypeError, ValueError, AttributeError):  # what is not ours says nothing
        for name, (*cells, seconds) in kept.get("studies", {}).items():
            paces[name] = Pace(tuple(map(float, cells)), float(seconds))
        return paces, float(kept["report"]) if "report" in kept else None
    return {}, None


def keep_paces(client: str, results: Sequence[Result], steps: Mapping[str, float]) -> None:
    """Keep how the studies that ran went, for the next run to tell its time left by.

    Parameters
    ----------
    client : str
        The client's id.
    results : sequence of Result
        How each study ended; what was kept, or did not end well, says nothing.
    steps : mapping of str to float
        Seconds of each step of the run.
    """
    place = _place(client)
    paces = read_paces(client)[0] | {
        result.name: Pace(result.cells, result.seconds)
        for result in results
        if result.status == "done" and result.cells
    }
    studies = {
        name: [round(seconds, 1) for seconds in (*pace.cells, pace.seconds)] for name, pace in paces.items()
    }
    with suppress(OSError):  # costs an estimate, not the report
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, delete=False) as made:
            json.dump({"studies": studies, "report": round(steps["report"], 1)}, made)
        Path(made.name).replace(place)


def _place(client: str) -> Path:
    return cache_folder() / "studies" / client / "seconds.json"


def _kept(place: Path) -> dict[str, Any]:
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
