"""Study 03, customer segment value: what segments and attributes hold of revenue, profit and residual CLV."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence
from cam.language import translate as _
from cam.measures.value.segment_value import choose_attributes, group_values, tell_apart
from cam.reduce.segment_value import column_levels, group_sums
from cam.show.tables import Col, ShownTable, sheet_table, show_table
from cam.studies import segmentation
from cam.studies.study import Study, needs

#: What the sheet of the workbook is called.
SHEET = "Segments"
#: Levels of an attribute by size; the rest stand together.
MOST_LEVELS = 10
#: Attributes that are shown level by level.
MOST_ATTRIBUTES = 4
#: A difference that chance brings about less often than this is one.
_SIGNIFICANT = 0.05
_SMALLEST_P = 0.001
_MONEY = ("revenue", "profit", "residual_clv")
#: Within a sentence.
_WORDS = {"revenue": "revenue so far", "profit": "profit so far", "residual_clv": "residual CLV"}


@needs("transactions")
def rfm_scores(study: Study) -> ir.Table | CannotSay:
    """Score the customers as study 01 does, so that its segments can be valued."""
    summary = segmentation.summarise(study)
    valued = segmentation.measure_value(study, summary)
    if isinstance(valued, CannotSay):
        return valued
    values = segmentation.count_values(study, valued)
    if isinstance(values, CannotSay):
        return values
    fit = segmentation.fit_rfm(study, values)
    return fit if isinstance(fit, CannotSay) else segmentation.score_customers(study, valued, fit)


def combine(
    study: Study,
    customers: ir.Table | CannotSay,
    served: ir.Table | CannotSay,
    worth: ir.Table | CannotSay,
    scored: ir.Table | CannotSay,
) -> ir.Table | CannotSay:
    """Put together per customer what is known: earnings, profit, residual CLV, RFM segment and attributes."""
    if isinstance(customers, CannotSay):
        return customers
    people: ir.Table = customers if isinstance(served, CannotSay) else served
    wanted = ((worth, ("p_alive", "residual_clv")), (scored, ("frequency", "recency", "T", "rfm_segment")))
    for table, columns in wanted:
        if not isinstance(table, CannotSay):
            people = _joined(people, table, [name for name in columns if name in table.columns])
    attributes = study.tables.get("customers")
    if attributes is not None:
        own = [name for name in attributes.columns if name not in people.columns]
        people = _joined(people, attributes.mutate(in_customers=1), [*own, "in_customers"])
    return study.engine.create_table("customer_value", people, overwrite=True)


@needs()
def segment_value(study: Study, people: ir.Table) -> pd.DataFrame | CannotSay:
    """Say what each RFM segment holds: customers, revenue, profit and residual CLV, the largest first."""
    if "rfm_segment" not in people.columns:
        return CannotSay(_("There are no RFM segments to value: they need the table transactions."))
    return _valued(people, "rfm_segment")


@needs()
def show_segment_value(study: Study, values: pd.DataFrame) -> ShownTable | CannotSay:
    """Show what the segments hold, and say which columns are left out."""
    shown = values.assign(level=[level_text(row["kind"], row["level"]) for row in values.to_dict("records")])
    return show_table(
        shown,
        [Col("level", "Segment"), *_value_columns(study, values)],
        caption="Customer segment value (CSV)",
        notes=_left_out(values),
        max_rows=40,
    )


@needs()
def sheet(study: Study, values: pd.DataFrame) -> pd.DataFrame:
    """Return what the segments hold as a sheet of the workbook, limits in columns of their own."""
    shares = {
        "revenue": "Share of revenue so far",
        "profit": "Share of profit so far",
        "residual_clv": "Share of residual CLV",
    }
    means = {
        "revenue": "Revenue per customer",
        "profit": "Profit so far per customer",
        "residual_clv": "Residual CLV per customer",
    }
    columns = [
        Col("level", "Segment"),
        Col("n_customers", "Customers", "count"),
        Col("customer_share", "Share of customers", "share"),
        *(
            Col(f"{name}_{what}", label, unit, f"{name}_{what}_low", f"{name}_{what}_high")
            for labels, what, unit in ((shares, "share", "share"), (means, "mean", study.currency))
            for name, label in labels.items()
            if f"{name}_{what}" in values
        ),
    ]
    named_levels = [level_text(row["kind"], row["level"]) for row in values.to_dict("records")]
    made = sheet_table(values.assign(level=named_levels), columns)
    made.attrs["holds"] = _(
        "What each RFM segment holds of customers, revenue, profit and residual CLV, in all and per customer."
    )
    return made


@needs("customers")
def attributes(study: Study, people: ir.Table) -> pd.DataFrame | CannotSay:
    """Choose the columns of ``customers`` that customers can be compared by; say why the others cannot."""
    table = study.tables["customers"]
    kinds = {name: kind for name, kind in table.schema().items() if name != "customer_id"}
    classes = [
        name for name, kind in kinds.items() if kind.is_string() or kind.is_integer() or kind.is_boolean()
    ]
    dates = [name for name, kind in kinds.items() if kind.is_temporal()]
    n = int(table.count().execute())
    if not kinds or not n:
        return CannotSay(_("The table customers has no attribute to compare by."))
    skipped = [
        {"column": name, "n_levels": None, "why_not": "date" if name in dates else "continuous"}
        for name in kinds
        if name not in classes
    ]
    chosen = pd.DataFrame(columns=["column", "n_levels", "why_not"])
    if classes:
        chosen = choose_attributes(column_levels(table, classes).execute(), n_customers=n)
        # The channel that won them comes first: money can be moved between channels.
        place = chosen["column"].map(lambda name: (name != "acquisition_channel", classes.index(name)))
        chosen = chosen.iloc[place.argsort(kind="stable")]
    rows = [*chosen[["column", "n_levels", "why_not"]].to_dict("records"), *skipped]
    return pd.DataFrame(rows).astype({"why_not": object})


@needs()
def show_attributes(study: Study, chosen: pd.DataFrame) -> ShownTable | CannotSay:
    """Show which columns are compared, and why the others are not."""
    words = {
        "empty": _("left out: empty"),
        "constant": _("left out: the same for all"),
        "date": _("left out: a date"),
        "id": _("left out: nearly every customer has a value of his or her own"),
        "continuous": _("left out: an amount or a measurement, not a class"),
    }
    shown = chosen.assign(
        column=chosen["column"].map(named),
        use=[words[why] if why in words else _("compared") for why in chosen["why_not"]],
    )
    columns = [
        Col("column", "Column of customers"),
        Col("n_levels", "Levels", "count", may_be_empty=True),
        Col("use", "Use"),
    ]
    return show_table(shown, columns, caption="What customers can be compared by", max_rows=60)


@needs()
def attribute_sums(study: Study, people: ir.Table, chosen: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Sum what the customers of each level of each attribute hold, inside the engine."""
    names = [row["column"] for row in chosen.to_dict("records") if not isinstance(row["why_not"], str)]
    names = [name for name in names if name in people.columns]
    if not names:
        return CannotSay(_("The table customers has no attribute to compare by."))
    columns = [name for name in _MONEY if name in people.columns]
    sums = [
        group_sums(people, name, columns, n_levels=MOST_LEVELS).execute().assign(attribute=name)
        for name in names
    ]
    return pd.concat(sums, ignore_index=True)


