"""Figures of study 01, clusters: how many, what sets them apart, and whether anything lies between them."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.show.canvas import ACCENT, GREY, INK, PALETTE, SOFT, describe, figure

#: Panels: column, title, limits of the interval or None.
_PANELS: tuple[tuple[str, str, tuple[str, str] | None], ...] = (
    ("silhouette", "Silhouette (high is good)", None),
    ("calinski_harabasz", "Calinski-Harabasz (high is good)", None),
    ("davies_bouldin", "Davies-Bouldin (low is good)", None),
    ("gap", "Gap (high is good)", ("gap_low", "gap_high")),
    ("stability", "Stability (high is good)", ("stability_low", "stability_high")),
    ("valley_p", "No valley: p (low: groups)", None),
)
#: Rows of the heat map; the features that differ least are left out of it.
_MOST_ROWS = 14


@figure
def index_curves(table: pd.DataFrame, *, ax: Axes, chosen: int, n: int, period: str = "") -> Axes:
    """Draw each index by the number of clusters, the chosen one marked.

    Parameters
    ----------
    table : DataFrame
        As :attr:`cam.measures.segmentation.stability.ClustersFit.indices`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    chosen : int
        The number of clusters.
    n : int
        Customers that it rests on.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    ax.figure.set_figheight(4.8)  # type: ignore[union-attr]
    ax.set_axis_off()
    shown = table.assign(
        gap_low=table["gap"] - table["gap_error"], gap_high=table["gap"] + table["gap_error"]
    )
    at = shown["n_clusters"]
    for place, (name, title, limits) in enumerate(_PANELS):
        panel = ax.inset_axes((0.045 + 0.335 * (place % 3), 0.58 - 0.56 * (place // 3), 0.285, 0.33))
        if limits:
            panel.vlines(at, shown[limits[0]], shown[limits[1]], color=GREY, linewidth=2)
        if name == "valley_p":
            panel.axhline(0.05, color=PALETTE[5], linewidth=1)
            panel.set_ylim(-0.05, 1.05)
        panel.plot(at, shown[name], color=ACCENT, linewidth=1.5, marker="o", markersize=3.5)
        mark = shown[at == chosen]
        panel.plot(
            mark["n_clusters"], mark[name], marker="o", markersize=9, color=PALETTE[5], markerfacecolor="none"
        )
        panel.set_title(_(title), fontsize=9.5, color=INK, loc="left")
        panel.set_xticks(list(at))
        panel.tick_params(labelsize=8.5)
        panel.margins(x=0.1, y=0.2)
    row = table[table["n_clusters"] == chosen].iloc[0]
    return describe(
        ax,
        title=_("How many clusters?"),
        subtitle=sentence(
            "Indices by number of clusters; ring: chosen; bars: 95 % of bootstraps, and one standard error of the gap; "
            "n = {n}, {period}",
            n=n,
            period=period,
        ),
        alt=sentence(
            "Six small curves by number of clusters. {k} are chosen; there the silhouette is {silhouette} and the "
            "stability {stability}.",
            k=chosen,
            silhouette=value_text(float(row["silhouette"]), "ratio"),
            stability=value_text(float(row["stability"]), "ratio"),
        ),
    )


@figure
def cluster_heat_map(table: pd.DataFrame, *, ax: Axes, shares: list[float], n: int, period: str = "") -> Axes:
    """Draw how far each cluster's means stand from those of all customers.

    Parameters
    ----------
    table : DataFrame
        As from :func:`cam.measures.segmentation.clusters.describe_clusters`.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    shares : list of float
        Share of customers in each cluster (0-1), in the order of the table.
    n : int
        Customers that the means rest on.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    means = table.set_index("cluster").T
    if len(means) > _MOST_ROWS:
        kept = means.abs().max(axis=1).nlargest(_MOST_ROWS).index
        means = means[means.index.isin(kept)]
    ax.figure.set_figheight(max(2.8, 1.7 + 0.36 * len(means)))  # type: ignore[union-attr]
    values = means.to_numpy()
    most = max(1.0, float(abs(values).max()))
    ax.imshow(values, cmap="PuOr_r", aspect="auto", vmin=-1.2 * most, vmax=1.2 * most)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            text = value_text(float(values[row, column]), "points")
            ax.text(column, row, text, ha="center", va="center", color=INK)
    ax.set_yticks(range(len(means)), [_level_name(name) for name in means.index])
    heads = [
        f"{cluster}\n{value_text(share, 'share')}"
        for cluster, share in zip(means.columns, shares, strict=True)
    ]
    ax.set_xticks(range(len(heads)), heads)
    ax.xaxis.tick_top()
    ax.spines["bottom"].set_visible(False)
    place = int(abs(values).argmax())
    row, column = divmod(place, values.shape[1])
    return describe(
        ax,
        title=_("What sets the clusters apart?"),
        subtitle=sentence(
            "Mean of each cluster less that of all customers, in standard deviations; above: cluster and share of "
            "customers; n = {n}, {period}",
            n=n,
            period=period,
        ),
        alt=sentence(
            "Heat map. Cluster {cluster} stands out most: {feature} is {distance} standard deviations from the mean.",
            cluster=int(means.columns[column]),
            feature=_level_name(means.index[row]),
            distance=value_text(float(values[row, column]), "points"),
        ),
    )


@figure
def density_map(
    cells: pd.DataFrame,
    *,
    ax: Axes,
    centres: pd.DataFrame,
    axes_names: tuple[str, str],
    has_structure: bool,
    period: str = "",
) -> Axes:
    """Draw how many customers stand where on the plane of the first two principal components.

    Parameters
    ----------
    cells : DataFrame
        As the first of :func:`cam.measures.segmentation.clusters.component_map`: counts, never single customers.
    ax : Axes
        Given by :func:`cam.show.canvas.figure` where the caller has none.
    centres : DataFrame
        *cluster, x, y*.
    axes_names : tuple of str
        What the two axes are, ready to print.
    has_structure : bool
        Whether the clusters are groups.
    period : str
        Ready to print.

    Returns
    -------
    Axes
    """
    grid = cells.pivot_table(index="y", columns="x", values="n_customers", aggfunc="sum")
    ax.pcolormesh(
        grid.columns.to_numpy(),
        grid.index.to_numpy(),
        grid.to_numpy(),
        cmap="Blues",
        norm=LogNorm(vmin=0.6, vmax=max(2.0, float(cells["n_customers"].max()))),
        shading="nearest",
        rasterized=True,
    )
    for row in centres.itertuples():
        ax.text(
            row.x,
            row.y,
            str(row.cluster),
            ha="center",
            va="center",
            color=INK,
            fontsize=11,
            bbox={
                "boxstyle": "circle,pad=0.25",
                "facecolor": "white",
                "edgecolor": PALETTE[5],
                "linewidth": 1.5,
            },
        )
    ax.set_xlabel(axes_names[0])
    ax.set_ylabel(axes_names[1])
    ax.tick_params(labelcolor=SOFT)
    n = int(cells["n_customers"].sum())
    said = (
        _("between every two clusters there are fewer customers than in them")
        if has_structure
        else _("no clear structure: customers run on from one cluster to the next")
    )
    return describe(
        ax,
        title=_("Are the clusters groups, or cuts through a crowd?"),
        subtitle=sentence(
            "Customers on the first two principal components (darker: more, by factors); rings: centres of clusters; "
            "n = {n}, {period}",
            n=n,
            period=period,
        ),
        alt=sentence(
            "Density map of {n} customers with {k} centres: {said}.", n=n, k=len(centres), said=said
        ),
    )


def _level_name(name: object) -> str:
    """A feature's name, or ``feature: level``."""
    feature, mark, level = str(name).partition(": ")
    return f"{named(feature)}{mark}{level}"
