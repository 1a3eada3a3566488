"""The telecom client: one row per customer, as telecoms and banks hand them out, and a finished test of an offer.

How it was made
---------------
A telecom wins customers evenly over five years. The snapshot holds all of them, also those who left, with the bill of
their last month. Amounts are EUR, times months.

*Leaving.* A customer leaves at the hazard 0.8 t ** -0.2 / scale ** 0.8 (Weibull) x exp(effects of what they are); the
snapshot ends it for those who stay. When a customer was won has nothing to do with who they are, so two models are
true at once: hazards are proportional (Cox), and among customers of one tenure the log-odds of having left are the
same effects and a constant (logistic). The truth has both the probability and the hazard ratio of every customer.

*The test.* After the snapshot 4,000 of those who had stayed were drawn, and chance gave half of them an offer. A year
later it was counted who had left. Of the safest the offer keeps 55 % of those who would leave, of the seventh most at
risk nobody (0.55 (1 - (u / 0.86) ** 4) with u the rank of the risk, 0 to 1), much as Ascarza (2018) found in her tests.

What is there to be found
-------------------------
1. Who may leave any month does, fibre or not; with fibre far more often: an interaction.
2. Leaving peaks when the handset is paid off, about its 24th month, and is lower before and after: no straight line.
3. Complaints, outages, late payments, a dear bill and few log-ins go with leaving; a good score in the survey does not.
4. Who gave no score leaves more: a blank that means something. No internet is a blank that means just that.
   Blank ages and log-ins mean nothing.
5. `region_code` is a name that looks like a number: in 104, 109 and 111 a rival has built a network.
6. `yearly_charge` is twelve times `monthly_charge`: two columns that say the same. `sim_status` hardly varies.
7. `closing_bill_status` knows the answer: only who has left gets a closing bill.
8. In the test the offer lowers leaving by some points on average; among the fifth most at risk it does next to nothing.

What does nothing: gender, household, phone line, streaming, brand, paperless bills, roaming, minutes, data and credit
class. What is not there: effects that change with tenure, and seasons.

Nobody's customers: nothing was copied from any file. A change of any byte is a new `TELECOM_VERSION`.

References
----------
Ascarza, E. (2018). Retention futility: targeting high-risk customers might be ineffective. Journal of Marketing
Research 55, 80-98.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cam.errors import ParamsError
from cam.samples.draws import Draws, Floats
from cam.samples.files import write_files

TELECOM_VERSION = 1
#: Files of this client, its truth among them.
TELECOM_FILES = ("snapshot.csv", "experiment.csv", "truth/customers.csv", "truth/parameters.csv")

_SEED = 20261122
_FEWEST, _MOST = 1_000, 99_999
_STREAMS = ("people", "services", "bills", "voice", "lives", "test", "blanks", "leak")
_MONTHS, _SHAPE, _SCALE, _TEST_MONTHS = 60.0, 0.8, 190.0, 12.0
_TEST_SHARE = 4 / 7
_SAVED, _BEYOND_REACH, _MARGIN, _OFFER_COST = 0.55, 0.86, 0.45, 12.0
_DIGITS = 6  # early enough that the last bit of a machine's logarithm cannot show
_REGIONS = np.arange(101, 113)
_RIVAL = (104, 109, 111)
#: Effects on the log of the hazard.
EFFECTS = {
    "month to month": 0.75,
    "two years": -0.7,
    "fibre and month to month": 0.55,
    "handset at its 24th month": 0.9,
    "a complaint": 0.3,
    "a late payment": 0.22,
    "outages, per square root of an hour": 0.12,
    "monthly charge, per EUR 10": 0.12,
    "log-ins, per log(1 + n)": -0.22,
    "score, per point above 3": -0.3,
    "no score": 0.3,
    "rival's region": 0.5,
    "door to door": 0.4,
    "referral": -0.35,
    "bank debit": -0.2,
    "tech support": -0.3,
    "age, per 10 years above 45": -0.12,
}


@dataclass(frozen=True, slots=True)
class TelecomClient:
    """The telecom's tables, and the truth behind them.

    Parameters
    ----------
    tables : dict of str to DataFrame
        - `snapshot`, one row per customer: `customer_id`, `churned` (yes, no), `tenure_months` (completed; of those
          who left, when they left) and 32 columns of what is known of them;
        - `experiment`, one row per customer of the test: `customer_id`, `arm` (offer, control), `outcome` (1: left
          within twelve months), `value` (margin of the twelve months, less what the offer cost).
    truth : dict of str to DataFrame
        - `customers`, one row per customer: `p_churned` (probability of having left, given all that is known but the
          closing bill), `hazard_ratio` (against one without any effect), `risk_12m` and `risk_12m_offer` (probability
          to leave within twelve months after the snapshot, without and with the offer; missing: had left);
        - `parameters`: `name`, `value`, `meaning`.
    """

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]


def simulate_telecom(*, n_customers: int = 7_000, seed: int = _SEED) -> TelecomClient:
    """Draw the telecom client. Another seed is another client of the same truth.

    Parameters
    ----------
    n_customers : int
        How many customers, 1,000 to 99,999; the test holds four in seven of as many, or all who stayed.
    seed : int
        Same seed, same client, in every release of NumPy.

    Returns
    -------
    TelecomClient

    Raises
    ------
    ParamsError
        `n_customers` out of range.

    Examples
    --------
    >>> client = simulate_telecom(n_customers=1_000, seed=7)
    >>> client.tables["snapshot"].shape, client.tables["experiment"].columns.tolist()
    ((1000, 35), ['customer_id', 'arm', 'outcome', 'value'])
    """
    if not _FEWEST <= n_customers <= _MOST:
        raise ParamsError(f"n_customers={n_customers}  must be from {_FEWEST:,} to {_MOST:,}")
    n = n_customers
    draws = {name: Draws(seed, stream) for stream, name in enumerate(_STREAMS)}
    known = _people(n, draws["people"]) | _services(n, draws["services"])
    known |= _bills(n, known, draws["bills"])
    known |= _voice(n, known, draws["voice"])
    ratio = np.exp(_log_ratio(known)).round(_DIGITS)
    lives = draws["lives"]
    left_at = _SCALE * (lives.exponential(n) / ratio) ** (1 / _SHAPE)
    seen = _MONTHS * lives.uniform(n)
    churned = left_at < seen
    tenure = np.floor(np.minimum(left_at, seen)).astype(np.int64)
    ids = np.array([f"T{number:06d}" for number in range(1, n + 1)])
    risk = _risk_ahead(seen, ratio)
    test, offered = _test(ids, known, np.where(churned, np.nan, risk), draws["test"])
    snapshot = _snapshot(ids, churned, tenure, known, draws["blanks"])
    snapshot["closing_bill_status"] = _closing_bill(churned, draws["leak"])
    truth = pd.DataFrame(
        {
            "customer_id": ids,
            "p_churned": _p_churned(tenure, ratio).round(_DIGITS),
            "hazard_ratio": ratio,
            "risk_12m": np.where(churned, np.nan, risk).round(_DIGITS),
            "risk_12m_offer": offered.round(_DIGITS),
        }
    )
    # Customers stand in the order of their ids, which says nothing of when they were won.
    return TelecomClient(
        tables={"snapshot": snapshot, "experiment": test},
        truth={"customers": truth, "parameters": _parameters(truth, test)},
    )


def write_telecom(folder: Path) -> None:
    """Write the telecom client as CSV files: tables into `folder`, the truth into `folder/truth`.

    Parameters
    ----------
    folder : Path
        Made where missing; written as :func:`cam.samples.files.write_files` does.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     write_telecom(Path(place) / "telecom")
    ...     sorted(path.name for path in (Path(place) / "telecom").iterdir())
    ['experiment.csv', 'snapshot.csv', 'truth']
    """
    client = simulate_telecom()
    files = {f"{name}.csv": table for name, table in client.tables.items()}
    write_files(files | {f"truth/{name}.csv": table for name, table in client.truth.items()}, folder)


Known = dict[str, NDArray[np.generic]]


def _words(draws: Draws, n: int, **shares: float) -> NDArray[np.str_]:
    return np.array(list(shares))[draws.pick(list(shares.values()), n)]


def _yes(happens: NDArray[np.bool_]) -> NDArray[np.str_]:
    return np.where(happens, "yes", "no")


def _people(n: int, draws: Draws) -> Known:
    age = np.clip(np.floor(18 + 62 * draws.beta(1.6, 2.2, n)), 18, 90)
    return {
        "acquisition_channel": _words(
            draws, n, shop=0.34, web=0.28, phone=0.16, door_to_door=0.12, referral=0.10
        ),
        "age": age,
        "gender": _words(draws, n, female=0.49, male=0.49, other=0.02),
        "household_size": 1 + draws.poisson(np.full(n, 1.1)),
        "region_code": _REGIONS[draws.pick(1 / np.arange(3.0, 15.0), n)],
        "credit_class": _words(draws, n, A=0.45, B=0.35, C=0.16, D=0.04),
    }


def _services(n: int, draws: Draws) -> Known:
    internet = _words(draws, n, fibre=0.44, dsl=0.36, none=0.20)
    online = internet != "none"
    phone = draws.happens(0.9, n)
    speeds = np.array([16.0, 50.0, 100.0])[draws.pick([0.4, 0.4, 0.2], n)]
    fast = np.array([250.0, 500.0, 1000.0])[draws.pick([0.5, 0.35, 0.15], n)]
    return {
        "contract_type": _words(draws, n, month_to_month=0.50, one_year=0.26, two_years=0.24),
        "internet": np.where(online, internet, ""),
        "download_mbps": np.where(online, np.where(internet == "fibre", fast, speeds), np.nan),
        "tech_support": np.where(online, _yes(draws.happens(0.35, n)), ""),
        "online_security": np.where(online, _yes(draws.happens(0.33, n)), ""),
        "streaming": np.where(online, _yes(draws.happens(0.5, n)), ""),
        "phone_line": _yes(phone),
        "second_line": np.where(phone, _yes(draws.happens(0.4, n)), ""),
        "handset_age_months": np.floor(60 * draws.beta(1.3, 2.0, n)),
        "handset_brand": _words(
            draws, n, Anso=0.38, Belta=0.30, Corin=0.18, Delvo=0.10, Ektra=0.03, Fenno=0.008, Gavo=0.002
        ),
        "sim_status": _words(draws, n, active=0.997, swapped=0.003),
    }


def _bills(n: int, known: Known, draws: Draws) -> Known:
    fibre, online = known["internet"] == "fibre", known["internet"] != ""
    extras = sum(
        (known[name] == "yes").astype(float) for name in ("tech_support", "streaming", "second_line")
    )
    base = 14.0 + 14.0 * online + 12.0 * fibre + 5.0 * extras
    monthly = (base * np.exp(0.18 * draws.normal(n))).round(2)
    late = draws.poisson(0.35 * draws.gamma(0.7, n) / 0.7)
    overdue = np.where(late > 0, 18.0 * late * np.exp(0.9 * draws.normal(n)), 0.0)
    return {
        "payment_method": _words(draws, n, bank_debit=0.46, card=0.30, transfer=0.14, wallet=0.10),
        "paperless_bill": _yes(draws.happens(0.6, n)),
        "monthly_charge": monthly,
        "yearly_charge": (12 * monthly).round(2),
        "n_late_payments": late,
        "overdue_amount": overdue.round(2),
        "data_gb": np.where(online, np.exp(4.2 + 1.1 * draws.normal(n)), 0.0).round(1),
        "call_minutes": np.floor(220 * draws.gamma(0.8, n)),
        "roaming_days": draws.poisson(1.2 * draws.gamma(0.4, n)),
    }


def _voice(n: int, known: Known, draws: Draws) -> Known:
    outages = np.where(known["internet"] != "", 3.0 * draws.gamma(0.6, n), 0.0).round(1)
    complaints = draws.poisson(0.25 + 0.06 * outages)
    asked = 3.6 - 0.5 * complaints - 0.05 * outages + 1.0 * draws.normal(n)
    return {
        "outage_hours": outages,
        "n_complaints": complaints,
        "satisfaction": np.where(draws.happens(0.45, n), np.clip(np.round(asked), 1, 5), np.nan),
        "app_logins": draws.poisson(6.0 * draws.gamma(0.9, n)),
    }


def _log_ratio(known: Known) -> Floats:
    """Log of the hazard ratio against a customer without any effect."""
    flexible = known["contract_type"] == "month_to_month"
    score = known["satisfaction"].astype(float)
    handset = known["handset_age_months"].astype(float)
    parts: dict[str, ArrayLike] = {
        "month to month": flexible,
        "two years": known["contract_type"] == "two_years",
        "fibre and month to month": flexible & (known["internet"] == "fibre"),
        "handset at its 24th month": np.exp(-(((handset - 24) / 5) ** 2)),
        "a complaint": np.minimum(known["n_complaints"].astype(float), 4),
        "a late payment": np.minimum(known["n_late_payments"].astype(float), 4),
        "outages, per square root of an hour": np.sqrt(known["outage_hours"].astype(float)),
        "monthly charge, per EUR 10": known["monthly_charge"].astype(float) / 10 - 4,
        "log-ins, per log(1 + n)": np.log1p(known["app_logins"].astype(float)),
        "score, per point above 3": np.nan_to_num(score - 3),
        "no score": np.isnan(score),
        "rival's region": np.isin(known["region_code"], _RIVAL),
        "door to door": known["acquisition_channel"] == "door_to_door",
        "referral": known["acquisition_channel"] == "referral",
        "bank debit": known["payment_method"] == "bank_debit",
        "tech support": known["tech_support"] == "yes",
        "age, per 10 years above 45": (known["age"].astype(float) - 45) / 10,
    }
    total: Floats = sum(
        (EFFECTS[name] * np.asarray(part, dtype=float) for name, part in parts.items()),
        np.zeros(score.size),
    )
    return total


def _gone_by(months: ArrayLike, ratio: Floats) -> Floats:
    """Probability to have left by then."""
    gone: Floats = -np.expm1(-ratio * (np.asarray(months, dtype=float) / _SCALE) ** _SHAPE)
    return gone


def _p_churned(tenure: NDArray[np.int64], ratio: Floats) -> Floats:
    """Probability of having left, given completed months: ends of leaving over ends of both kinds in that month."""
    left, stayed = np.zeros(ratio.size), np.zeros(ratio.size)
    steps = 16
    for step in range(steps):
        begin, end = tenure + step / steps, tenure + (step + 1) / steps
        middle = (begin + end) / 2
        # Won so long ago that the snapshot comes later; and the snapshot comes now.
        left += (_gone_by(end, ratio) - _gone_by(begin, ratio)) * (1 - middle / _MONTHS)
        stayed += (1 - _gone_by(middle, ratio)) / steps / _MONTHS
    return left / (left + stayed)


def _risk_ahead(months: Floats, ratio: Floats) -> Floats:
    """Probability to leave within the test's months, of those still there."""
    ahead: Floats = ((months + _TEST_MONTHS) / _SCALE) ** _SHAPE - (months / _SCALE) ** _SHAPE
    return -np.expm1(-ratio * ahead)


