"""Study 02, the funnel: every lead followed to the first purchase, and the stages of leads put in order."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay
from cam.language import date_text, listed, sentence, together
from cam.language import translate as _
from cam.measures.lifecycle.funnel import order_stages
from cam.reduce.durations import duration_cells
from cam.reduce.funnel import first_days, follow_leads, stage_cells, with_groups
from cam.studies.study import Study, needs
from cam.studies.watched import FEWEST, MOST_GROUPS, UNKNOWN

#: Of customers named by leads from before the first order: if more never buy, older orders are missing.
_UNSEEN = 0.10
#: Leads that may yet end in a first purchase, or did.
FOLLOWED = ("open", "unbought", "bought")
#: Of stages that are not known so many are named.
_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Leads:
    """Leads as they are followed to a first purchase.

    Attributes
    ----------
    rows : ibis.Table
        One row per lead: ``stage``, ``status``, ``group``, ``created``, ``duration``, ``event_observed``.
    counts : DataFrame
        ``group``, ``stage``, ``status``, ``n_leads``, ``kind`` (of the stage), ``place`` (the furthest one reached).
    stages : tuple of str
        Names of the places in English or the client's own words, all leads first.
    is_end_known : bool
        Whether of every lead it is known that it reached the last one or did not.
    cells : DataFrame or CannotSay
        ``group``, ``month``, ``duration``, ``event_observed``, ``n_customers``: leads, for time to convert.
    notes : tuple of str
        What a reader must know of how they were followed.
    """

    rows: ir.Table
    counts: pd.DataFrame
    stages: tuple[str, ...]
    is_end_known: bool
    cells: pd.DataFrame | CannotSay
    notes: tuple[str, ...]


@needs("leads")
def leads(study: Study) -> Leads | CannotSay:
    """Follow every lead to its customer's first purchase, and put the stages in order."""
    source = study.tables["leads"]
    firsts = _firsts(study)
    rows, notes = _followed(study, source, None if isinstance(firsts, CannotSay) else firsts)
    counts = stage_cells(rows).execute()
    counts["group"] = counts["group"].fillna(UNKNOWN)
    followed = counts[counts["status"].isin(FOLLOWED)]
    n = int(followed["n_leads"].sum())
    if n < FEWEST:
        reason = sentence(
            "A funnel cannot be said: of {all} leads {n} can be followed, and {least} are needed.",
            all=int(counts["n_leads"].sum()),
            n=n,
            least=FEWEST,
        )
        return CannotSay(
            together(reason, *notes), _("Add older leads, and orders from the time of the leads.")
        )
    stages = followed["stage"].dropna().unique().tolist()
    order = order_stages(stages, given=study.params.lifecycle.lead_stages)
    unseen = firsts if isinstance(firsts, CannotSay) else _unseen(counts, order)
    counts, names, is_end_known, said = _placed(study, counts, order, has_buyers=unseen is None)
    if len(names) < 2:
        assert unseen is not None
        return CannotSay(together(*said, unseen.reason), unseen.cure)
    cells: pd.DataFrame | CannotSay = (
        unseen
        or duration_cells(rows.filter(rows.status.isin(FOLLOWED)), columns=["group", "month"]).execute()
    )
    if isinstance(cells, pd.DataFrame):
        cells["group"] = cells["group"].fillna(UNKNOWN)
    return Leads(rows, counts, names, is_end_known, cells, (*said, *_left_out(counts), *notes))


def _firsts(study: Study) -> ir.Table | CannotSay:
    missing = study.lacks_column("leads", "customer_id")
    if missing:
        return missing
    if not {"transactions", "contracts"} & set(study.tables):
        return CannotSay(
            _("When leads became customers cannot be seen without transactions or contracts."),
            _("Add one of them under data; params/template.yaml shows their columns."),
        )
    name = "transactions" if "transactions" in study.tables else "contracts"
    found: ir.Table = study.engine.create_table(
        "funnel_firsts", first_days(study.tables[name], as_of=study.as_of), overwrite=True
    )
    return found


def _followed(study: Study, source: ir.Table, firsts: ir.Table | None) -> tuple[ir.Table, list[str]]:
    """Follow the leads; those from a time whose orders are missing are set apart."""
    rows = _kept(study, follow_leads(source, firsts, as_of=study.as_of))
    first = None if firsts is None else firsts.first_day.min().execute()
    if firsts is None or pd.isna(first):
        return rows, []
    start = pd.Timestamp(first).date()
    old = rows.filter((rows.created < ibis.date(start)) & rows.status.isin(["bought", "unbought"]))
    seen = (
        old.aggregate(n=old.count(), missed=(old.status == "unbought").ifelse(1, 0).sum()).execute().iloc[0]
    )
    if not seen["n"] or int(seen["missed"]) <= _UNSEEN * int(seen["n"]):
        return rows, []
    rows = _kept(study, follow_leads(source, firsts, as_of=study.as_of, since=start))
    words = "Leads from before {day}, the first order in the data, are left out: what they bought then is not seen."
    return rows, [sentence(words, day=date_text(start))]


