"""The demo client: is it the one that was fixed, does it obey its laws, and is its truth in it to be found?

Statistical tests run on one fixed client, so each passes or fails for good; four standard errors are allowed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cam.errors import ParamsError
from cam.samples import DEMO_VERSION, DemoClient, sample_path, simulate_demo, write_demo

START, AS_OF = pd.Timestamp("2023-07-01"), pd.Timestamp("2026-06-30")
END = AS_OF + pd.Timedelta(days=1)
N_SIGMA = 4.0
ITEMS = ["item_product", "item_service", "item_delivery", "item_price", "item_app", "item_packaging"]

# Who changes one of these bytes changes everybody's demo client: raise DEMO_VERSION and say so in the changelog.
SHA_256 = {
    "contracts.csv": "e97aa6b5df82764c8de23c2381f953d42c5ab633864d1a8f78cc861dc59e713e",
    "customers.csv": "5201b5253ab266238296d2c9098fa87b85161db5e58d1849b2f2e0f6af3c5db7",
    "leads.csv": "8379d6048ca0c545d1252c93ced8562c52b9589b40792df13504268d00082ce5",
    "responses.csv": "833efd9606a7461354b89a5094a5f612f20393c9d0c529e6e6f1f9b32c544ff2",
    "spend.csv": "3e0be7ce3be043717de96019f255762b61ae5ace14f4bc6ce9dbe487d88e9a90",
    "tickets.csv": "ff45cc28847c83f44d2b123d450aab3348b6f787c4cea1d4e1d5fafa6c5bb3af",
    "transactions.csv": "cebd55486c6442177f17b52462e1524709d7b197d1423e8f5b6ab81cb4e83531",
    "truth/categories.csv": "123dbc19fa42ac5dde01915d5325a9641a6c495b1be3724ee89fe9e96b0fd578",
    "truth/channels.csv": "3a6562aa243d069a2fe568e9f2ba4bb85a24d5f164f5f989da2109992a31a67b",
    "truth/comments.csv": "20b71cd1104fa525f38b137939a0bf9065c03a1dc43bbe8117fe06e15d5126e5",
    "truth/customers.csv": "d583b9bb076474d90809acc28d30cdfee54948dcddf13c8763988c32b9072b6b",
    "truth/drivers.csv": "4be38ae9232a6800d0c6ae61b1360f8041f54517aac95d920bc6272a3a41d8db",
    "truth/parameters.csv": "ee146be1666b8694a70f3b789d69755e63380262f2f292d27412df84e29224aa",
}


@pytest.fixture(scope="session")
def demo() -> DemoClient:
    return simulate_demo()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("samples") / "demo"
    write_demo(place)
    return place


@pytest.fixture(scope="session")
def orders(demo: DemoClient) -> pd.DataFrame:
    table = demo.tables["transactions"]
    return table[table["revenue"] >= 0]


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def fingerprint(client: DemoClient) -> str:
    parts = [frame.to_csv(index=False) for group in (client.tables, client.truth) for frame in group.values()]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


# --- correct: the bytes that were fixed -------------------------------------------------------------------


def test_bytes_are_the_pinned_ones(folder: Path) -> None:
    assert DEMO_VERSION == 1
    assert hashes(folder) == SHA_256


def test_files_are_plain(folder: Path) -> None:
    for path in folder.rglob("*.csv"):
        content = path.read_bytes()
        assert b"\r" not in content
        assert content.endswith(b"\n")
        content.decode("utf-8")


def test_same_seed_same_client_whatever_the_hash_seed() -> None:
    code = (
        "import hashlib; from cam.samples import simulate_demo; c = simulate_demo(n_customers=300, seed=7);"
        "p = [f.to_csv(index=False) for g in (c.tables, c.truth) for f in g.values()];"
        "print(hashlib.sha256(''.join(p).encode()).hexdigest())"
    )
    here = fingerprint(simulate_demo(n_customers=300, seed=7))
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Pacific/Auckland"}
        there = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert there.stdout.strip() == here


def test_another_seed_is_another_client_of_the_same_truth() -> None:
    one, other = simulate_demo(n_customers=300, seed=7), simulate_demo(n_customers=300, seed=8)
    for name, table in one.tables.items():
        assert not table.equals(other.tables[name]), name
    for name in ("parameters", "drivers", "categories"):
        pd.testing.assert_frame_equal(one.truth[name], other.truth[name])
    fixed = ["channel", "media_elasticity", "purchase_multiplier", "dropout_multiplier", "lead_conversion"]
    pd.testing.assert_frame_equal(one.truth["channels"][fixed], other.truth["channels"][fixed])


# --- consistent: laws -------------------------------------------------------------------------------------


def test_files_say_what_the_tables_say(demo: DemoClient, folder: Path) -> None:
    for group, place in ((demo.tables, folder), (demo.truth, folder / "truth")):
        for name, table in group.items():
            read = pd.read_csv(place / f"{name}.csv", keep_default_na=False, na_values=[""])
            assert list(read.columns) == list(table.columns)
            assert len(read) == len(table)
            for column in table.select_dtypes("number"):
                np.testing.assert_allclose(
                    read[column].to_numpy(dtype=float, na_value=np.nan),
                    table[column].to_numpy(dtype=float, na_value=np.nan),
                    rtol=0,
                    atol=1e-9,
                    err_msg=f"{name}.{column}",
                )
            for column in table.select_dtypes("datetime"):
                assert (pd.to_datetime(read[column]).dropna() == table[column].dropna()).all()


def test_sizes(demo: DemoClient, orders: pd.DataFrame) -> None:
    assert len(demo.tables["customers"]) == 20_000
    assert 190_000 <= len(orders) <= 210_000
    for n_customers in (100, 300):
        assert len(simulate_demo(n_customers=n_customers, seed=3).tables["customers"]) == n_customers


def test_keys_are_there_and_join(demo: DemoClient, orders: pd.DataFrame) -> None:
    tables = demo.tables
    ids = tables["customers"]["customer_id"]
    assert ids.is_unique
    assert orders["order_id"].is_unique
    assert tables["tickets"]["ticket_id"].is_unique
    assert tables["leads"]["lead_id"].is_unique
    assert tables["contracts"]["customer_id"].is_unique
    assert not tables["spend"].duplicated(["date", "channel", "cost_type"]).any()
    for name in ("transactions", "responses", "tickets", "contracts"):
        assert tables[name]["customer_id"].notna().all()
        assert tables[name]["customer_id"].isin(ids).all()
    assert set(orders["customer_id"]) == set(ids)
    converted = tables["leads"].dropna(subset="customer_id")
    assert converted["customer_id"].is_unique
    assert converted["customer_id"].isin(ids).all()
    assert (demo.truth["customers"]["customer_id"] == ids).all()
    full = ["transactions", "spend"]
    assert not any(tables[name].isna().any().any() for name in full)


def test_truth_of_comments_joins_one_to_one(demo: DemoClient) -> None:
    key = ["customer_id", "invited_date", "touchpoint"]
    responses = demo.tables["responses"]
    assert not responses.duplicated(key).any()
    commented = responses.dropna(subset="comment")
    assert len(commented.merge(demo.truth["comments"], on=key, validate="1:1")) == len(commented)
    assert len(commented) == len(demo.truth["comments"])


def test_dates_lie_in_the_period_and_after_acquisition(demo: DemoClient) -> None:
    tables = demo.tables
    acquired = tables["customers"].set_index("customer_id")["acquired_date"]
    for name, table in tables.items():
        for column in table.select_dtypes("datetime"):
            days = table[column].dropna()
            assert days.between(START, END, inclusive="left").all(), (name, column)
            if name in ("transactions", "responses", "tickets", "contracts"):
                assert (days.dt.normalize() >= table.loc[days.index, "customer_id"].map(acquired)).all()
    leads = tables["leads"].dropna(subset="customer_id")
    assert (leads["created_date"] <= leads["customer_id"].map(acquired)).all()
    first = tables["transactions"].groupby("customer_id")["order_date"].min().dt.normalize()
    assert (first == acquired.loc[first.index]).all()


def test_events_follow_each_other(demo: DemoClient) -> None:
    tickets, responses = demo.tables["tickets"], demo.tables["responses"]
    assert not (tickets["first_reply"] < tickets["opened"]).any()
    assert not (tickets["closed"] < tickets["first_reply"]).any()
    assert (tickets["closed"].isna() == (tickets["status"] == "open")).all()
    assert not (responses["response_date"] < responses["invited_date"]).any()
    contracts = demo.tables["contracts"]
    assert not (contracts["end_date"] <= contracts["start_date"]).any()
    # Nobody orders or complains after leaving; a refund may come later.
    gone = demo.truth["customers"].set_index("customer_id")["dropout_date"].fillna(END)
    orders = demo.tables["transactions"].query("revenue >= 0")
    assert (orders["order_date"].dt.normalize() <= orders["customer_id"].map(gone)).all()
    assert (tickets["opened"].dt.normalize() <= tickets["customer_id"].map(gone)).all()


def test_tables_are_sorted(demo: DemoClient) -> None:
    keys = {
        "transactions": ["order_date", "order_id"],
        "customers": ["customer_id"],
        "spend": ["date", "channel", "cost_type"],
        "leads": ["created_date", "lead_id"],
        "responses": ["invited_date", "touchpoint", "customer_id"],
        "tickets": ["opened", "ticket_id"],
        "contracts": ["customer_id"],
    }
    for name, key in keys.items():
        in_order = demo.tables[name].sort_values(key, kind="stable", ignore_index=True)
        pd.testing.assert_frame_equal(in_order, demo.tables[name])


def test_refunds_take_back_at_most_their_order(demo: DemoClient, orders: pd.DataFrame) -> None:
    table = demo.tables["transactions"]
    refunds = table[table["revenue"] < 0]
    linked = refunds.merge(orders, on="order_id", suffixes=("", "_order"))
    assert linked["order_id"].is_unique
    assert (linked["revenue"] + linked["revenue_order"] >= 0).all()
    assert (linked["quantity"] < 0).all()
    assert (linked["customer_id"] == linked["customer_id_order"]).all()
    assert (linked["order_date"] >= linked["order_date_order"] + pd.Timedelta(hours=1)).all()
    assert 0.025 < len(linked) / len(orders) < 0.035
    unlinked = refunds[~refunds["order_id"].isin(orders["order_id"])]
    assert 0.0005 < len(unlinked) / len(orders) < 0.0015
    assert 30 <= (table["revenue"] == 0).sum() <= 90
    assert (orders["cost"] > 0).all()


def test_answers_are_on_their_scales(demo: DemoClient) -> None:
    responses, customers = demo.tables["responses"], demo.tables["customers"]
    scales = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)} | dict.fromkeys(ITEMS, (1, 5))
    for column, (low, high) in scales.items():
        values = responses[column].dropna()
        assert (values.min(), values.max()) == (low, high)
        assert responses.loc[responses["response_date"].isna(), column].isna().all()
    attitudes = customers.filter(like="attitude_")
    assert attitudes.shape[1] == 9
    assert attitudes.min().min() == 1
    assert attitudes.max().max() == 7
    assert customers[["age", "gender", "income", "region"]].isna().mean().between(0.04, 0.06).all()


def test_truth_adds_up(demo: DemoClient, orders: pd.DataFrame) -> None:
    customers, channels = demo.truth["customers"], demo.truth["channels"]
    counted = orders.groupby("customer_id").size()
    assert (counted.to_numpy() == customers["n_repeat_orders"] + 1).all()
    np.testing.assert_allclose(
        orders.groupby("customer_id")["revenue"].sum(), customers["revenue"], atol=0.005
    )
    acquired = demo.tables["customers"].groupby("acquisition_channel").size()
    assert (channels.set_index("channel")["n_acquired"] == acquired).all()
    spend = demo.tables["spend"].groupby("channel")["cost"].sum()
    np.testing.assert_allclose(channels.set_index("channel")["cac"], spend / acquired, atol=0.006)
    assert (customers["is_alive"] == customers["dropout_date"].isna()).all()
    assert (
        (customers.loc[~customers["is_alive"], ["expected_purchases_52w", "purchases_52w"]] == 0).all().all()
    )


def test_it_looks_like_a_retailer(demo: DemoClient, orders: pd.DataFrame) -> None:
    """Bands for what a reader would find odd, from the issue; not estimates."""
    assert 0.25 < (demo.truth["customers"]["n_repeat_orders"] == 0).mean() < 0.40
    survey = demo.tables["responses"].query("touchpoint == 'relationship'")
    assert 0.20 < survey["response_date"].notna().mean() < 0.35
    answers = survey["nps"].dropna()
    assert 20 < 100 * ((answers >= 9).mean() - (answers <= 6).mean()) < 40
    assert demo.truth["channels"]["cac"].max() > 3 * demo.truth["channels"]["cac"].min()
    yearly = orders.groupby((orders["order_date"] - START).dt.days // 366)["revenue"].sum()
    assert yearly.is_monotonic_increasing
    assert 0.25 < len(demo.tables["contracts"]) / 20_000 < 0.35
    hours = orders["order_date"].dt.hour.value_counts(normalize=True)
    assert hours[3] < 0.02 < hours[12]
    chinese = demo.tables["responses"]["comment"].dropna().str.contains("[\u4e00-\u9fff]")
    assert 0.5 < chinese.mean() < 0.8


# --- refuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reference", ["sample:demo/orders.csv", "sample:other/x.csv", "demo/spend.csv", "sample:demo/../x"]
)
def test_unknown_sample_lists_what_there_is(reference: str, tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as caught:
        sample_path(reference, cache=tmp_path)
    assert str(caught.value).startswith(
        f"{reference}: no such sample. There are:\n    sample:demo/transactions.csv\n"
    )
    assert str(caught.value).endswith("sample:telecom/truth/parameters.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n_customers", [-1, 0, 99, 1_000_000])
def test_refuses_a_size_it_cannot_draw(n_customers: int) -> None:
    with pytest.raises(ParamsError, match=f"n_customers={n_customers}  must be from 100 to 999,999"):
        simulate_demo(n_customers=n_customers)


# --- files ------------------------------------------------------------------------------------------------


def test_first_use_makes_the_client_and_the_second_does_not(tmp_path: Path) -> None:
    cache = tmp_path / "not" / "there"
    path = sample_path("sample:demo/spend.csv", cache=cache)
    assert path == cache / f"demo-v{DEMO_VERSION}" / "spend.csv"
    made = path.stat().st_mtime_ns
    truth = sample_path("sample:demo/truth/channels.csv", cache=cache)
    assert truth.is_file()
    assert path.stat().st_mtime_ns == made
    assert [each.name for each in cache.iterdir()] == [f"demo-v{DEMO_VERSION}"]  # nothing left lying about


def test_a_damaged_folder_heals_and_strangers_stay(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "spend.csv").write_text("half a fi")
    (tmp_path / "demo" / "notes.txt").write_text("mine")
    write_demo(tmp_path / "demo")
    found = hashes(tmp_path / "demo")
    assert found.pop("notes.txt")
    assert found == hashes(folder)
    assert [each.name for each in tmp_path.iterdir()] == ["demo"]


def test_two_processes_at_once(tmp_path: Path, folder: Path) -> None:
    code = f"from pathlib import Path; from cam.samples import write_demo; write_demo(Path({str(tmp_path / 'demo')!r}))"
    both = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error.decode()
    assert hashes(tmp_path / "demo") == hashes(folder)
    assert [each.name for each in tmp_path.iterdir()] == ["demo"]


# --- honest: what went in can be found --------------------------------------------------------------------


def exposure(demo: DemoClient) -> pd.DataFrame:
    """Weeks at risk up to as_of, before and after the first complaint handled badly, as the tables show it."""
    truth = demo.truth["customers"].set_index("customer_id")
    tickets = demo.tables["tickets"]
    is_bad = ~(tickets["closed"] <= tickets["opened"] + pd.Timedelta(days=7))
    is_bad &= tickets["opened"] + pd.Timedelta(days=7) < END  # not known yet whether it will be
    soured = tickets[is_bad].groupby("customer_id")["opened"].min() + pd.Timedelta(days=7)
    start = demo.tables["transactions"].groupby("customer_id")["order_date"].min()
    end = (start + pd.to_timedelta(truth["lifetime_weeks"].clip(upper=520) * 7, unit="D")).clip(upper=END)
    turn = soured.reindex(truth.index).fillna(END).clip(upper=end)
    week = pd.Timedelta(weeks=1)
    return truth.assign(before=(turn - start) / week, after=(end - turn) / week, soured=turn < end)


def test_people_leave_at_their_true_hazards(demo: DemoClient) -> None:
    """Events minus cumulated hazard is a martingale of variance equal to the hazard."""
    table = exposure(demo)
    ratio = demo.truth["parameters"].set_index("name").loc["dropout_hazard_ratio_bad_complaint", "value"]
    assert (table["soured"] == table["had_bad_complaint"]).mean() > 0.9999  # a minute's rounding apart
    cumulated = table["dropout_rate"] * (table["before"] + ratio * table["after"])
    channel = demo.tables["customers"]["acquisition_channel"].to_numpy()
    groups = [np.zeros(len(table)), pd.qcut(table["satisfaction"], 5).cat.codes, channel]
    for group in groups:
        events, hazard = (~table["is_alive"]).groupby(group).sum(), cumulated.groupby(group).sum()
        assert (np.abs(events - hazard) < N_SIGMA * np.sqrt(hazard)).all()
    late = table[table["soured"]]
    due = (late["dropout_rate"] * late["after"]).sum()
    assert abs((~late["is_alive"]).sum() / due - ratio) < N_SIGMA * np.sqrt(ratio / due)


def test_satisfaction_lowers_dropout_and_complaints(demo: DemoClient) -> None:
    table = exposure(demo)
    fifth = pd.qcut(table["satisfaction"], 5).cat.codes
    weeks = (table["before"] + table["after"]).groupby(fifth).sum()
    dropout = (~table["is_alive"]).groupby(fifth).sum() / weeks
    complaints = demo.tables["tickets"].groupby("customer_id").size().reindex(table.index).fillna(0)
    assert dropout.is_monotonic_decreasing
    assert dropout[0] > 2 * dropout[4]
    assert (complaints.groupby(fifth).sum() / weeks).is_monotonic_decreasing


def test_orders_come_at_their_true_rates(demo: DemoClient) -> None:
    customers = demo.truth["customers"]
    for expected, realised in (
        ("expected_repeat_orders", "n_repeat_orders"),
        ("expected_purchases_52w", "purchases_52w"),
    ):
        alive = customers[customers[expected] > 0]
        tenth = pd.qcut(alive[expected], 10).cat.codes
        for group in (np.zeros(len(alive)), tenth):
            sums = alive.groupby(group)[[expected, realised]].sum()
            # Given the rates, next year's count varies by the lifetime too, so its variance is not its mean:
            # the realised squared deviations stand for it.
            squares = ((alive[realised] - alive[expected]) ** 2).groupby(group).sum()
            assert (np.abs(sums[realised] - sums[expected]) < N_SIGMA * np.sqrt(squares)).all()


def test_margin_is_what_was_expected(demo: DemoClient, orders: pd.DataFrame) -> None:
    """Per order: revenue less cost, its linked refund counted, against the customer's expectation."""
    table = demo.tables["transactions"]
    known = table[table["order_id"].isin(orders["order_id"])]
    early = orders.loc[
        orders["order_date"] < AS_OF - pd.Timedelta(days=21), "order_id"
    ]  # refunded by now, if ever
    known = known[known["order_id"].isin(early)]
    margin = (known["revenue"] - known["cost"]).groupby(known["customer_id"]).sum()
    truth = demo.truth["customers"].set_index("customer_id").loc[margin.index]
    n_orders = orders[orders["order_id"].isin(early)].groupby("customer_id").size()
    gap = margin - n_orders * truth["expected_order_value"] * truth["expected_margin_rate"]
    assert abs(gap.sum()) < N_SIGMA * np.sqrt((gap**2).sum())