def _test(
    ids: NDArray[np.str_], known: Known, risk: Floats, draws: Draws
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """The finished test, and the risk of everybody with the offer."""
    there = np.flatnonzero(~np.isnan(risk))
    rank = np.argsort(np.argsort(risk[there], kind="stable"), kind="stable") / there.size
    offered = np.full(risk.size, np.nan)
    offered[there] = risk[there] * (1 - _SAVED * np.maximum(0, 1 - (rank / _BEYOND_REACH) ** 4))
    size = min(round(_TEST_SHARE * risk.size), there.size)
    drawn = there[np.sort(np.argsort(draws.uniform(there.size), kind="stable")[:size])]
    is_offered = draws.happens(0.5, size)
    chance = np.where(is_offered, offered[drawn], risk[drawn])
    left = draws.happens(chance, size)
    # Who leaves does so somewhere within the months.
    months = np.where(left, np.ceil(_TEST_MONTHS * draws.uniform(size)), _TEST_MONTHS)
    value = _MARGIN * known["monthly_charge"][drawn].astype(float) * months - _OFFER_COST * is_offered
    table = pd.DataFrame(
        {
            "customer_id": ids[drawn],
            "arm": np.where(is_offered, "offer", "control"),
            "outcome": left.astype(np.int64),
            "value": value.round(2),
        }
    )
    return table, offered


def _snapshot(
    ids: NDArray[np.str_], churned: NDArray[np.bool_], tenure: NDArray[np.int64], known: Known, draws: Draws
) -> pd.DataFrame:
    n = ids.size
    billed = (known["monthly_charge"].astype(float) * tenure * np.exp(0.05 * draws.normal(n))).round(2)
    table = pd.DataFrame(
        {"customer_id": ids, "churned": _yes(churned), "tenure_months": tenure, **known}
    ).assign(
        # As such files have it: who has not had a bill yet has no total.
        total_charges=np.where(tenure == 0, np.nan, billed),
    )
    table["age"] = np.where(draws.happens(0.04, n), np.nan, table["age"])
    table["app_logins"] = np.where(draws.happens(0.08, n), np.nan, table["app_logins"])
    for name in ("age", "app_logins", "satisfaction", "download_mbps", "handset_age_months", "call_minutes"):
        table[name] = table[name].astype("Int64")
    return table


def _closing_bill(churned: NDArray[np.bool_], draws: Draws) -> NDArray[np.str_]:
    status = _words(draws, churned.size, settled=0.62, refunded=0.17, reminded=0.13, collection=0.08)
    return np.where(churned & draws.happens(0.87, churned.size), status, "")


def _parameters(truth: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    own = truth[truth["customer_id"].isin(test["customer_id"])]
    without, with_ = own["risk_12m"].mean(), own["risk_12m_offer"].mean()
    top = own[own["risk_12m"] >= own["risk_12m"].quantile(0.8)]
    rows = [(name, value, "effect on the log of the hazard") for name, value in EFFECTS.items()]
    rows += [
        ("shape", _SHAPE, "of the Weibull hazard"),
        ("scale", _SCALE, "of the Weibull hazard, months"),
        ("effect", 100 * (with_ - without), "of the offer on leaving in the test, points, expected"),
        ("save_rate", 1 - with_ / without, "share that the offer keeps of those who would leave, expected"),
        (
            "effect_top_fifth",
            100 * (top["risk_12m_offer"].mean() - top["risk_12m"].mean()),
            "among the fifth of the test most at risk, points",
        ),
    ]
    frame = pd.DataFrame(rows, columns=["name", "value", "meaning"])
    return frame.assign(value=frame["value"].round(_DIGITS))