@needs()
def attribute_strength(study: Study, sums: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Say which attribute tells most about residual CLV, or about profit or revenue so far without one."""
    column = _measure(sums)
    found = tell_apart(sums, column)
    if found.empty:
        return CannotSay(_("No attribute has two levels with enough customers to be compared."))
    found.insert(1, "measure", column)
    return found


@needs()
def show_strength(study: Study, strength: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the attributes, the one that tells most first."""
    shown = strength.assign(
        attribute=strength["attribute"].map(named),
        p=[f"{p:.3f}" if p >= _SMALLEST_P else f"< {_SMALLEST_P}" for p in strength["p_adjusted"]],
        verdict=[
            _("more than chance") if p < _SIGNIFICANT else _("no clear difference")
            for p in strength["p_adjusted"]
        ],
    )
    columns = [
        Col("attribute", "Attribute"),
        Col("n_customers", "Customers", "count"),
        Col("n_levels", "Levels", "count"),
        Col("between", "of the variance lies between levels", "share"),
        Col("p", "p, corrected for the number of attributes"),
        Col("verdict", "Difference"),
    ]
    note = sentence("Compared: {measure} per customer.", measure=_(_WORDS[strength["measure"].iloc[0]]))
    return show_table(shown, columns, caption="Which attribute tells most", note=note, max_rows=40)


@needs()
def attribute_value(study: Study, sums: pd.DataFrame, strength: pd.DataFrame) -> pd.DataFrame:
    """Value the levels of the attributes that tell customers apart; the acquisition channel is always among them."""
    telling = strength[strength["p_adjusted"] < _SIGNIFICANT]
    names = list((strength.head(1) if telling.empty else telling)["attribute"].head(MOST_ATTRIBUTES))
    channel = "acquisition_channel"
    if channel in set(sums["attribute"]) and channel not in names:
        names = [channel, *names[: MOST_ATTRIBUTES - 1]]
    columns = tuple(name for name in _MONEY if f"sum_{name}" in sums)
    return pd.concat(
        [group_values(sums[sums["attribute"] == name], columns) for name in names], ignore_index=True
    )


@needs()
def show_attribute_value(study: Study, people: ir.Table, values: pd.DataFrame) -> ShownTable | CannotSay:
    """Show what the levels hold; who is not in the table customers is said."""
    shown = values.assign(
        attribute=values["attribute"].map(named),
        level=[level_text(row["kind"], row["level"]) for row in values.to_dict("records")],
    )
    notes = _left_out(values)
    n = (
        int(people.in_customers.isnull().ifelse(1, 0).sum().execute())
        if "in_customers" in people.columns
        else 0
    )
    if n:
        notes.append(
            sentence("{n} customers have no row in the table customers; their attributes are not known.", n=n)
        )
    columns = [Col("attribute", "Attribute"), Col("level", "Level"), *_value_columns(study, values)]
    return show_table(
        shown, columns, caption="What the levels of an attribute hold", notes=notes, max_rows=60
    )


# --- what the study says ------------------------------------------------------------------------


def findings(
    study: Study,
    segments: pd.DataFrame | CannotSay,
    sums: pd.DataFrame | CannotSay,
    strength: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say who holds the future, and which attribute tells most about it."""
    return [
        *([segments] if isinstance(segments, CannotSay) else _segment_words(segments)),
        *([strength] if isinstance(strength, CannotSay) else _strength_words(study, sums, strength)),
    ]


def key_figures(study: Study, segments: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List the share of residual CLV that each segment holds."""
    if isinstance(segments, CannotSay):
        return [segments]
    return [*_clv_shares(segments)]


def level_text(kind: str, level: object) -> str:
    """Write a level for a reader: the client's own word, all the smaller ones, or not known."""
    return {"other": _("all others"), "missing": _("not known")}.get(kind) or named(str(level))


def _segment_words(segments: pd.DataFrame) -> list[str | CannotSay]:
    shares = {one.segment["segment"]: one for one in _clv_shares(segments)}
    if not shares:
        return [_no_clv()]
    rows = {str(row["level"]): row for row in segments.to_dict("records") if row["kind"] == "level"}
    most = max(shares, key=lambda name: shares[name].value - float(rows[name]["customer_share"]))
    row = rows[most]
    said: list[str | CannotSay] = [
        sentence(
            "{segment}: {customers} of customers hold {future} of residual CLV. What is done for customers should "
            "follow this share, not the share of customers.",
            segment=named(most),
            customers=Estimate("customer_share", float(row["customer_share"]), "share"),
            future=shares[most],
        )
    ]
    # Worth less tomorrow than so far: revenue's share lies above the whole interval of the future's.
    past = {
        name: float(rows[name]["revenue_share"]) for name in shares if pd.notna(rows[name]["revenue_share"])
    }
    fading = [name for name, share in past.items() if share > (shares[name].high or 1.0)]
    if fading:
        name = max(fading, key=lambda one: past[one] - shares[one].value)
        said.append(
            sentence(
                "{segment} brought {past} of revenue so far but hold {future} of residual CLV: budgets that follow "
                "past revenue give them too much, unless they can be won back.",
                segment=named(name),
                past=Estimate("revenue_share", past[name], "share"),
                future=shares[name],
            )
        )
    return said


def _strength_words(
    study: Study, sums: pd.DataFrame | CannotSay, strength: pd.DataFrame
) -> list[str | CannotSay]:
    column = str(strength["measure"].iloc[0])
    telling = strength[strength["p_adjusted"] < _SIGNIFICANT]
    looked = len(strength)
    if telling.empty or isinstance(sums, CannotSay):
        return [
            sentence(
                "Not one of {n} attributes tells customers apart by {measure} more than chance would. Do not choose "
                "whom to serve better by them.",
                n=looked,
                measure=_(_WORDS[column]),
            )
        ]
    best = telling.iloc[0]
    values = group_values(sums[sums["attribute"] == best["attribute"]], (column,))
    values = values[(values["kind"] != "missing") & values[f"{column}_mean_low"].notna()]
    values = values.sort_values(f"{column}_mean")
    low, high = values.iloc[0], values.iloc[-1]
    return [
        sentence(
            "Attributes that tell customers apart by {measure} more than chance would: {n} of {looked}. {best} tells "
            "most, with {between} of the variance: {high} per customer for {high_level}, {low} for {low_level}.",
            looked=looked,
            n=len(telling),
            measure=_(_WORDS[column]),
            best=named(str(best["attribute"])),
            between=Estimate("between", float(best["between"]), "share"),
            high=_mean(study, high, column),
            high_level=level_text(high["kind"], high["level"]),
            low=_mean(study, low, column),
            low_level=level_text(low["kind"], low["level"]),
        )
    ]


def _mean(study: Study, row: pd.Series, column: str) -> Estimate:
    low, high = float(row[f"{column}_mean_low"]), float(row[f"{column}_mean_high"])
    return Estimate(column, float(row[f"{column}_mean"]), study.currency, int(row["n_customers"]), low, high)


def _clv_shares(segments: pd.DataFrame) -> list[Estimate]:
    if "residual_clv_share" not in segments:
        return []
    n = int(segments["n_customers"].sum())
    return [
        Estimate(
            "rfm_segment_clv_share",
            float(row["residual_clv_share"]),
            "share",
            n,
            float(row["residual_clv_share_low"]),
            float(row["residual_clv_share_high"]),
            {"segment": str(row["level"])},
        )
        for row in segments.to_dict("records")
        if row["kind"] == "level" and pd.notna(row["residual_clv_share"])
    ]


# --- tables -------------------------------------------------------------------------------------


def _valued(people: ir.Table, by: str) -> pd.DataFrame:
    columns = tuple(name for name in _MONEY if name in people.columns)
    return group_values(group_sums(people, by, columns).execute(), columns)


def _joined(people: ir.Table, other: ir.Table, columns: list[str]) -> ir.Table:
    """Add columns that are not there yet; a customer whom the other table lacks keeps a missing value."""
    new = [name for name in columns if name not in people.columns]
    joined = people.left_join(other.select("customer_id", *new), "customer_id")
    return joined.select(*people.columns, *new)


def _measure(sums: pd.DataFrame) -> str:
    """What customers are compared by: what they will bring, else what they have brought."""
    return next(name for name in reversed(_MONEY) if f"sum_{name}" in sums)


def _value_columns(study: Study, values: pd.DataFrame) -> list[Col]:
    labels = {"revenue": "of revenue", "profit": "of profit so far", "residual_clv": "of residual CLV"}
    columns = [Col("n_customers", "Customers", "count"), Col("customer_share", "of customers", "share")]
    columns += [
        Col(f"{name}_share", label, "share", f"{name}_share_low", f"{name}_share_high")
        for name, label in labels.items()
        if f"{name}_share" in values
    ]
    means = {"profit": "Profit so far per customer", "residual_clv": "Residual CLV per customer"}
    columns += [
        Col(f"{name}_mean", label, study.currency, f"{name}_mean_low", f"{name}_mean_high")
        for name, label in means.items()
        if f"{name}_mean" in values
    ]
    if len(columns) == 3:
        money = [f"revenue_mean{end}" for end in ("", "_low", "_high")]
        columns.append(Col(money[0], "Revenue per customer", study.currency, money[1], money[2]))
    return columns


def _left_out(values: pd.DataFrame) -> list[str]:
    """Say which columns are left out, and why."""
    said = []
    if "profit" not in values:
        said.append(_("Profit is left out: it is not known for this client."))
    if "residual_clv" not in values:
        said.append(_no_clv().reason)
    shown = [name for name in _MONEY if f"{name}_share" in values]
    said += [
        sentence(
            "There is no share of {measure}: its total is not above zero by more than chance.",
            measure=_(_WORDS[name]),
        )
        for name in shown
        if values[f"{name}_share"].isna().all()
    ]
    return said


def _no_clv() -> CannotSay:
    return CannotSay(_("Residual CLV is left out: it is not known for this client."))
