"""Study 01, clusters as tables and figures: what they are made of, how many, and what sets them apart."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cam.estimate import CannotSay
from cam.language import named, sentence
from cam.language import translate as _
from cam.measures.segmentation.clusters import describe_clusters
from cam.measures.segmentation.structure import component_map
from cam.show.figures import clusters as figures
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.clusters import Clustered
from cam.studies.study import Study, needs

#: From this distance (standard deviations) on a cluster is high or low in a feature.
_FAR = 0.25


@needs()
def show_features(study: Study, clustered: Clustered) -> ShownTable | CannotSay:
    """Show the features, how each is taken, and what was left out."""
    ways = {"log1p": "log(1 + x)", "none": _("as it is"), "categories": _("one column per category")}
    rows = [
        {
            "feature": named(feature.name),
            "taken": ways[feature.transform],
            "mean": None if feature.levels else float(clustered.sample[feature.name].mean()),
            "sd": None if feature.levels else float(clustered.sample[feature.name].std(ddof=0)),
            "levels": float(len(feature.levels)) if feature.levels else None,
        }
        for feature in clustered.fit.scaling.features
    ]
    columns = [
        Col("feature", "Feature"),
        Col("taken", "Taken"),
        Col("mean", "Mean", "ratio", may_be_empty=True),
        Col("sd", "Standard deviation", "ratio", may_be_empty=True),
        Col("levels", "Categories", "count", may_be_empty=True),
    ]
    return show_table(
        pd.DataFrame(rows).astype({"mean": float, "sd": float, "levels": float}),
        columns,
        caption="What the clusters are made of",
        note=_("Then each feature is divided by its standard deviation, so that all weigh the same."),
        notes=clustered.notes,
    )


@needs()
def curves(study: Study, clustered: Clustered) -> Axes | CannotSay:
    """Draw the indices by number of clusters."""
    drawn: Axes | CannotSay = figures.index_curves(
        clustered.fit.indices, chosen=clustered.fit.n_clusters, n=clustered.fit.n_sample, period=study.period
    )
    return drawn


@needs()
def where(study: Study, clustered: Clustered) -> pd.DataFrame:
    """Say how far each cluster's means are from those of all customers, in standard deviations."""
    names: dict[str, int] = {}
    for feature in clustered.fit.scaling.features:
        for level in feature.levels or ("",):
            names[f"{feature.name}: {level}" if level else feature.name] = len(names)
    points = clustered.points
    return describe_clusters(points, clustered.fit.labels(points), names)


@needs()
def heat_map(study: Study, clustered: Clustered, means: pd.DataFrame) -> Axes | CannotSay:
    """Draw what sets the clusters apart."""
    sizes = clustered.sizes
    drawn: Axes | CannotSay = figures.cluster_heat_map(
        means,
        shares=[float(sizes[cluster]) / float(sizes.sum()) for cluster in means["cluster"]],
        n=clustered.fit.n_sample,
        period=study.period,
    )
    return drawn


@needs()
def profile(study: Study, clustered: Clustered, means: pd.DataFrame) -> pd.DataFrame:
    """Say of each cluster how large it is, how it buys, how surely it is found again, and what it is in words."""
    sample, sizes = clustered.sample, clustered.sizes
    label = clustered.fit.labels(clustered.points)
    rows = []
    for row in means.to_dict("records"):
        number = int(row.pop("cluster"))
        own = sample[label == number]
        held = clustered.fit.stability.set_index("cluster").loc[number]
        of_features = {
            feature.name: _most_common(own[feature.name])
            if feature.levels
            else float(own[feature.name].mean())
            for feature in clustered.fit.scaling.features
        }
        rows.append(
            {
                "cluster": number,
                "words": _in_words(row),
                "n_customers": int(sizes[number]),
                "share": float(sizes[number]) / float(sizes.sum()),
                **of_features,
                "jaccard": float(held["jaccard"]),
                "low": float(held["low"]),
                "high": float(held["high"]),
            }
        )
    return pd.DataFrame(rows)


def _most_common(texts: pd.Series) -> str:
    counted = texts.value_counts()
    return sentence(
        "{level} ({share} %)", level=str(counted.index[0]), share=f"{100 * counted.iloc[0] / len(texts):.0f}"
    )


