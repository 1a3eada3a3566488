"""Catalogues: a message without a translation stays English, and translations keep every placeholder."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from cam.language import active, translate, use
from cam.language.catalogue import LANGUAGES, messages


@pytest.fixture(autouse=True)
def english_afterwards():
    yield
    use("en")


def test_languages():
    use("zh")
    assert (active(), translate("Findings")) == ("zh", "主要发现")
    assert translate("No such message.") == "No such message."
    use("en")
    assert (active(), translate("Findings")) == ("en", "Findings")


@pytest.mark.parametrize("language", ["fr", "", "EN", "../zh"])
def test_no_other_language(language):
    with pytest.raises(ValueError) as caught:
        use(language)
    assert str(caught.value) == f"language must be one of en, zh; got {language!r}"
    assert active() in LANGUAGES


def test_translations_hold_the_same_placeholders():
    for source, translated in messages("zh").items():
        found = [Counter(re.findall(r"{[a-z_.]+(?::[^}]*)?}", text)) for text in (source, translated)]
        assert set(found[0]) == set(found[1]), source
