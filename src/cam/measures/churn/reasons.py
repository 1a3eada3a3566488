"""Why: which features a model leans on, which way they push, and the reasons of a single customer.

All of this says what a model does with what it sees. It is no cause: who changes a feature need not change who leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from cam.estimate import Z
from cam.measures.churn.columns import ColumnsFit, Floats, as_levels, as_numbers, is_number
from cam.measures.churn.evaluation import auc_parts, checked
from cam.measures.churn.models import LogisticFit

#: Customers that importance and dependence rest on: at equal steps, if there are more.
_MOST_ROWS, _MOST_CURVES = 4000, 1000
_N_REPEATS = 4
#: A contribution below this, in log-odds, is no reason: it moves no probability by more than about one point.
LEAST = 0.05


class ExplainedFit(Protocol):
    """A model of columns: the logistic one or boosting."""

    @property
    def columns(self) -> ColumnsFit:
        """How its features become columns."""
        ...

    @property
    def owners(self) -> Floats:
        """The feature of each column of its inputs."""
        ...

    def inputs(self, table: pd.DataFrame) -> Floats:
        """Return what it sees of each row."""
        ...

    def log_odds_of(self, inputs: Floats) -> Floats:
        """Return the log-odds of leaving that go with each row of inputs."""
        ...


def permutation_importance(
    fit: ExplainedFit, table: pd.DataFrame, *, groups: Mapping[str, Sequence[str]] | None = None, seed: int
) -> pd.DataFrame:
    """Measure what the AUC loses when a feature's values are dealt out anew among the customers.

    Parameters
    ----------
    fit : ExplainedFit
        The model.
    table : DataFrame
        Rows that it has not seen, out of time where there is time; at most 4,000 are used, at equal steps.
    groups : mapping of str to sequence of str, optional
        Name -> features that are dealt out together. Of two features that say the same, each alone looks useless; put
        them in one group. By default each feature is a group of its own.
    seed : int
        Of 4 permutations.

    Returns
    -------
    DataFrame
        *feature, auc_drop, low, high, n, n_churned* (rows that it rests on), the largest drop first. The 95 % interval
        joins DeLong's error over customers, paired and averaged over permutations, with that between permutations. One
        that holds 0 is no driver shown.

    Raises
    ------
    ValueError
        If all left or all stayed, or a group names a feature that the model does not have.

    References
    ----------
    Breiman, L. (2001). Random forests. Machine Learning 45, 5-32. (Section 10.)
    Fisher, A., Rudin, C., Dominici, F. (2019). All models are wrong, but many are useful. Journal of Machine Learning
    Research 20 (177), 1-81. (Section 3.)

    Examples
    --------
    >>> from cam.measures.churn.models import fit_logistic
    >>> people = pd.DataFrame({"customer_id": range(200), "days": np.arange(200.0) % 50, "other": np.arange(200) % 3})
    >>> people["churned"] = ((people.days + np.arange(200) % 37) > 45).astype(int)
    >>> permutation_importance(fit_logistic(people, seed=1), people, seed=1).feature.tolist()
    ['days', 'other']
    """
    chosen = {name: [name] for name in sorted(fit.columns.features)} if groups is None else dict(groups)
    unknown = sorted({name for names in chosen.values() for name in names} - set(fit.columns.features))
    if unknown:
        raise ValueError(f"the model has no feature {', '.join(map(repr, unknown))}")
    rows = _spread(table, _MOST_ROWS)
    x = fit.inputs(rows)
    rows = rows.assign(score=fit.log_odds_of(x))
    y, score, customers = checked(rows, "score", probability=False)
    whole, own = auc_parts(y, score)
    orders = [np.random.default_rng([seed, repeat]).permutation(len(rows)) for repeat in range(_N_REPEATS)]
    found = []
    for name, members in chosen.items():
        drops, parts = np.empty(_N_REPEATS), np.zeros(len(rows))
        own_columns = np.isin(fit.owners, list(members))
        for repeat, order in enumerate(orders):
            dealt = np.where(own_columns, x[order], x)
            value, other = auc_parts(y, fit.log_odds_of(dealt))
            drops[repeat] = whole - value
            parts += (own - other) / _N_REPEATS
        sampling = (np.bincount(customers, parts) ** 2).sum()
        half = Z * float(np.sqrt(sampling + drops.var(ddof=1) / _N_REPEATS))
        found.append((name, float(drops.mean()), float(drops.mean()) - half, float(drops.mean()) + half))
    frame = pd.DataFrame(found, columns=["feature", "auc_drop", "low", "high"])
    frame = frame.assign(n=len(rows), n_churned=int(y.sum()))
    return frame.sort_values(["auc_drop", "feature"], ascending=[False, True], ignore_index=True)


def partial_dependence(
    fit: ExplainedFit,
    table: pd.DataFrame,
    *,
    feature: str,
    n_points: int = 20,
    recalibrate: Callable[[Floats], Floats] | None = None,
) -> pd.DataFrame:
    """Say how the predicted probability moves with one feature, all others as they are.

    Parameters
    ----------
    fit : ExplainedFit
        The model.
    table : DataFrame
        Rows with its features; at most 1,000 are used, at equal steps.
    feature : str
        A feature of the model.
    n_points : int
        Quantiles (2.5 to 97.5 %) of a number with more distinct values; levels are taken one by one, the 20 largest.
    recalibrate : callable, optional
        Turns the model's probabilities into those that readers are given.

    Returns
    -------
    DataFrame
        *feature, value* (a number, or a level), *p_churn* (mean over customers), *low, high* (10 and 90 % of the
        customers' own curves: how unlike customers are, no error of estimation), *share* (of customers at this value or
        between it and the last: where there are few the curve is the model's guess), *n* (customers).

    Raises
    ------
    ValueError
        If the model does not have the feature.

    References
    ----------
    Friedman, J. H. (2001). Greedy function approximation. Annals of Statistics 29, 1189-1232. (Section 8.2.)
    Goldstein, A., Kapelner, A., Bleich, J., Pitkin, E. (2015). Peeking inside the black box: visualizing statistical
    learning with plots of individual conditional expectation. Journal of Computational and Graphical Statistics 24,
    44-65.

    Examples
    --------
    >>> from cam.measures.churn.models import fit_logistic
    >>> people = pd.DataFrame({"customer_id": range(200), "days": np.arange(200.0) % 50})
    >>> people["churned"] = ((people.days + np.arange(200) % 37) > 45).astype(int)
    >>> curve = partial_dependence(fit_logistic(people, seed=1), people, feature="days", n_points=5)
    >>> curve.value.tolist(), bool(curve.p_churn.is_monotonic_increasing)
    ([1.0, 13.0, 24.5, 36.0, 48.0], True)
    """
    if feature not in fit.columns.features:
        raise ValueError(f"the model has no feature {feature!r}")
    from cam.measures.churn.models import expit

    rows = _spread(table, _MOST_CURVES)
    found = []
    if feature in fit.columns.levels:
        counts = as_levels(rows[feature]).value_counts()
        points = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:20]
        shares = [count / len(rows) for _, count in points]
        values: list[object] = [value for value, _ in points]
    else:
        known = as_numbers(rows[feature])
        known = known[~np.isnan(known)]
        distinct = np.unique(known)
        if distinct.size > n_points:
            distinct = np.unique(np.quantile(known, np.linspace(0.025, 0.975, n_points)))
        below = np.searchsorted(np.sort(known), distinct, side="right") / max(len(rows), 1)
        shares, values = np.diff(below, prepend=0.0).tolist(), distinct.tolist()
    if not values:
        return pd.DataFrame(columns=["feature", "value", "p_churn", "low", "high", "share", "n"])
    x, own_columns = fit.inputs(rows), fit.owners == feature
    points_at = rows.iloc[np.zeros(len(values), dtype=int)].assign(**{feature: values})
    for value, share, point in zip(values, shares, fit.inputs(points_at), strict=True):
        p = expit(fit.log_odds_of(np.where(own_columns, point, x)))
        p = p if recalibrate is None else recalibrate(p)
        low, high = np.quantile(p, [0.1, 0.9])
        found.append((feature, value, float(p.mean()), float(low), float(high), share, len(rows)))
    return pd.DataFrame(found, columns=["feature", "value", "p_churn", "low", "high", "share", "n"])


def typical_values(table: pd.DataFrame, features: Sequence[str]) -> pd.Series:
    """Return what is typical of the customers who stayed: the median of a number, the commonest level.

    Parameters
    ----------
    table : DataFrame
        Training rows with ``churned``.
    features : sequence of str
        Features.

    Returns
    -------
    Series
        By feature; missing where most who stayed have none.

    Examples
    --------
    >>> people = pd.DataFrame({"churned": [0, 0, 0, 1], "orders": [1, 2, 3, 9], "plan": ["a", "b", "b", "a"]})
    >>> typical_values(people, ["orders", "plan"]).tolist()
    [2.0, 'b']
    """
    stayed = table[as_numbers(table["churned"]) == 0]
    found: dict[str, object] = {}
    for name in features:
        column = stayed[name]
        if column.isna().mean() > 0.5:
            found[name] = None
        elif is_number(column):
            # The lower median is a value that occurs: no customer has half an order.
            found[name] = float(np.nanquantile(as_numbers(column), 0.5, method="lower"))
        else:
            counts = as_levels(column).value_counts()
            found[name] = min(counts.index[counts == counts.max()])
    return pd.Series(found, dtype=object)


def contributions(
    fit: ExplainedFit,
    table: pd.DataFrame,
    *,
    typical: pd.Series,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Say by how much each feature moves each customer's log-odds of leaving.

    Parameters
    ----------
    fit : ExplainedFit
        The model.
    table : DataFrame
        Customers to explain: those on a list, not all.
    typical : Series
        As from :func:`typical_values`.
    groups : mapping of str to sequence of str, optional
        Name -> features that are made typical together: of two features that say the same, each alone moves little. By
        default each feature is a group of its own.

    Returns
    -------
    DataFrame
        One row per row of the table, one column per group, in log-odds. For the logistic model exact: coefficients x
        deviation from the typical customer, so that a row adds up to the customer's log-odds minus those of the
        typical one. For boosting: the log-odds as they are minus those with this one group as typical; where groups
        work together, a row need not add up.

    References
    ----------
    Robnik-Šikonja, M., Kononenko, I. (2008). Explaining classifications for individual instances. IEEE Transactions
    on Knowledge and Data Engineering 20, 589-600. (Section 3.)

    Examples
    --------
    >>> from cam.measures.churn.models import fit_logistic
    >>> people = pd.DataFrame({"customer_id": range(200), "days": np.arange(200.0) % 50})
    >>> people["churned"] = ((people.days + np.arange(200) % 37) > 45).astype(int)
    >>> fit = fit_logistic(people, seed=1)
    >>> moved = contributions(fit, people, typical=typical_values(people, ["days"]))
    >>> bool(moved.days[0] < 0 < moved.days[49])
    True
    """
    features = list(fit.columns.features)
    chosen = {name: [name] for name in features} if groups is None else groups
    x, person = fit.inputs(table), fit.inputs(_one_row(table, typical, features))
    own_columns = {name: np.isin(fit.owners, list(members)) for name, members in chosen.items()}
    if isinstance(fit, LogisticFit):
        apart = (x - person) * fit.coefficients
        moved = {name: apart[:, own].sum(axis=1) for name, own in own_columns.items()}
    else:
        here = fit.log_odds_of(x)
        moved = {name: here - fit.log_odds_of(np.where(own, person, x)) for name, own in own_columns.items()}
    return pd.DataFrame(moved, index=table.index)


def believable(
    moved: pd.DataFrame, table: pd.DataFrame, *, typical: pd.Series, train: pd.DataFrame
) -> pd.DataFrame:
    """Keep the contributions that a reader can believe: those that the feature alone bears out.

    Where features work together, one may push the other way than it does alone: many purchases so far make a long
    silence worse. True of the model, but "many purchases" is no reason to leave.

    Parameters
    ----------
    moved : DataFrame
        As from :func:`contributions`; one column per feature.
    table : DataFrame
        The same customers, with their features.
    typical : Series
        As from :func:`typical_values`.
    train : DataFrame
        Rows with ``churned`` that the model learnt from.

    Returns
    -------
    DataFrame
        ``moved`` with 0 where, of the training rows on the same side of the typical value (of the same level, or
        without a value as this one), no larger share left than of all.

    Examples
    --------
    >>> train = pd.DataFrame({"churned": [0, 0, 1, 1], "days": [1.0, 2.0, 30.0, 40.0]})
    >>> people, moved = pd.DataFrame({"days": [50.0, 0.0]}), pd.DataFrame({"days": [0.4, 0.3]})
    >>> believable(moved, people, typical=pd.Series({"days": 2.0}), train=train).days.tolist()
    [0.4, 0.0]
    """
    y = as_numbers(train["churned"])
    found = {}
    for name in moved.columns:
        then, now = (_sides(part[name], typical[name]) for part in (train, table))
        rates = pd.Series(y).groupby(then).mean()
        is_borne_out = (now.map(rates) > y.mean()).to_numpy()
        found[name] = np.where(is_borne_out, moved[name].to_numpy(), 0.0)
    return pd.DataFrame(found, index=moved.index)


def top_reasons(
    moved: pd.DataFrame, table: pd.DataFrame, *, typical: pd.Series, n_reasons: int = 3
) -> pd.DataFrame:
    """Name the reasons of each customer: the features that raise their risk most.

    Parameters
    ----------
    moved : DataFrame
        As from :func:`contributions`.
    table : DataFrame
        The same customers, with their features.
    typical : Series
        As from :func:`typical_values`.
    n_reasons : int
        At most so many.

    Returns
    -------
    DataFrame
        *customer_id, rank, feature, value, typical, direction, contribution*: ``direction`` is ``high`` or ``low`` (a
        number above or below the typical one), ``missing``, ``known`` (where the typical customer has no value) or
        ``other`` (another level); ``contribution`` is in log-odds. A customer who does not differ to their harm by
        :data:`LEAST` has fewer rows, or none.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": ["a"], "days": [90.0], "plan": ["x"]})
    >>> moved = pd.DataFrame({"days": [1.2], "plan": [-0.4]})
    >>> reasons = top_reasons(moved, people, typical=pd.Series({"days": 20.0, "plan": "y"}))
    >>> reasons[["customer_id", "feature", "direction"]].values.tolist()
    [['a', 'days', 'high']]
    """
    names = np.array(sorted(moved.columns))
    amounts = moved[names].to_numpy(float).round(9)  # rounding must not rank what is equal
    found = []
    for rank, place in enumerate(np.argsort(-amounts, axis=1, kind="stable")[:, :n_reasons].T):
        best = amounts[np.arange(len(table)), place]
        found.append(
            pd.DataFrame({"row": np.arange(len(table)), "rank": rank + 1, "place": place, "by": best})
        )
    listed = pd.concat(found, ignore_index=True)
    listed = listed[listed["by"] >= LEAST].sort_values(["row", "rank"])
    parts = []
    for place, own in listed.groupby("place"):
        name = names[place]
        column = table[name].iloc[own["row"]]
        parts.append(
            own.assign(
                feature=name,
                value=column.astype(object).to_numpy(),
                typical=typical[name],
                direction=_direction(column, typical[name]),
            )
        )
    columns = ["customer_id", "rank", "feature", "value", "typical", "direction", "contribution"]
    if not parts:
        return pd.DataFrame(columns=columns)
    joined = pd.concat(parts, ignore_index=True).sort_values(["row", "rank"], ignore_index=True)
    joined["customer_id"] = table["customer_id"].to_numpy()[joined["row"]]
    return joined.rename(columns={"by": "contribution"})[columns]


def _direction(column: pd.Series, typical: object) -> Floats:
    blank = column.isna().to_numpy()
    if pd.isna(typical):
        return np.where(blank, "missing", "known")
    if not is_number(column):
        return np.where(blank, "missing", "other")
    numbers = as_numbers(column)
    return np.where(blank, "missing", np.where(numbers > float(typical), "high", "low"))  # type: ignore[arg-type]


def _sides(column: pd.Series, typical: object) -> pd.Series:
    """Where each row stands: its direction, and of names the level too."""
    sides = pd.Series(_direction(column, typical), dtype=object)
    if is_number(column):
        return sides
    return sides.where(
        column.isna().to_numpy(), "level " + as_levels(column).reset_index(drop=True).fillna("")
    )


def _one_row(table: pd.DataFrame, typical: pd.Series, features: Sequence[str]) -> pd.DataFrame:
    """The typical customer as a table; blanks keep their kind, so that a number stays a number."""
    made = {}
    for name in features:
        value = typical[name]
        if is_number(table[name]):
            made[name] = pd.Series([np.nan if pd.isna(value) else float(value)])
        else:
            made[name] = pd.Series([None if pd.isna(value) else value], dtype=object)
    return pd.DataFrame(made)


def _spread(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, at equal steps."""
    return table.iloc[:: -(-len(table) // most)].reset_index(drop=True) if len(table) > most else table