def _in_words(row: dict[str, float]) -> str:
    """The two features that set a cluster apart most, as high or low; of one variable only one category."""
    said: dict[str, str] = {}
    for name in sorted(row, key=lambda name: -abs(row[name])):
        feature, _mark, level = name.partition(": ")
        if abs(row[name]) < _FAR or feature in said or len(said) == 2:
            continue
        if level:
            words = "{feature} more often {level}" if row[name] > 0 else "{feature} less often {level}"
            said[feature] = sentence(words, feature=named(feature), level=level)
        else:
            words = "high: {feature}" if row[name] > 0 else "low: {feature}"
            said[feature] = sentence(words, feature=named(feature))
    return _("; ").join(said.values()) if said else _("near the mean in everything")


@needs()
def show_clusters(study: Study, clustered: Clustered, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the clusters."""
    columns = [
        Col("cluster", "Cluster", "count"),
        Col("words", "In words"),
        Col("n_customers", "Customers", "count"),
        Col("share", "Share", "share"),
        *(
            Col(
                feature.name,
                named(feature.name),
                None if feature.levels else _unit(study, clustered, feature.name),
            )
            for feature in clustered.fit.scaling.features
        ),
        Col("jaccard", "Found again (Jaccard)", "ratio", "low", "high"),
    ]
    notes = [
        sentence("Means are of {n} customers.", n=clustered.fit.n_sample),
        _(
            "Found again: 1 if a resample of the customers brings the same cluster; below 0.6 it should not be trusted."
        ),
    ]
    missing = clustered.counts[clustered.counts["cluster"].isna()]
    if len(missing):
        notes.append(sentence("In no cluster: {n} customers.", n=int(missing["n_customers"].iloc[0])))
    caption = "The clusters" if clustered.fit.has_structure else "The clusters: cuts through a continuum"
    return show_table(table, columns, caption=caption, notes=notes)


def _unit(study: Study, clustered: Clustered, name: str) -> str:
    if name in ("mean_order_value", "revenue", "monetary_value", "margin", "value"):
        return study.currency
    if name in ("days_since_last", "interpurchase_days"):
        return "days"
    return "share" if name.endswith("_share") else "ratio"


@needs()
def density(study: Study, clustered: Clustered) -> Axes | CannotSay:
    """Draw the customers on the plane of the first two principal components, as counts."""
    points = clustered.points
    if points.shape[1] < 2:
        return CannotSay(_("One feature makes a line, not a map."))
    cells, centres, parts = component_map(points, clustered.fit.centres)
    columns = [
        feature.name for feature in clustered.fit.scaling.features for _level in feature.levels or ("",)
    ]
    names = []
    for number, (held, *loadings) in enumerate(parts, start=1):
        strongest = int(abs(pd.Series(loadings)).idxmax())
        names.append(
            sentence(
                "Component {number}, {held} % of variance:\nmostly {feature}",
                number=number,
                held=f"{100 * held:.0f}",
                feature=named(columns[strongest]),
            )
        )
    drawn: Axes | CannotSay = figures.density_map(
        cells,
        centres=centres,
        axes_names=(names[0], names[1]),
        has_structure=clustered.fit.has_structure,
        period=study.period,
    )
    return drawn


@needs()
def show_comparison(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the clusters beside the plain rule."""
    names = {"clusters": "Clusters", "plain_rule": "Plain rule: equal parts by revenue"}
    columns = [
        Col("grouping", "Grouping"),
        Col("n_groups", "Groups", "count"),
        Col("features", "Explains of the features' variance", "share"),
        Col("value", "Explains of revenue's variance", "share"),
        Col("stability", "Found again (adjusted Rand)", "ratio"),
        Col("agreement", "Agreement with the clusters", "ratio", may_be_empty=True),
    ]
    shown = table.assign(grouping=table["grouping"].map(names))
    note = sentence(
        "Of {n} customers; adjusted Rand: 1 the same groups, 0 no more alike than chance.",
        n=int(table["n"].iloc[0]),
    )
    return show_table(shown, columns, caption="Are the clusters worth more than a plain rule?", note=note)
