"""Features that say the same: each alone looks useless, because the others stand in for it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cam.measures.churn.columns import KEYS, Floats, as_levels, as_numbers, is_number

#: Features whose association is at least this say the same, more or less: half of the one's ranks is the other's.
SAME = 0.7
#: Rows that groups rest on, at equal steps; and rows in which both of a pair must be known.
_MOST_ROWS, _FEWEST_KNOWN = 4000, 100
#: Blanks in a smaller share of the rows say nothing that a group could share.
_FEWEST_BLANKS = 0.02


def related_features(table: pd.DataFrame, *, least: float = SAME) -> pd.DataFrame:
    """Put features that say the same into groups.

    Parameters
    ----------
    table : DataFrame
        Training rows; every column that is not in :data:`cam.measures.churn.columns.KEYS` is a feature.
    least : float
        Mean association (0-1) of two groups that become one.

    Returns
    -------
    DataFrame
        *feature, group* (a number from 1), by name. The association is the larger of two: that of the values, which is
        Spearman's correlation without its sign (numbers), the correlation ratio of the ranks (a number and a name) or
        Cramér's V (names); and that of being blank, for an answer to a survey fills all of its columns.

    References
    ----------
    Kaufman, L., Rousseeuw, P. J. (1990). Finding Groups in Data. Wiley. (Chapter 5: group average.)
    Cramér, H. (1946). Mathematical Methods of Statistics. Princeton. (Section 21.9.)

    Examples
    --------
    >>> days = np.arange(200.0)
    >>> people = pd.DataFrame({"days": days, "weeks": days // 7, "other": np.arange(200) * 7 % 13})
    >>> related_features(people).values.tolist()
    [['days', 1], ['other', 2], ['weeks', 1]]
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # here, because it makes every start slower
    from scipy.spatial.distance import squareform

    names = sorted(str(name) for name in table.columns if name not in KEYS)
    if len(names) < 2:
        return pd.DataFrame({"feature": names, "group": range(1, len(names) + 1)})
    rows = table.iloc[:: max(1, -(-len(table) // _MOST_ROWS))]
    columns = [_Column(rows[name]) for name in names]
    apart = np.zeros((len(names), len(names)))
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            # Rounding must not decide which of two equal pairs is joined first.
            apart[one, other] = apart[other, one] = round(1 - columns[one].association(columns[other]), 9)
    tree = linkage(squareform(apart), method="average")
    codes = pd.factorize(fcluster(tree, t=1 - least + 1e-9, criterion="distance"))[0] + 1
    return pd.DataFrame({"feature": names, "group": codes})


class _Column:
    """A feature as ranks or as levels, with its blanks."""

    def __init__(self, column: pd.Series) -> None:
        from scipy.stats import rankdata

        self.blank = column.isna().to_numpy(bool)
        self.is_number = is_number(column)
        if self.is_number:
            self.values = np.zeros(len(column))
            self.values[~self.blank] = rankdata(as_numbers(column)[~self.blank])
        else:
            self.values = pd.factorize(as_levels(column))[0]

    def association(self, other: _Column) -> float:
        """0-1: how much of the other's values, or of its blanks, this one tells."""
        blanks = 0.0
        if min(self.blank.mean(), other.blank.mean()) >= _FEWEST_BLANKS:
            blanks = abs(_correlation(self.blank.astype(float), other.blank.astype(float)))
        both = ~(self.blank | other.blank)
        if both.sum() < min(_FEWEST_KNOWN, both.size / 2):
            return blanks
        one, two = self.values[both], other.values[both]
        if self.is_number and other.is_number:
            values = abs(_correlation(one, two))
        elif self.is_number or other.is_number:
            values = _ratio(one, two) if self.is_number else _ratio(two, one)
        else:
            values = _cramer(one, two)
        return max(values, blanks)


def _correlation(one: Floats, other: Floats) -> float:
    x, y = one - one.mean(), other - other.mean()
    size = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / size if size > 0 else 0.0


def _ratio(ranks: Floats, levels: Floats) -> float:
    """Correlation ratio, less what chance gives to so many levels."""
    codes = pd.factorize(levels)[0]
    n, k = codes.size, int(codes.max()) + 1
    whole = float(((ranks - ranks.mean()) ** 2).sum())
    if whole == 0 or n <= k:
        return 0.0
    counts = np.bincount(codes)
    within = whole - float((counts * (np.bincount(codes, ranks) / counts - ranks.mean()) ** 2).sum())
    return float(np.sqrt(max(0.0, 1 - (within / (n - k)) / (whole / (n - 1)))))


def _cramer(one: Floats, other: Floats) -> float:
    """Cramér's V, less what chance gives to so many levels."""
    first, second = pd.factorize(one)[0], pd.factorize(other)[0]
    counts = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(counts, (first, second), 1)
    n, (rows, columns) = counts.sum(), counts.shape
    least = min(rows, columns) - 1
    if least < 1:
        return 0.0
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    chance = (rows - 1) * (columns - 1) / (n - 1)
    phi = float(((counts - expected) ** 2 / expected).sum()) / n
    return float(np.sqrt(min(1.0, max(0.0, phi - chance) / least)))
