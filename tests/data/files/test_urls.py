"""What a database says is passed on without a secret, and otherwise as it is."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from cam.data.files.urls import expand_url, without_secrets

URL = "postgres://reader:${SHOP_PASSWORD}@db/shop"


@pytest.mark.parametrize("secret", ["a", "on", "7", "failed", "reader's"])
def test_a_short_secret_is_masked_only_where_it_stands_as_itself(monkeypatch, secret):
    monkeypatch.setenv("SHOP_PASSWORD", secret)
    plain = "connections to the database cannot be made: 127.0.0.17 unfailedly refuses"
    assert without_secrets(plain, URL) == plain


@pytest.mark.parametrize(
    "secret", ["a", "7", "on", "Geheim", "p@ss/w", "ö", "%41", "x y", "hunter22", "a" * 40, "密码"]
)
@pytest.mark.parametrize(
    "words",
    [
        "{0}",
        'password "{0}" is wrong',
        "password={0}&sslmode=require",
        "no host in postgres://reader:{0}@db/shop",
        "no host in postgres://reader:{1}@db/shop",
        "no host in {2}",
        "no host in {3}",
        "keyword_{0}: {0}, ({0}) {0}.",
        "line\\n{0}\\n",
        "{4}",
    ],
)
def test_a_secret_that_stands_as_itself_is_masked_in_every_form(monkeypatch, secret, words):
    monkeypatch.setenv("SHOP_PASSWORD", secret)
    url = expand_url(URL)
    forms = (secret, quote(secret, safe=""), url, quote(url, safe=""), secret.upper())
    said, expected = words.format(*forms), words.format(*["…"] * 5)
    found = without_secrets(said, URL)
    assert found.replace("postgres://reader:…@db/shop", "…") == expected.replace(
        "postgres://reader:…@db/shop", "…"
    )
