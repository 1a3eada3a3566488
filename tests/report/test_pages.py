"""The overview's content: cards, findings and links."""

from __future__ import annotations

import pytest

from cam.estimate import Estimate
from cam.key_figures import Row, rows
from cam.language import use
from cam.report import pages
from cam.studies.client import STUDIES

BAD = "<script>alert(1)</script>"


def some(*estimates: Estimate, study: str = "01_segmentation") -> list[Row]:
    return rows(estimates, client="acme", as_of="2026-06-30", study=study)


def test_every_study_has_a_label_and_a_link() -> None:
    assert list(pages.LABELS) == list(STUDIES)
    links = pages.navigation(list(STUDIES))
    assert [href for href, _ in links] == ["index.html", *(f"{name}.html" for name in STUDIES)]
    assert len({label for _, label in links}) == 1 + len(STUDIES)


def test_cards_show_the_whole_and_no_part() -> None:
    figures = some(
        Estimate("revenue", 2500315.63, "USD", 69659),
        Estimate("n_customers", 23570, "count", 23570),
        Estimate("revenue", 12.0, "USD", 3, segment={"segment": BAD}),
    )
    cards = pages.scorecard(figures)
    assert [card.href for card in cards] == ["01_segmentation.html"] * 2
    assert "23,570" in cards[0].value and "2,500,316" in cards[1].value
    assert not any(BAD in f"{card}" for card in cards)


def test_a_card_shows_its_interval() -> None:
    (card,) = pages.scorecard(
        some(Estimate("repeat_rate", 0.5, "share", 100, 0.4, 0.6), study="02_lifecycle")
    )
    assert "50" in card.value and "40" in card.interval and "60" in card.interval
    assert card.href == "02_lifecycle.html"


def test_findings_are_inert() -> None:
    assert BAD not in pages.finding_list([BAD]) and "&lt;script&gt;" in pages.finding_list([BAD])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_not_ours_keeps_its_name(language: str) -> None:
    use(language)
    try:
        assert pages.label("07_own_study") == "07_own_study"
    finally:
        use("en")
