"""How the loss of an engine is told: one sentence with the cure, wherever a study happened to be."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from cam.errors import EngineError

T = TypeVar("T")

#: What a study asks of an engine; everything else is done by these.
_ASKED = ("create_table", "execute", "list_tables", "read_parquet", "table", "to_pyarrow")


def telling(backend: type[T]) -> type[T]:
    """Make a backend raise :class:`~cam.errors.EngineError` where it is lost, in place of its driver's own errors.

    Parameters
    ----------
    backend : type
        An Ibis backend with a method ``lost`` that answers an exception with a sentence, or with nothing where the
        fault is not the engine's.

    Returns
    -------
    type
        The same.
    """
    for name in _ASKED:
        setattr(backend, name, _told(getattr(backend, name)))
    return backend


def told_batches(engine: Any, batches: Iterator[T]) -> Iterator[T]:
    """Pass batches on; a loss between two of them is told like any other.

    Parameters
    ----------
    engine : ibis backend
        That they come from.
    batches : iterator
        Batches.

    Yields
    ------
    batch
        Each of them.
    """
    try:
        yield from batches
    except Exception as error:
        _tell(engine, error)
        raise


def _told(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def asked(engine: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(engine, *args, **kwargs)
        except Exception as error:
            _tell(engine, error)
            raise

    return asked


def _tell(engine: Any, error: Exception) -> None:
    said = None if isinstance(error, EngineError) else engine.lost(error)
    if said:
        raise EngineError(
            f"data.engine: {said} Nothing was published; once that is mended, the same command goes on."
        )