def test_elasticities_can_be_recovered(demo: DemoClient) -> None:
    media = (
        demo.tables["spend"]
        .query("cost_type == 'media'")
        .pivot(index="date", columns="channel", values="cost")
    )
    customers = demo.tables["customers"]
    month = customers["acquired_date"].dt.to_period("M").dt.to_timestamp()
    acquired = pd.crosstab(month, customers["acquisition_channel"])
    truth = demo.truth["channels"].set_index("channel")["media_elasticity"].dropna()
    assert set(truth.index) == set(media.columns)
    for channel, elasticity in truth.items():
        fit = sm.GLM(
            acquired[channel].to_numpy(),
            sm.add_constant(np.log(media[channel].to_numpy())),
            family=sm.families.Poisson(),
        ).fit()
        assert abs(fit.params[1] - elasticity) < N_SIGMA * fit.bse[1]
        assert fit.bse[1] < 0.1  # tight enough to be worth looking for


def test_leads_convert_at_their_true_rates(demo: DemoClient) -> None:
    old = demo.tables["leads"].query("created_date < '2026-05-01'")  # the rest may still convert
    found = old.groupby("channel")["customer_id"].agg(["count", "size"])
    truth = demo.truth["channels"].set_index("channel")["lead_conversion"].dropna()
    assert set(found.index) == set(truth.index)
    share = found["count"] / found["size"]
    assert (np.abs(share - truth) < N_SIGMA * np.sqrt(truth * (1 - truth) / found["size"])).all()


