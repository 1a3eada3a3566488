"""What a new customer costs: spend and new customers of the same whole months."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from cam.estimate import CONFIDENCE, Estimate

#: What a fully loaded cost of acquisition is made of.
COST_TYPES = ("media", "creative", "tools", "commissions", "salaries", "overhead")

#: What each variant of the cost holds. Paid: what goes to others for bringing customers, over the customers of the
#: channels that are so paid. Blended: with the work that is made for it, over all new customers. Fully loaded: with
#: tools, people and rooms as well; it stands only where the data hold every type.
VARIANTS: dict[str, tuple[str, ...]] = {
    "paid": ("media", "commissions"),
    "blended": ("media", "creative", "commissions"),
    "fully_loaded": COST_TYPES,
}

#: Days at either end of a month in which nothing needs to have happened for the month to count as whole: most
#: tables are kept by the day, week or month.
_SLACK_DAYS = 7


def cac(spend: float, n_new: int, *, currency: str, segment: Mapping[str, str] | None = None) -> Estimate:
    """Return the cost per new customer, with the exact limits of a count turned round.

    The spend is known. The number of new customers is a count that could have come out otherwise: it is taken as
    Poisson, and the limits of its mean give those of the cost.

    Parameters
    ----------
    spend : float
        Of the months, > 0, in *currency*.
    n_new : int
        New customers of the same months, > 0.
    currency : str
        ISO code.
    segment : mapping of str to str, optional
        What part it speaks of, such as ``{"channel": "search"}``.

    Returns
    -------
    Estimate
        ``cac``, money per new customer; n is *n_new*.

    Raises
    ------
    ValueError
        If *spend* or *n_new* is not positive: a cost of nothing, or of nobody, is no cost per customer.

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28, 437-442.

    Examples
    --------
    >>> cost = cac(1000.0, 10, currency="USD")
    >>> cost.value, round(cost.low, 2), round(cost.high, 2)
    (100.0, 54.38, 208.53)
    """
    if not spend > 0 or n_new < 1:
        raise ValueError(f"cac needs spend and new customers; got {spend} and {n_new}")
    low, high = poisson_limits(n_new)
    return Estimate("cac", spend / n_new, currency, n_new, spend / high, spend / low, segment or {})


def poisson_limits(count: int) -> tuple[float, float]:
    """Return the exact 95 % limits of the mean of a Poisson count.

    Parameters
    ----------
    count : int
        At least 0.

    Returns
    -------
    tuple of float

    Raises
    ------
    ValueError
        If *count* is negative.

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28, 437-442.

    Examples
    --------
    >>> [round(limit, 3) for limit in poisson_limits(10)]
    [4.795, 18.39]
    """
    if count < 0:
        raise ValueError(f"a count is at least 0; got {count}")
    from scipy.special import gammaincinv  # here, because it makes every start slower

    tail = (1 - CONFIDENCE) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1 - tail))


def whole_months(
    spend: pd.DataFrame, acquired: pd.DataFrame, *, as_of: date
) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Find the whole months for which both spending and new customers are known.

    Parameters
    ----------
    spend : DataFrame
        ``month``, ``first_day``, ``last_day`` (dates), as from :func:`cam.reduce.acquisition.spend_by_month`.
    acquired : DataFrame
        ``month``, ``first_day`` (dates), as from :func:`cam.reduce.acquisition.acquired_by_month`.
    as_of : date
        Last day seen; a month that has not ended by then is left out.

    Returns
    -------
    tuple of Timestamp or None
        First days of the first and the last month; None where no month is whole.

    Notes
    -----
    Where spending is dated once a month, each of its months is whole. Otherwise the first and the last month
    count only if spending is dated within a week of their ends. New customers set the beginning in the same way,
    but never the end: a month in which nobody came is a dear month, not a missing one.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01"])
    >>> spend = pd.DataFrame({"month": days, "first_day": days, "last_day": days})
    >>> acquired = pd.DataFrame({"month": days[:1], "first_day": pd.to_datetime(["2026-01-20"])})
    >>> [str(month.date()) for month in whole_months(spend, acquired, as_of=date(2026, 3, 15))]
    ['2026-02-01', '2026-02-01']
    """
    if spend.empty or acquired.empty:
        return None
    months = spend.groupby("month").agg(first_day=("first_day", "min"), last_day=("last_day", "max"))
    first, last = months.index[0], months.index[-1]
    if not (months["first_day"] == months["last_day"]).all():
        first = _begun(months["first_day"].iloc[0])
        if _end(last) - months["last_day"].iloc[-1] >= pd.Timedelta(days=_SLACK_DAYS):
            last -= pd.DateOffset(months=1)
    first = max(first, _begun(acquired["first_day"].min()))
    while _end(last) > pd.Timestamp(as_of):
        last -= pd.DateOffset(months=1)
    return (first, last) if first <= last else None


