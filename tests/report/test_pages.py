"""The overview's content: findings and links."""

from __future__ import annotations

import pytest

from cam.language import use
from cam.report import pages
from cam.studies.client import STUDIES

BAD = "<script>alert(1)</script>"


def test_every_study_has_a_label_and_a_link() -> None:
    assert list(pages.LABELS) == list(STUDIES)
    links = pages.navigation(list(STUDIES))
    assert [href for href, _ in links] == ["index.html", *(f"{name}.html" for name in STUDIES)]
    assert len({label for _, label in links}) == 1 + len(STUDIES)


def test_findings_are_inert() -> None:
    assert BAD not in pages.finding_list([BAD]) and "&lt;script&gt;" in pages.finding_list([BAD])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_not_ours_keeps_its_name(language: str) -> None:
    use(language)
    try:
        assert pages.label("07_own_study") == "07_own_study"
    finally:
        use("en")
