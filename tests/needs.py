"""What a test needs of the machine."""

from __future__ import annotations

import os

import pytest

#: In CI a missing browser or database server is a failure, not a skip.
NEED_ALL = bool(os.environ.get("CAM_TESTS_NEED_ALL"))


def skip_or_fail(reason: str) -> None:
    """Skip here; fail where everything must be there."""
    (pytest.fail if NEED_ALL else pytest.skip)(reason)