def cac_by_channel(spend: pd.DataFrame, acquired: pd.DataFrame, *, currency: str) -> pd.DataFrame:
    """Put spend and new customers of each channel side by side.

    Parameters
    ----------
    spend : DataFrame
        ``channel``, ``cents`` (integer), of the months that count.
    acquired : DataFrame
        ``channel`` (missing where it is not known), ``n_new``, of the same months.
    currency : str
        ISO code.

    Returns
    -------
    DataFrame
        One row per channel: *channel*, *spend* (money; missing where there is none), *n_new* and, where it has
        both, *cac* with *low* and *high*. The cheapest first, then channels without new customers, then those
        without spend.

    Examples
    --------
    >>> spend = pd.DataFrame({"channel": ["search"], "cents": [100000]})
    >>> acquired = pd.DataFrame({"channel": ["search", "organic"], "n_new": [10, 5]})
    >>> cac_by_channel(spend, acquired, currency="USD")[["channel", "n_new", "cac"]].values.tolist()
    [['search', 10, 100.0], ['organic', 5, nan]]
    """
    cents = spend.groupby("channel")["cents"].sum()
    counts = acquired.groupby("channel")["n_new"].sum()
    rows = []
    for channel in sorted({*cents.index, *counts.index}):
        money, n_new = int(cents.get(channel, 0)) / 100, int(counts.get(channel, 0))
        known = cac(money, n_new, currency=currency) if money > 0 and n_new else None
        rows.append(
            {
                "channel": channel,
                "spend": money if money > 0 else float("nan"),
                "n_new": n_new,
                "cac": known.value if known else float("nan"),
                "low": known.low if known else float("nan"),
                "high": known.high if known else float("nan"),
            }
        )
    table = pd.DataFrame(rows, columns=["channel", "spend", "n_new", "cac", "low", "high"])
    order = table.assign(no_spend=table["spend"].isna()).sort_values(
        ["no_spend", "cac", "channel"], kind="stable"
    )
    return table.loc[order.index].reset_index(drop=True)