def _kept(study: Study, rows: ir.Table) -> ir.Table:
    grouped = with_groups(rows, n_channels=MOST_GROUPS)
    kept: ir.Table = study.engine.create_table("funnel_leads", grouped, overwrite=True)
    return kept


def _unseen(counts: pd.DataFrame, order: pd.DataFrame) -> CannotSay | None:
    """Say why purchases cannot be told, where no lead names its customer, or none of these bought."""
    sizes = counts.groupby("status")["n_leads"].sum()
    bought, named = (
        int(sizes.reindex(names, fill_value=0).sum()) for names in (["bought", "earlier"], ["unbought"])
    )
    if bought:
        return None
    if named:
        return CannotSay(
            sentence("Not one of the {n} customers named in leads is among those who bought.", n=named),
            _("Bring customer_id into the same form in leads and in transactions."),
        )
    won = order.loc[order["kind"] == "won", "stage"]
    n = int(counts.loc[counts["stage"].isin(won), "n_leads"].sum())
    if not n:
        return None
    return CannotSay(
        sentence("{n} leads are won by their stage, but none names its customer.", n=n),
        _("Fill customer_id in leads for those who became customers."),
    )


def _placed(
    study: Study, counts: pd.DataFrame, order: pd.DataFrame, *, has_buyers: bool
) -> tuple[pd.DataFrame, tuple[str, ...], bool, list[str]]:
    """Give each count the furthest place that its leads reached, and name the places."""
    counts = counts.merge(order, on="stage", how="left")
    names, notes = _stage_names(order), _stage_faults(study, order)
    is_won = counts["kind"] == "won"
    if notes:
        names, counts["place"] = ["all leads"], 0.0
    elif has_buyers and (order["kind"] == "won").any():
        # Who is won by the stage has passed all stages before; whether they bought, the purchases say.
        names = names[:-1]
        counts["place"] = counts["place"].clip(upper=max(len(names) - 1, 0))
    names = ["all leads", *names[1:]]
    is_end_known = has_buyers
    if has_buyers:
        names.append("first purchase" if "transactions" in study.tables else "first contract")
        counts.loc[counts["status"] == "bought", "place"] = float(len(names) - 1)
    else:
        # A lead that was lost was not won; of one without a stage nothing is known.
        is_end_known = bool(is_won.any()) and not bool(counts["kind"].isna().any())
    return counts, tuple(names), is_end_known, notes


def _stage_names(order: pd.DataFrame) -> list[str]:
    placed = order.dropna(subset=["place"])
    return [" / ".join(sorted(rows["stage"])) for _place, rows in placed.groupby("place")]


def _stage_faults(study: Study, order: pd.DataFrame) -> list[str]:
    """Say why stages are not shown: there is no column, or words are not known."""
    missing = study.lacks_column("leads", "stage")
    if missing:
        return [together(_("Stages are not shown."), missing.reason, missing.cure)]
    strange = sorted(order.loc[order["kind"] == "unknown", "stage"])
    if not strange:
        return []
    more = [sentence("and {n} more", n=len(strange) - _MOST_NAMES)] if len(strange) > _MOST_NAMES else []
    return [
        sentence(
            "Stages are not shown: these have no known place: {names}. Name all stages, first to last, under "
            "lifecycle.lead_stages.",
            names=listed([*strange[:_MOST_NAMES], *more]),
        )
    ]


def _left_out(counts: pd.DataFrame) -> list[str]:
    """Say which leads are no way to a first purchase, and where leads and purchases disagree."""
    sizes = counts.groupby("status")["n_leads"].sum()
    words = {
        "earlier": "{n} leads are left out: their customers had bought before the lead came in.",
        "again": "{n} leads are left out: they are not their customer's first.",
        "unbought": "{n} leads name a customer who has not bought within the data; they count as not converted.",
    }
    said = [sentence(text, n=int(sizes[status])) for status, text in words.items() if status in sizes.index]
    won = int(counts.loc[(counts["status"] == "open") & (counts["kind"] == "won"), "n_leads"].sum())
    if won and sizes.get("bought", 0):
        said.append(
            sentence(
                "{n} leads are won by their stage but name no customer; they count as not converted.", n=won
            )
        )
    behind = (counts["status"] == "bought") & counts["kind"].isin(["stage", "lost"])
    if (counts["kind"] == "won").any() and behind.any():
        n = int(counts.loc[behind, "n_leads"].sum())
        said.append(
            sentence("{n} leads bought though their stage does not say so; they count as customers.", n=n)
        )
    return said