def test_drivers_can_be_recovered_by_least_squares(demo: DemoClient) -> None:
    answers = demo.tables["responses"].dropna(subset=["nps", *ITEMS])
    fit = sm.OLS(answers["nps"].astype(float), sm.add_constant(answers[ITEMS].astype(float))).fit()
    truth = demo.truth["drivers"].set_index("item")["weight"]
    assert (
        fit.params[ITEMS].sort_values(ascending=False).index.tolist()
        == truth.sort_values(ascending=False).index.tolist()
    )
    assert abs(fit.tvalues["item_packaging"]) < 3
    # By itself it seems to matter: the halo.
    assert answers["item_packaging"].astype(float).corr(answers["nps"].astype(float)) > 0.1


def test_the_dissatisfied_answer_less_and_the_measured_nps_is_too_high(demo: DemoClient) -> None:
    survey = demo.tables["responses"].query("wave == '2026H1'")
    truth = demo.truth["customers"].set_index("customer_id").loc[survey["customer_id"]]
    answered = survey["response_date"].notna().to_numpy()
    half = truth["satisfaction"].to_numpy() > 0
    assert answered[half].mean() > answered[~half].mean() + 0.05
    nps = survey["nps"].dropna()
    measured = 100 * ((nps >= 9).mean() - (nps <= 6).mean())
    assert measured > truth["expected_nps"].mean() + 5


