"""Study 01, clusters: groups of customers who are alike, or the plain word that there are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed, named, sentence, together
from cam.language import translate as _
from cam.measures.segmentation.clusters import (
    Floats,
    adjusted_rand,
    explained,
    fit_scaling,
    linear_scores,
    value_groups,
)
from cam.measures.segmentation.stability import ClustersFit, fit_clusters, rule_stability
from cam.params.hints import did_you_mean
from cam.reduce.clustering import (
    assign_clusters,
    complete_customers,
    count_clusters,
    review_features,
    systematic_sample,
)
from cam.studies.study import Study, needs

#: Features where the parameter file names none: how customers buy.
DEFAULT_FEATURES = ("frequency", "days_since_last", "mean_order_value", "discount_share", "n_categories")
#: Customers that come to memory; all others are counted and assigned inside the engine.
MOST_SAMPLED = 20_000
#: A text with more levels than this is no category.
MOST_LEVELS = 20
#: Fewer customers than this make no clusters.
MIN_CUSTOMERS = 50
#: What stands for all factor scores, and how these are called.
ATTITUDES, _FACTOR = "attitudes", re.compile(r"factor_\d+")
#: The column of what the plain rule cuts, beside the features.
_VALUE = "cluster_value"
_SEED = 1


@dataclass(frozen=True, slots=True)
class Clustered:
    """Clusters of a client's customers, and what a reader must know of how they came about.

    Attributes
    ----------
    fit : ClustersFit
        What was learnt from the sample.
    sample : DataFrame
        The customers that it was learnt from, in the order of their ids.
    members : ibis.Table
        All customers: ``customer_id`` and the cluster.
    counts : DataFrame
        *cluster, n_customers*; a missing cluster counts those who are in none.
    notes : tuple of str
        What was left out, and who.
    label : str
        What the customer column is called.
    """

    fit: ClustersFit
    sample: pd.DataFrame
    members: ir.Table
    counts: pd.DataFrame
    notes: tuple[str, ...]
    label: str

    @property
    def points(self) -> Floats:
        """The sample by columns of one scale."""
        return self.fit.scaling.points(self.sample)

    @property
    def sizes(self) -> pd.Series:
        """Customers by cluster, of those who are in one."""
        known = self.counts.dropna(subset=["cluster"])
        every = range(1, self.fit.n_clusters + 1)
        return known.set_index(known["cluster"].astype(int))["n_customers"].reindex(every, fill_value=0)


def features(
    study: Study, *tables: ir.Table | CannotSay, names: Sequence[str] | None = None
) -> ir.Table | CannotSay:
    """Gather the features: one row per customer of the first table, with the columns that are asked for.

    *names* in place of ``segmentation.features``; ``attitudes`` stands for all factor scores. Tables that cannot be
    had are passed over, and of columns with the same name the first counts.
    """
    given = [table for table in tables if not isinstance(table, CannotSay)]
    if not given:
        return next(
            (table for table in tables if isinstance(table, CannotSay)),
            CannotSay(_("There is no table of customers to make clusters of.")),
        )
    if "customers" in study.tables and all(table is not study.tables["customers"] for table in given):
        given.append(study.tables["customers"])
    joined = given[0]
    for table in given[1:]:
        new = [column for column in table.columns if column not in joined.columns]
        if new:
            joined = joined.left_join(table.select("customer_id", *new), "customer_id").select(
                *joined.columns, *new
            )
    if "mean_order_value" not in joined.columns and {"revenue", "n_orders"} <= set(joined.columns):
        orders = joined.n_orders.cast("float64").nullif(0)
        joined = joined.mutate(mean_order_value=joined.revenue.cast("float64") / orders)
    there = [column for column in joined.columns if column != "customer_id"]
    wanted = list(names or study.params.segmentation.features or [n for n in DEFAULT_FEATURES if n in there])
    factors = [column for column in there if _FACTOR.fullmatch(column)]
    unsaid = next((table for table in tables if isinstance(table, CannotSay)), None)
    if names and ATTITUDES in names and unsaid and not factors:
        return unsaid  # why there are no scores has been said
    if ATTITUDES in wanted and not factors:
        return CannotSay(
            _("Clusters of attitudes need factor scores, and this client has none."),
            _("Take attitudes out of segmentation.features, or add the items to the table customers."),
        )
    at = [column for name in wanted for column in (factors if name == ATTITUDES else [name])]
    wanted = list(dict.fromkeys(at))
    refused = _refused(joined, wanted, there)
    if refused:
        return refused
    columns = {name: _category(joined[name]) for name in wanted}
    if "revenue" in there:
        columns[_VALUE] = joined.revenue.cast("float64")
    name = "clusters_of_attitudes" if wanted == factors else "clusters_features"
    return study.engine.create_table(name, joined.select("customer_id", **columns), overwrite=True)


def _refused(joined: ir.Table, wanted: Sequence[str], there: Sequence[str]) -> CannotSay | None:
    """Say which feature is none of the columns, or is a date; and that there must be one."""
    if not wanted:
        return CannotSay(
            sentence("Not one of the usual features is there: {names}.", names=listed(DEFAULT_FEATURES)),
            _("Name others under segmentation.features."),
        )
    for name in wanted:
        if name not in there:
            return CannotSay(
                sentence(
                    "segmentation.features names {name}, which no table of customers has{hint}",
                    name=name,
                    hint=did_you_mean(name, there) or ".",
                ),
                sentence("There is: {names}.", names=listed(sorted(there))),
            )
        if joined[name].type().is_temporal():
            return CannotSay(
                sentence(
                    "segmentation.features names {name}, which is a date: no distance lies in it.", name=name
                ),
                _("Name the days since then, such as days_since_last."),
            )
    return None


def _category(column: ir.Value) -> ir.Value:
    return ibis.ifelse(column, "yes", "no") if column.type().is_boolean() else column


@needs()
def cluster(study: Study, table: ir.Table, label: str = "cluster") -> Clustered | CannotSay:
    """Find the clusters in a sample, and give every customer the nearest; *label* names the customer column.

    ``segmentation.n_clusters`` fixes the number of those called ``cluster``.
    """
    names = [column for column in table.columns if column not in ("customer_id", _VALUE)]
    kept, signed, notes = _review(table, names)
    if isinstance(kept, CannotSay):
        return kept
    complete = study.engine.create_table(f"{label}_complete", complete_customers(table, kept), overwrite=True)
    n_all, n = int(table.count().execute()), int(complete.count().execute())
    if n < MIN_CUSTOMERS:
        return CannotSay(
            sentence(
                "{n} customers with all features are too few for clusters; {least} are needed.",
                n=n,
                least=MIN_CUSTOMERS,
            ),
            together(*notes),
        )
    if n < n_all:
        notes.append(sentence("{n} customers lack a feature and are in no cluster.", n=n_all - n))
    sample = systematic_sample(complete, n=n, most=MOST_SAMPLED).execute()
    if len(sample) < n:
        notes.append(
            sentence(
                "Learnt from {n} of {all} customers, taken at equal steps of their ids.", n=len(sample), all=n
            )
        )
    still = [name for name in kept if sample[name].nunique() > 1]
    notes += [_constant(name) for name in kept if name not in still]
    texts = tuple(name for name in still if not table[name].type().is_numeric())
    fixed = study.params.segmentation.n_clusters if label == "cluster" else None
    distinct = len(sample[still].drop_duplicates()) if still else 0
    if distinct < (fixed or 2):
        return CannotSay(
            sentence(
                "Customers differ in {n} ways only, so they make no {k} clusters.", n=distinct, k=fixed or 2
            ),
            _("Set segmentation.n_clusters lower, or name more features.") if fixed else "",
        )
    scaling = fit_scaling(sample[still], categories=texts, signed=tuple(signed))
    fit = fit_clusters(sample, scaling=scaling, n_clusters=fixed, seed=_SEED)
    offsets, slopes, levels = linear_scores(scaling, fit.centres)
    # What was constant in the sample weighs nothing, but who lacks it is in no cluster all the same.
    nothing = [0.0] * fit.n_clusters
    dropped = {name: table[name].type().is_numeric() for name in kept if name not in still}
    assigned = assign_clusters(
        table,
        offsets=list(offsets),
        slopes={name: list(parts) for name, parts in slopes.items()}
        | {name: nothing for name, numeric in dropped.items() if numeric},
        logged=[feature.name for feature in scaling.features if feature.transform == "log1p"],
        levels={name: {level: list(part) for level, part in by.items()} for name, by in levels.items()}
        | {name: {"": nothing} for name, numeric in dropped.items() if not numeric},
        label=label,
    )
    members = study.engine.create_table(f"{label}_members", assigned, overwrite=True)
    counts = count_clusters(members, label).execute()
    return Clustered(fit, sample, members, counts, tuple(notes), label)


def _review(table: ir.Table, names: Sequence[str]) -> tuple[list[str] | CannotSay, list[str], list[str]]:
    """Pick the features that can serve; which of them go below zero; and what a reader must know."""
    found = review_features(table, names).execute().iloc[0]
    n = int(found["n"])
    kept, signed, notes = [], [], []
    for place, name in enumerate(names):
        known, kinds = int(found[f"known_{place}"]), int(found[f"kinds_{place}"])
        numeric = table[name].type().is_numeric()
        if known == 0:
            notes.append(sentence("{name} is left out: it is missing for every customer.", name=named(name)))
        elif 2 * known < n:
            notes.append(
                sentence(
                    "{name} is left out: it is missing for {missing} of {all} customers, more than half.",
                    name=named(name),
                    missing=n - known,
                    all=n,
                )
            )
        elif kinds == 1:
            notes.append(_constant(name))
        elif not numeric and kinds > MOST_LEVELS:
            words = sentence(
                "{name} is a text with {kinds} different values, so it is no category; at most {most} can be.",
                name=named(name),
                kinds=kinds,
                most=MOST_LEVELS,
            )
            return CannotSay(words, _("Take it out of segmentation.features, or group its values.")), [], []
        else:
            kept.append(name)
            if numeric and float(found[f"least_{place}"]) < 0:
                signed.append(name)
            if known < n:
                notes.append(
                    sentence(
                        "{name} is missing for {missing} customers.", name=named(name), missing=n - known
                    )
                )
    if not kept:
        return CannotSay(_("No feature is left to make clusters of."), together(*notes)), [], []
    return kept, signed, notes


def _constant(name: str) -> str:
    return sentence("{name} is left out: it is the same for every customer.", name=named(name))


def verdict(study: Study, clustered: Clustered | CannotSay) -> str | CannotSay:
    """Say whether the clusters are groups that are there, or cuts through a crowd."""
    if isinstance(clustered, CannotSay):
        return clustered
    k, n = clustered.fit.n_clusters, int(clustered.sizes.sum())
    if clustered.fit.has_structure:
        return sentence(
            "Clear structure: {n} customers fall into {k} groups. Between every two of them there are fewer customers "
            "than within either, also among customers who had no part in making the groups. Why they are apart is for "
            "you to judge: price points and the months in which customers were won make gaps too. Look at what sets "
            "each apart before they are treated differently.",
            n=n,
            k=k,
        )
    return sentence(
        "No clear structure: between the {k} clusters customers run on without a gap. They are cuts through a "
        "continuum, made to keep {n} customers manageable, not groups that were found: plan no campaign around them.",
        n=n,
        k=k,
    )


@needs()
def compare(study: Study, clustered: Clustered) -> pd.DataFrame | CannotSay:
    """Set the clusters beside the plain rule: as many groups, cut at quantiles of revenue."""
    if _VALUE not in clustered.sample.columns:
        return CannotSay(_("There is no revenue to cut by a plain rule, so the clusters stand alone."))
    sample = clustered.sample.dropna(subset=[_VALUE])
    value = sample[_VALUE].to_numpy(float)
    points = clustered.fit.scaling.points(sample)
    label, k = clustered.fit.labels(points), clustered.fit.n_clusters
    rule = value_groups(value, k)
    chosen = clustered.fit.indices.set_index("n_clusters").loc[k]
    return pd.DataFrame(
        [
            {
                "grouping": "clusters",
                "n_groups": k,
                "features": explained(label, points),
                "value": explained(label, value),
                "stability": float(chosen["stability"]),
                "agreement": float("nan"),
                "n": len(sample),
            },
            {
                "grouping": "plain_rule",
                "n_groups": len(set(rule)),
                "features": explained(rule, points),
                "value": explained(rule, value),
                "stability": rule_stability(value, k, seed=_SEED),
                "agreement": adjusted_rand(label, rule),
                "n": len(sample),
            },
        ]
    )


@needs()
def scores(study: Study, clustered: Clustered) -> ir.Table:
    """Pick the column that goes to ``customers.parquet``."""
    return clustered.members


def findings(
    study: Study, clustered: Clustered | CannotSay, compared: pd.DataFrame | CannotSay
) -> list[str | CannotSay]:
    """Say whether there are groups, and what to do with them."""
    found: list[str | CannotSay] = [verdict(study, clustered)]
    if isinstance(clustered, CannotSay):
        return found
    weak = clustered.fit.stability[clustered.fit.stability["jaccard"] < 0.6]
    if len(weak):
        found.append(
            sentence(
                "Clusters not found again in resampled customers: {clusters}. Plan nothing on them.",
                clusters=listed(str(cluster) for cluster in weak["cluster"]),
            )
        )
    if isinstance(compared, CannotSay):
        return found
    ours, rule = compared.to_dict("records")
    said = {
        "ours": Estimate("features_explained", ours["features"], "share"),
        "rule": Estimate("features_explained", rule["features"], "share"),
    }
    if clustered.fit.has_structure and ours["features"] > rule["features"] + 0.05:
        words = (
            "The clusters explain {ours} of how customers differ in the features, equal parts by revenue {rule}: "
            "address them as groups."
        )
    elif ours["features"] > rule["features"]:
        words = (
            "The cuts explain {ours} of how customers differ in the features, equal parts by revenue {rule}. Where one "
            "number is enough, the RFM segments do the same and are easier to explain."
        )
    else:
        words = (
            "The cuts explain {ours} of how customers differ in the features, equal parts by revenue {rule}: the plain "
            "rule does as well."
        )
    return [*found, sentence(words, **said)]


def attitude_findings(study: Study, clustered: Clustered | CannotSay) -> list[str | CannotSay]:
    """Say whether attitudes form groups; nothing where there are none."""
    return [] if isinstance(clustered, CannotSay) else [verdict(study, clustered)]


def key_figures(
    study: Study, clustered: Clustered | CannotSay, compared: pd.DataFrame | CannotSay
) -> list[Estimate | CannotSay]:
    """List how many clusters, whether they are groups, how large, and how surely they are found again."""
    if isinstance(clustered, CannotSay):
        return [clustered]
    fit, name = clustered.fit, clustered.label
    sizes = clustered.sizes
    n = int(sizes.sum())
    chosen = fit.indices.set_index("n_clusters").loc[fit.n_clusters]
    rand = [float(chosen[column]) for column in ("stability", "stability_low", "stability_high")]
    made: list[Estimate | CannotSay] = [
        Estimate(f"n_{name}s", fit.n_clusters, "count", n),
        Estimate(f"{name}s_apart", float(fit.has_structure), "count", fit.n_sample),
        Estimate(f"{name}s_silhouette", float(chosen["silhouette"]), "ratio", fit.n_sample),
        Estimate(f"{name}s_stability", rand[0], "ratio", fit.n_sample, min(rand), max(rand)),
    ]
    for cluster, size in sizes.items():
        segment = {"cluster": str(cluster)}
        held = fit.stability.set_index("cluster").loc[cluster]
        # Shares of all customers there are: a count, without sampling error.
        made.append(Estimate(f"{name}_share", float(size) / n, "share", n, segment=segment))
        found = [float(held[column]) for column in ("jaccard", "low", "high")]
        made.append(
            Estimate(f"{name}_jaccard", found[0], "ratio", fit.n_sample, min(found), max(found), segment)
        )
    if not isinstance(compared, CannotSay):
        ours, rule = compared.to_dict("records")
        for part in ("features", "value"):
            made.append(Estimate(f"{name}s_{part}_explained", ours[part], "share", ours["n"]))
        made.append(Estimate(f"{name}s_plain_rule_explained", rule["features"], "share", rule["n"]))
    return made
