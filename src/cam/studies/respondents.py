"""Study 04, who answered: the customers, what is known of them, and the last answer of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay
from cam.language import listed, named, sentence
from cam.language import translate as _
from cam.measures.satisfaction.scores import DETRACTOR_TO, PROMOTER_FROM, SATISFIED_FROM
from cam.measures.segmentation.rfm import fit_rfm
from cam.params.hints import did_you_mean
from cam.reduce.profiles import attribute_columns
from cam.reduce.respondents import asked, largest_levels, last_answers, years_since
from cam.reduce.scores import distinct_values, score_by_limits
from cam.studies import segment_value, segmentation
from cam.studies.study import Study, join_customers, needs

#: Stand for levels too rare to be named, and for what is not known of a customer.
OTHERS, UNKNOWN = "(others)", "(unknown)"
#: Years of tenure: so many or more are one.
MOST_YEARS = 5
#: Numbers with many values are cut into so many parts of as many customers.
FIFTHS = 5
_MOST_LEVELS = 10
#: What is not a column of customers, and what kind of levels it has.
_OWN = {"segment": "segments", "value": "fifths", "tenure": "years"}
_WEIGHTED_BY = ("segment", "tenure", "acquisition_channel")
_COMPARED = ("segment", "value", "tenure", "acquisition_channel")
_PREFIX = "of_"
_VARIABLES = {"segment": "Segment", "value": "Revenue so far", "tenure": "Time as a customer"}
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Base:
    """The customers, their levels, and their last answers.

    Attributes
    ----------
    people : ibis.Table
        One row per customer: ``customer_id``, ``asked``, ``answered``, ``up``, ``down``, ``satisfied``, ``delay``, and
        ``level_0`` and on, the level of each variable.
    kinds : Mapping[str, str]
        What is compared, and whether its levels are ``segments``, ``fifths``, ``years``, ``numbers`` or ``names``.
    weighted_by : tuple of str
        Which of these the weights are to meet.
    score : str
        ``nps``, or ``csat`` where there is none.
    n, n_asked, n_answered : int
        Customers, those of them who were ever asked for that score (or gave it), and those who gave it.
    n_later, n_strangers, n_unnamed : int
        Customers who first bought after the last answer; customers who answered and are none of the base; answers
        without a customer.
    knows_silent : bool
        Whether the table lists invitations that nobody answered; else *n_asked* says nothing.
    """

    people: ir.Table
    kinds: Mapping[str, str]
    weighted_by: tuple[str, ...]
    score: str
    n: int
    n_asked: int
    n_answered: int
    n_later: int
    n_strangers: int
    n_unnamed: int
    knows_silent: bool

    @property
    def share(self) -> float:
        """Share of the customers who answered."""
        return self.n_answered / self.n


@needs("responses")
def base(study: Study, scored: ir.Table | None = None) -> Base | CannotSay:
    """Set the customers beside their last answers, inside the engine.

    Where there are transactions, a customer is whoever had bought by the last day with an answer; else whoever is in
    the table customers. *scored* is study 01's table of RFM scores, where the caller has it.
    """
    lacking = study.lacks_column("responses", "customer_id")
    if lacking:
        return CannotSay(_("Who answered cannot be compared with the customers."), lacking.cure)
    if "transactions" not in study.tables and "customers" not in study.tables:
        return CannotSay(
            _("Who answered cannot be compared: the customers are in no table but that of the responses."),
            _("Add the table transactions or customers: params/template.yaml shows their columns."),
        )
    responses = study.tables["responses"]
    score = _score(responses)
    if score is None:
        return CannotSay(_("No answer with nps or csat names its customer."))
    bands = (DETRACTOR_TO, PROMOTER_FROM) if score == "nps" else (-1, SATISFIED_FROM)
    answers = study.engine.create_table(
        "who_answers", last_answers(responses, score=score, bands=bands), overwrite=True
    )
    customers, n_later = _customers(study, answers, scored)
    chosen = _chosen(study, customers)
    if isinstance(chosen, CannotSay):
        return chosen
    kinds, weighted_by = chosen
    levels = {
        f"level_{place}": _level(study, customers, name, kind)
        for place, (name, kind) in enumerate(kinds.items())
    }
    leveled = customers.select("customer_id", **levels)
    knows_silent = _knows_silent(responses, score)
    joined = leveled.left_join(answers, "customer_id").drop("customer_id_right")
    invited = answers.select("customer_id")
    if knows_silent:
        invited = invited.union(asked(responses, score=score).select("customer_id"))
    invited = invited.distinct().mutate(invited=1)
    joined = joined.left_join(invited, "customer_id")
    people = study.engine.create_table(
        "who_people",
        joined.select(
            "customer_id",
            *levels,
            "delay",
            asked=ibis.coalesce(joined.invited, 0).cast("int64"),
            answered=joined.day.notnull().ifelse(1, 0),
            up=ibis.coalesce(joined.up, 0),
            down=ibis.coalesce(joined.down, 0),
            satisfied=joined.csat.isnull().ifelse(
                ibis.null("int64"), (joined.csat >= SATISFIED_FROM).ifelse(1, 0).cast("int64")
            ),
        ),
        overwrite=True,
    )
    sums = people.aggregate(n=people.count(), asked=people.asked.sum(), answered=people.answered.sum())
    n, n_asked, n_answered = (int(number or 0) for number in sums.execute().fillna(0).iloc[0])
    if n_answered == 0:
        return CannotSay(
            sentence(
                "Not one of the {n} customers who answered is among the {all} customers of the other tables.",
                n=int(answers.count().execute()),
                all=n,
            ),
            _("Check that customer_id is the same in both: its length, zeros in front, capital letters."),
        )
    fewest = study.params.satisfaction.min_answers
    if n_answered < fewest:
        return CannotSay(
            sentence(
                "{n} customers who answered are too few to compare; {fewest} are needed (satisfaction.min_answers).",
                n=n_answered,
                fewest=fewest,
            )
        )
    given = responses.filter(responses.response_date.notnull() & responses[score].notnull())
    return Base(
        people,
        kinds,
        weighted_by,
        score,
        n,
        n_asked,
        n_answered,
        n_later,
        int(answers.anti_join(people, "customer_id").count().execute()),
        int(given.filter(given.customer_id.isnull()).count().execute()),
        knows_silent,
    )


def level_text(kind: str, members: tuple[str, ...]) -> str:
    """Write the levels of a group as a reader sees them."""
    known = [one for one in members if one not in (UNKNOWN, OTHERS)]
    if not known:
        return _("not known") if members == (UNKNOWN,) else _("all others")
    if kind in ("segments", "names"):
        names = [named(one) for one in known] + ([_("all others")] if OTHERS in members else [])
        names += [_("not known")] if UNKNOWN in members else []
        if len(names) > _MOST_NAMED:
            return sentence("{first} and {n} more", first=names[0], n=len(names) - 1)
        return listed(names)
    ordered = sorted(known, key=float)
    low, high = ordered[0], ordered[-1]
    if kind == "numbers":
        return low if low == high else sentence("{low} to {high}", low=low, high=high)
    first, last = int(low), int(high)
    if kind == "fifths":
        if first < last:
            return sentence("fifths {low} to {high} of {all}", low=first, high=last, all=FIFTHS)
        ends = {1: _("lowest fifth"), FIFTHS: _("highest fifth")}
        return ends.get(first) or sentence("fifth {place} of {all}", place=first, all=FIFTHS)
    if last == MOST_YEARS:
        return sentence("{n} years or more", n=first)
    if first == 0:
        return _("under a year") if last == 0 else sentence("under {n} years", n=last + 1)
    return sentence("{low} to {high} years", low=first, high=last + 1)


def variable_text(name: str) -> str:
    """Write what customers are compared by as a reader sees it."""
    return _(_VARIABLES[name]) if name in _VARIABLES else named(name)


# --- the customers ------------------------------------------------------------------------------


def _score(responses: ir.Table) -> str | None:
    for score in ("nps", "csat"):
        if score in responses.columns:
            given = responses.customer_id.notnull() & responses.response_date.notnull()
            if responses.filter(given & responses[score].notnull()).count().execute():
                return score
    return None


def _customers(study: Study, answers: ir.Table, scored: ir.Table | None) -> tuple[ir.Table, int]:
    """All customers with what is known of them, and how many were left out because they came too late."""
    people: ir.Table | CannotSay = study.lacks("transactions") or segmentation.summarise(study)
    known = study.tables.get("customers")
    own = None if known is None else attribute_columns(known, prefix=_PREFIX)
    if isinstance(people, CannotSay):
        assert own is not None
        people = own
        first = own[f"{_PREFIX}acquired_date"] if f"{_PREFIX}acquired_date" in own.columns else None
    else:
        segments = segment_value.rfm_scores(study) if scored is None else scored
        if not isinstance(segments, CannotSay):
            people = join_customers(people, segments.select("customer_id", "rfm_segment"))
        people = people if own is None else join_customers(people, own)
        first = people.first_date
    if first is None:
        return people, 0
    people = people.mutate(first_day=first.cast("date"))
    last = answers.day.max().execute()
    seen = people.filter(
        people.first_day.isnull() | (people.first_day <= ibis.date(pd.Timestamp(last).date()))
    )
    table = study.engine.create_table("who_customers", seen, overwrite=True)
    return table, int(people.count().execute()) - int(table.count().execute())


def _chosen(study: Study, customers: ir.Table) -> tuple[dict[str, str], tuple[str, ...]] | CannotSay:
    """What is compared and of which kind, and what of it is weighted by."""
    attributes = [name.removeprefix(_PREFIX) for name in customers.columns if name.startswith(_PREFIX)]
    there = {"segment": "rfm_segment", "value": "revenue", "tenure": "first_day"}
    own = [name for name, column in there.items() if column in customers.columns]
    asked_for = study.params.satisfaction.weight_by
    for name in asked_for:
        if name not in own and name not in attributes:
            return CannotSay(
                sentence(
                    "satisfaction.weight_by names {name}, which is nothing known of the customers{hint}",
                    name=name,
                    hint=did_you_mean(name, [*own, *attributes]) or ".",
                ),
                sentence("Known are {columns}.", columns=listed([*own, *attributes])),
            )
    kinds: dict[str, str] = {}
    for name in dict.fromkeys((*_COMPARED, *asked_for)):
        if name in own:
            kinds[name] = _OWN[name]
        elif name in attributes and name not in _OWN:
            column = customers[f"{_PREFIX}{name}"]
            if column.type().is_temporal():
                return CannotSay(
                    sentence(
                        "satisfaction.weight_by names {name}, which is a date and has no levels.", name=name
                    )
                )
            is_number = column.type().is_numeric()
            many = is_number and len(_largest(customers, f"{_PREFIX}{name}")) > _MOST_LEVELS
            kinds[name] = "fifths" if many else "numbers" if is_number else "names"
    if not kinds:
        return CannotSay(
            _("Nothing is known of the customers by which those who answered could be compared."),
            _("Add the table transactions, or columns to the table customers."),
        )
    wanted = asked_for or _WEIGHTED_BY
    return kinds, tuple(name for name in wanted if name in kinds)


def _level(study: Study, customers: ir.Table, name: str, kind: str) -> ir.StringValue:
    """The level of each customer, as text; none missing."""
    if kind == "segments":
        text = customers.rfm_segment
    elif kind == "years":
        first = customers.first_day
        if f"{_PREFIX}acquired_date" in customers.columns:
            first = ibis.coalesce(customers[f"{_PREFIX}acquired_date"].cast("date"), first)
        text = years_since(first, study.as_of, most=MOST_YEARS).cast("string")
    elif kind == "fifths":
        column = customers["revenue" if name == "value" else f"{_PREFIX}{name}"]
        values = distinct_values(customers.filter(column.notnull()), column.get_name()).execute()
        # The cut of one measure, as RFM makes it: equal customers never fall apart.
        limits = fit_rfm(dict.fromkeys(("recency", "frequency", "monetary"), values), n_bins=FIFTHS).monetary
        text = column.isnull().ifelse(ibis.null("string"), score_by_limits(column, limits).cast("string"))
    else:
        value = customers[f"{_PREFIX}{name}"].cast("string")
        largest = _largest(customers, f"{_PREFIX}{name}")
        kept = largest if len(largest) <= _MOST_LEVELS else largest[:-1]
        text = value.isnull().ifelse(value, value.isin(kept).ifelse(value, OTHERS))
    return ibis.coalesce(text, UNKNOWN)


def _largest(customers: ir.Table, column: str) -> list[str]:
    """The largest levels; one over the most is enough to know that there are others."""
    found: list[str] = largest_levels(customers, column, most=_MOST_LEVELS + 1).execute()["level"].tolist()
    return found


def _knows_silent(responses: ir.Table, score: str) -> bool:
    if "invited_date" not in responses.columns:
        return False
    rows = asked(responses, score=score)
    return bool((rows.score == 0).sum().execute())