def test_expected_nps_is_that_of_those_who_answer(demo: DemoClient) -> None:
    """Taken over the answers' own customers the bias is nearly gone: only the moment's perception is left of it."""
    answers = demo.tables["responses"].query("wave == '2026H1'").dropna(subset="nps")
    points = 100.0 * ((answers["nps"] >= 9).astype(int) - (answers["nps"] <= 6).astype(int))
    expected = demo.truth["customers"].set_index("customer_id").loc[answers["customer_id"], "expected_nps"]
    assert -N_SIGMA < (points.mean() - expected.mean()) / (points.std() / np.sqrt(len(points))) < N_SIGMA + 4


def test_small_cities_perceive_delivery_as_worse(demo: DemoClient) -> None:
    tier = demo.tables["responses"]["customer_id"].map(
        demo.tables["customers"].set_index("customer_id")["city_tier"]
    )
    means = demo.tables["responses"].assign(tier=tier.to_numpy()).groupby("tier")[ITEMS].mean()
    assert means["item_delivery"].is_monotonic_decreasing
    assert (means.loc[1] - means.loc[4]).astype(float).idxmax() == "item_delivery"


def test_membership_renews_as_a_shifted_beta_geometric(demo: DemoClient) -> None:
    contracts = demo.tables["contracts"]
    parameters = demo.truth["parameters"].set_index("name")["value"]
    a, b = parameters["membership_churn_a"], parameters["membership_churn_b"]
    alive = 1.0
    for age in range(1, 13):
        # Fader and Hardie (2007), eq. 6: the share that leaves at the end of month t is P(T = t).
        leaving = alive * a / (a + b + age - 1)
        settled = contracts["start_date"] <= AS_OF - pd.DateOffset(months=age)
        seen = contracts[settled]
        months = (seen["end_date"] - seen["start_date"]).dt.days / 30.4375
        share = months.round().eq(age).mean()
        assert abs(share - leaving) < N_SIGMA * np.sqrt(leaving * (1 - leaving) / len(seen))
        alive -= leaving
    churn = demo.truth["customers"][["membership_churn_probability", "satisfaction"]].dropna()
    assert churn.corr(method="spearman").iloc[0, 1] < -0.25


