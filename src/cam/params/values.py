"""The kinds of value that a parameter may have, and what each refuses."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from cam.params.hints import scheme_meant

#: A client's id, and so the name of its folder under ``reports/``: nothing that could climb out of it or be too long.
ID_PATTERN = re.compile(r"(?=.{1,64}$)[a-z0-9]+(-[a-z0-9]+)*")


def _iso_date(value: Any) -> Any:
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("date", "must be a date as YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("date", "must be a date of the calendar, as YYYY-MM-DD") from None


def _rising(values: list[float]) -> list[float]:
    if any(after <= before for before, after in pairwise(values)):
        raise PydanticCustomError("rising", "must rise strictly, each limit above the one before")
    return values


def _rising_scale(values: list[int]) -> list[int]:
    if values[1] <= values[0]:
        raise PydanticCustomError("scale", "must be the lowest and the highest answer, such as [1, 11]")
    return values


def _no_repeats(values: list[str]) -> list[str]:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise PydanticCustomError("repeats", "names a column twice: {twice}", {"twice": ", ".join(twice)})
    return values


def _client_id(value: str) -> str:
    if not ID_PATTERN.fullmatch(value):
        raise PydanticCustomError("id", "must be lower-case letters, digits and single hyphens, at most 64")
    return value


def _currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise PydanticCustomError("currency", "must be an ISO code of three capitals, such as CNY")
    return value


def _color(value: str) -> str:
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", value):
        raise PydanticCustomError("color", 'must be a colour as "#1F6F8B", in quotes')
    return value


def _rate(value: float) -> float:
    if not 0 <= value < 1:
        raise PydanticCustomError("rate", "must be in [0, 1): a rate, not per cent")
    return value


def _engine(value: str) -> str:
    if value not in {"duckdb", "spark"} and not re.match(r"[a-z][a-z0-9+]*://|\$\{\w+\}", value):
        raise PydanticCustomError(
            "engine",
            "must be duckdb, spark, or the URL of a database such as postgres://user:${NAME}@host/shop",
        )
    if re.match(r"(py)?spark://", value):
        raise PydanticCustomError(
            "engine",
            "must be spark alone: where Spark runs, its own configuration says (SPARK_CONF_DIR, spark.master)",
        )
    if meant := scheme_meant(value):
        scheme = value.partition("://")[0]
        raise PydanticCustomError(
            "scheme", "begins with {scheme}://, which is no engine{meant}", {"scheme": scheme, "meant": meant}
        )
    user, _, _ = value.partition("://")[2].rpartition("@")
    named = re.findall(r"[?&](?:password|passwd|pwd|token|secret)=([^&]*)", value, re.IGNORECASE)
    secrets = [*([user.partition(":")[2]] if ":" in user else []), *named]
    if any(secret and not re.fullmatch(r"\$\{\w+\}", secret) for secret in secrets):
        raise PydanticCustomError(
            "password", "must not hold a password; write ${NAME} in its place and set NAME in the environment"
        )
    return value


def _delimiter(value: str) -> str:
    if value != "whitespace" and (len(value) != 1 or value in '"\r\n\0'):
        raise PydanticCustomError("delimiter", 'must be one character, such as ";", or the word whitespace')
    return value


def _zone(value: str) -> str:
    from zoneinfo import ZoneInfo  # here, because few clients name one

    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("zone", "must be a time zone such as Asia/Shanghai or UTC") from None
    return value


ClientId = Annotated[str, AfterValidator(_client_id)]
Currency = Annotated[str, AfterValidator(_currency)]
Delimiter = Annotated[str, AfterValidator(_delimiter)]
Engine = Annotated[str, AfterValidator(_engine)]
IsoDate = Annotated[date, BeforeValidator(_iso_date)]
Limits = Annotated[
    list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1), AfterValidator(_rising)
]
Rate = Annotated[float, AfterValidator(_rate)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Change = Annotated[float, Field(gt=-1, le=10, allow_inf_nan=False)]
Scale = Annotated[list[int], Field(min_length=2, max_length=2), AfterValidator(_rising_scale)]
Share = Annotated[float, Field(gt=0, le=1)]
Names = Annotated[list[str], Field(max_length=100), AfterValidator(_no_repeats)]
Treatment = Annotated[str, Field(min_length=1, max_length=200)]
Columns = Annotated[list[str], Field(min_length=1, max_length=40), AfterValidator(_no_repeats)]
Color = Annotated[str, AfterValidator(_color)]
Zone = Annotated[str, AfterValidator(_zone)]


class Section(BaseModel):
    """What all sections share: unknown keys and wrong types are refused, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
