"""One parameter file per client: its sections, their defaults and their checks. Defaults live here, once.

A file is read by :func:`read_params`, which knows line numbers; a notebook hands over the dicts that
papermill injected to :func:`params_from_sections`. Both end in the same checks.
"""

from cam.params.read import params_from_sections, read_params
from cam.params.sections import SECTIONS, Params
from cam.params.sources import Data, Options, Source, States

__all__ = [
    "SECTIONS",
    "Data",
    "Options",
    "Params",
    "Source",
    "States",
    "params_from_sections",
    "read_params",
]