def test_attitudes_shift_discounts_and_categories(demo: DemoClient, orders: pd.DataFrame) -> None:
    segment = orders["customer_id"].map(demo.truth["customers"].set_index("customer_id")["attitude_segment"])
    discounted = (orders["discount"] > 0).groupby(segment).mean()
    assert discounted.idxmax() == "bargain_hunter"
    assert discounted.max() > 1.5 * discounted.min()
    share = pd.crosstab(segment, orders["category"], normalize="index")
    assert share["snacks"].idxmax() == "bargain_hunter"
    assert share["beauty"].idxmax() == "quality_seeker"


def test_comments_speak_of_what_was_rated(demo: DemoClient) -> None:
    key = ["customer_id", "invited_date", "touchpoint"]
    said = (
        demo.truth["comments"].merge(demo.tables["responses"], on=key).query("touchpoint == 'relationship'")
    )
    for theme, rows in said.groupby("theme"):
        means = rows.groupby("tone")[theme].mean()
        assert means["praise"] > means["complaint"] + 1
    assert said["comment"].nunique() > 0.7 * len(said)


def test_contacts_are_made_up(demo: DemoClient) -> None:
    key = ["customer_id", "invited_date", "touchpoint"]
    said = demo.truth["comments"].merge(demo.tables["responses"], on=key)
    pattern = r"customer\d{3}@example\.com|\+1 202-555-01\d{2}|1300000\d{4}"
    texts = pd.concat([said["comment"], demo.tables["tickets"]["comment"]])
    assert (said["comment"].str.contains(pattern) == said["has_contact"]).all()
    assert said["has_contact"].sum() >= 10
    assert not texts.str.replace(pattern, "", regex=True).str.contains(r"@|\d{4}").any()