def cac_variants(months: pd.DataFrame, *, currency: str) -> pd.DataFrame:
    """Return the paid, blended and fully loaded cost of a new customer, in all and by channel.

    cost = sum of the spend of the variant's cost types / new customers, both of the same months.

    Parameters
    ----------
    months : DataFrame
        ``channel``, ``cost_type``, ``cents`` and ``n_new`` (integers), of the months that count: rows of spend and
        rows of new customers, one below the other.
    currency : str
        ISO code.

    Returns
    -------
    DataFrame
        One row per variant and channel, ``all`` first: *variant* (as in :data:`VARIANTS`), *channel*, *holds* and
        *missing* (tuples of cost types), *spend* (money), *n_new*, and *cac* with *low* and *high* (money per new
        customer; missing where spend or new customers are nil). A variant of which the data hold nothing is left
        out. ``fully_loaded`` counts every row, those of other types and of none
        (``kind not said``) too.

    Notes
    -----
    In ``paid`` only customers of channels with paid spend count in the total, so it may be above ``blended``.

    Examples
    --------
    >>> spend = pd.DataFrame({"channel": ["search", "search"], "cost_type": ["media", "tools"],
    ...     "cents": [100000, 20000], "n_new": 0})
    >>> new = pd.DataFrame({"channel": ["search", "organic"], "cents": 0, "n_new": [10, 10]})
    >>> table = cac_variants(pd.concat([spend, new], ignore_index=True), currency="USD")
    >>> table.loc[table["channel"] == "all", ["variant", "cac"]].values.tolist()
    [['paid', 100.0], ['blended', 50.0], ['fully_loaded', 60.0]]
    """
    spent = months.loc[months["cents"] != 0, "cost_type"]
    seen = set(spent.dropna())
    others = (*sorted(seen - set(COST_TYPES)), *(("kind not said",) if spent.isna().any() else ()))
    rows = []
    for variant, types in VARIANTS.items():
        holds = tuple(name for name in types if name in seen)
        if variant == "fully_loaded":
            holds = (*holds, *others)
        if not holds:
            continue
        counted = months["cents"].where(months["cost_type"].isin(types) | (variant == "fully_loaded"), 0)
        cents = counted.groupby(months["channel"]).sum()
        n_new = months.groupby("channel")["n_new"].sum()
        total = (int(counted.sum()), int(months["n_new"].sum()))
        if variant == "paid":
            total = (total[0], int(n_new[cents > 0].sum()))
        parts = [
            ("all", *total),
            *((str(c), int(cents[c]), int(n_new[c])) for c in cents.index if c != "all"),
        ]
        missing = tuple(name for name in types if name not in seen)
        rows += [
            {"variant": variant, "channel": channel, "holds": holds, "missing": missing}
            | _cost_row(cents_of / 100, n_of, currency)
            for channel, cents_of, n_of in parts
        ]
    columns = ["variant", "channel", "holds", "missing", "spend", "n_new", "cac", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def cac_by_period(
    months: pd.DataFrame, *, freq: str, currency: str, by_channel: bool = False
) -> pd.DataFrame:
    """Return the cost of a new customer of each whole month, quarter or year.

    Parameters
    ----------
    months : DataFrame
        ``month`` (first days), ``channel``, ``cents`` and ``n_new``, of whole months.
    freq : str
        ``M``, ``Q`` or ``Y``. A quarter or a year counts only if all its months do.
    currency : str
        ISO code.
    by_channel : bool
        Whether to give each channel its rows; else all of them together, as ``all``.

    Returns
    -------
    DataFrame
        In order of time: *period* (``2026-01``, ``2026-Q1`` or ``2026``), *channel*, *spend*, *n_new*, and *cac* with
        *low* and *high* (missing where spend or new customers are nil).

    Examples
    --------
    >>> months = pd.DataFrame({"month": pd.date_range("2026-01-01", periods=4, freq="MS"), "channel": "search",
    ...     "cents": 10000, "n_new": 2})
    >>> cac_by_period(months, freq="Q", currency="USD")[["period", "n_new", "cac"]].values.tolist()
    [['2026-Q1', 6, 50.0]]
    """
    lasts = {"M": 1, "Q": 3, "Y": 12}[freq]
    number = months["month"].dt.to_period("M")
    period = months["month"].dt.to_period(freq)
    whole = pd.period_range(number.min(), number.max(), freq="M").asfreq(freq).value_counts()
    rows = []
    channels = sorted(months["channel"].dropna().unique()) if by_channel else ["all"]
    for one in sorted(whole[whole == lasts].index):
        inside = months[period == one]
        for channel in channels:
            part = inside[inside["channel"] == channel] if by_channel else inside
            cost = _cost_row(float(part["cents"].sum()) / 100, int(part["n_new"].sum()), currency)
            rows.append({"period": period_name(one), "channel": channel} | cost)
    return pd.DataFrame(rows, columns=["period", "channel", "spend", "n_new", "cac", "low", "high"])


def period_name(period: pd.Period) -> str:
    """Return a month, quarter or year as it stands in ``key_figures.csv``.

    Parameters
    ----------
    period : Period
        Of frequency M, Q or Y.

    Returns
    -------
    str

    Examples
    --------
    >>> period_name(pd.Period("2026-02", "Q")), period_name(pd.Period("2026-02", "M"))
    ('2026-Q1', '2026-02')
    """
    return str(period).replace("Q", "-Q")


def is_beyond_chance(spend: tuple[float, float], n_new: tuple[int, int], *, n_comparisons: int = 1) -> bool:
    """Say whether two channels' costs per new customer differ by more than chance.

    If one new customer cost the same in both, each of their new customers would be of the first channel with a
    chance equal to its share of the spend: an exact binomial test, at 5 % over all comparisons.

    Parameters
    ----------
    spend : tuple of float
        Of the two channels, > 0.
    n_new : tuple of int
        Their new customers.
    n_comparisons : int
        Pairs among which this one was picked (Bonferroni); the dearest and the cheapest of k channels are one of
        k (k - 1) / 2.

    Returns
    -------
    bool

    References
    ----------
    Przyborowski, J., Wilenski, H. (1940). Homogeneity of results in testing samples from Poisson series.
    Biometrika 31, 313-323.

    Examples
    --------
    >>> is_beyond_chance((1000, 1000), (10, 12)), is_beyond_chance((1000, 1000), (10, 40))
    (False, True)
    """
    from scipy.special import bdtr, bdtrc  # here, because it makes every start slower

    total, share = sum(n_new), spend[0] / sum(spend)
    below = float(bdtr(n_new[0], total, share))
    above = float(bdtrc(n_new[0] - 1, total, share)) if n_new[0] else 1.0
    return 2 * min(below, above) * n_comparisons < 1 - CONFIDENCE


def _cost_row(spend: float, n_new: int, currency: str) -> dict[str, float | int | None]:
    row: dict[str, float | int | None] = {"spend": spend, "n_new": n_new}
    if spend <= 0 or not n_new:
        return row | dict.fromkeys(("cac", "low", "high"), float("nan"))
    known = cac(spend, n_new, currency=currency)
    return row | {"cac": known.value, "low": known.low, "high": known.high}


def _begun(day: pd.Timestamp) -> pd.Timestamp:
    """The first month that is whole if something begins on a day."""
    month = day.to_period("M").to_timestamp()
    return month if (day - month).days < _SLACK_DAYS else month + pd.DateOffset(months=1)


def _end(month: pd.Timestamp) -> pd.Timestamp:
    return month + pd.DateOffset(months=1) - pd.Timedelta(days=1)
