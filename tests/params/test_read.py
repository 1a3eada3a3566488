"""Parameter files: what is read, and what every mistake is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cam.errors import ParamsError
from cam.params import params_from_sections, read_params
from cam.project import project_root

ORDERS = "data: {transactions: {path: orders.csv}}\n"
KNOWN = "customer_id, order_date, revenue, order_id, cost, discount, channel, product, category, quantity, currency"
PASSWORD = "data.engine  must not hold a password; write ${NAME} in its place and set NAME in the environment"


@pytest.fixture
def read(tmp_path):
    def read(text: str | bytes, name: str = "acme.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_params(path)

    return read


def told(read, text: str | bytes, name: str = "acme.yaml") -> str:
    with pytest.raises(ParamsError) as caught:
        read(text, name)
    assert caught.value.exit_code == 2
    words = str(caught.value)
    return words[words.index(name) :]


# --- correct -------------------------------------------------------------------------------------


def test_defaults_and_the_files_stem(read):
    params = read(ORDERS)
    assert params.client.id == "acme"
    assert params.client.title == "acme"
    assert params.client.currency == "USD"
    assert params.churn.horizon_days == 90
    assert params.data.transactions.paths == ["orders.csv"]


@pytest.mark.parametrize("written", ["2024-02-29", '"2024-02-29"', "'2024-02-29'"])
def test_dates_may_be_quoted_or_not(read, written):
    assert read(ORDERS + f"client: {{as_of: {written}}}\n").client.as_of == date(2024, 2, 29)


def test_a_byte_order_mark_windows_line_ends_and_comments_are_read(read):
    text = "# ours\r\n" + ORDERS.replace("\n", "\r\n") + "client: {name: 甲公司}\r\n"
    assert read(b"\xef\xbb\xbf" + text.encode()).client.name == "甲公司"


@pytest.mark.parametrize("brand", ["", "client: {brand: {color: '#1F6F8B'}}\n"])
def test_sections_as_they_are_told_are_read_again(read, brand):
    params = read(ORDERS + brand)
    assert params_from_sections({name: params.section(name) for name in ("client", "data")}) == params


@pytest.mark.parametrize("name", ["cdnow", "demo", "grocery", "telecom"])
def test_the_clients_that_are_shipped_can_be_read(name):
    assert read_params(project_root() / f"params/{name}.yaml").client.id == name


@pytest.mark.parametrize(
    "engine",
    [
        "duckdb",
        "sqlite://shop.db",
        "postgres://reader@db/shop",
        "postgresql://reader@db/shop",
        "trino://reader@db/shop",
        "elsewhere://db/shop",
        "postgres://reader:${SHOP_PASSWORD}@db/shop",
        "postgres://db/shop?password=${SHOP_PASSWORD}",
        "${SHOP_URL}",
    ],
)
def test_engines_without_a_secret(read, engine):
    assert read(f'data: {{engine: "{engine}", contracts: {{path: a.csv}}}}').data.engine == engine


# --- consistent ----------------------------------------------------------------------------------


def test_a_notebooks_sections_and_the_file_give_the_same_params(read):
    from_file = read(ORDERS + "churn: {horizon_days: 30}\nclient: {as_of: 2024-06-30}\n")
    sections = {
        "client": {"id": "acme", "as_of": "2024-06-30"},
        "data": {"transactions": {"path": "orders.csv"}},
        "churn": {"horizon_days": 30},
        "value": {},
    }
    assert params_from_sections(sections) == from_file


def test_aliases_are_read_once_and_grow_nothing(read):
    base = "data:\n  transactions: &orders {path: a.csv}\n  responses: *orders\n"
    assert read(base).data.responses.path == "a.csv"


# --- refuses -------------------------------------------------------------------------------------

ONE = [
    ("client: {name: A}\n", "data  missing: say where the tables are, at least data.transactions or data.contracts "
     "or data.snapshot or data.responses; params/template.yaml shows how"),
    (ORDERS + "segmentation: {n_bin: 5}\n", "line 2: segmentation.n_bin  unknown key; did you mean n_bins?"),
    (ORDERS + "segmentatoin: {n_bins: 5}\n", "line 2: segmentatoin  unknown key; did you mean segmentation?"),
    (ORDERS + "segmentation: {n_bins: five}\n", "line 2: segmentation.n_bins  must be a whole number, not 'five'"),
    (ORDERS + "segmentation: {n_bins: 5.5}\n", "line 2: segmentation.n_bins  must be a whole number, not 5.5"),
    (ORDERS + "segmentation: {n_bins: 1}\n", "line 2: segmentation.n_bins=1  must be at least 2"),
    (ORDERS + "segmentation: {n_bins: 11}\n", "line 2: segmentation.n_bins=11  must be at most 10"),
    (ORDERS + "client: {language: no}\n",
     'line 2: client.language  YAML reads no as false, not as text; write "no" in quotes'),
    (ORDERS + "client: {name: on}\n", 'line 2: client.name  YAML reads on as true, not as text; write "on" in quotes'),
    (ORDERS + "client: {language: fr}\n", "line 2: client.language  must be 'en' or 'zh', not 'fr'"),
    (ORDERS + "client: {name: 12:30}\n", "line 2: client.name  must be text, not 750; put it in quotes"),
    (ORDERS + "value: {margin_rate: 1e-3}\n",
     "line 2: value.margin_rate  must be a number; YAML reads 1e-3 as text, write 0.001 or 1.0e-03"),
    (ORDERS + "value: {margin_rate: 40}\n", "line 2: value.margin_rate=40  must be in [0, 1): a rate, not per cent"),
    (ORDERS + "value: {margin_rate: .nan}\n", "line 2: value.margin_rate=nan  must be in [0, 1): a rate, not per cent"),
    (ORDERS + "client: {as_of: 2024-02-30}\n", "line 2: client.as_of  must be a date of the calendar, as YYYY-MM-DD"),
    (ORDERS + 'client: {as_of: "30.6.2024"}\n', "line 2: client.as_of  must be a date of the calendar, as YYYY-MM-DD"),
    (ORDERS + "client: {as_of: 20240630}\n", "line 2: client.as_of  must be a date as YYYY-MM-DD"),
    (ORDERS + "client: {currency: yuan}\n",
     "line 2: client.currency  must be an ISO code of three capitals, such as CNY"),
    (ORDERS + "client: {id: other}\n", "line 2: client.id  must be the file's stem, acme"),
    (ORDERS + "client:\n  brand: {color: red}\n",
     'line 3: client.brand.color  must be a colour as "#1F6F8B", in quotes'),
    (ORDERS + f"client:\n  brand: {{footer: {'x' * 161}}}\n",
     "line 3: client.brand.footer  must be at most 160 characters long"),
    (ORDERS + "client:\n  brand:\n    name: A\n    color: #1F6F8B\n", "line 5: client.brand.color  "
     'has nothing in it, for # begins a comment; put it in quotes: "#1F6F8B"'),
    (ORDERS + "client: {brand: {accent: null}}\n", "line 2: client.brand.accent  "
     'has nothing in it, for # begins a comment; put it in quotes: "#1F6F8B"'),
    (ORDERS + 'client: {brand: {footer: "a\\nb"}}\n',
     "line 2: client.brand.footer  must be one line of plain text; take out the line break"),
    (ORDERS + 'client: {brand: {name: "a\\tb"}}\n',
     "line 2: client.brand.name  must be one line of plain text; take out the tab"),
    (ORDERS + 'client: {brand: {name: "a\\u202Eb"}}\n',
     "line 2: client.brand.name  must be one line of plain text; take out the sign U+202E, which is not seen"),
    (ORDERS + 'client: {name: "a\\nb"}\n',
     "line 2: client.name  must be one line of plain text; take out the line break"),
    (ORDERS + 'client: {name: "a\\u202Eb"}\n',
     "line 2: client.name  must be one line of plain text; take out the sign U+202E, which is not seen"),
    (ORDERS + 'client: {brand: {footer: "a\\u2069"}}\n',
     "line 2: client.brand.footer  must be one line of plain text; take out the sign U+2069, which is not seen"),
    (ORDERS + 'client: {brand: {footer: " \\u3000\\u200b"}}\n',
     "line 2: client.brand.footer  holds only blanks; write something, or remove the key"),
    (ORDERS + 'client:\n  brand: {name: ""}\n', "line 3: client.brand.name  must not be empty"),
    (ORDERS + ORDERS, "line 2: data  stands twice; the first is in line 1"),
    (ORDERS + "churn:\n  horizon_days: 1\n  horizon_days: 2\n",
     "line 4: churn.horizon_days  stands twice; the first is in line 3"),
    (ORDERS + "churn:\n", "line 2: churn  has nothing in it; remove it, or give it a key"),
    (ORDERS + "churn: {}\n", "line 2: churn  has nothing in it; remove it, or give it a key"),
    (ORDERS + "churn: {yes: 1}\n", "line 2: churn  holds 'yes' as a key; a key is text, in quotes if need be"),
    (ORDERS + "1: {a: 1}\n", "line 2: the file  holds '1' as a key; a key is text, in quotes if need be"),
    (ORDERS + "churn: &a\n  horizon_days: *a\n", "line 3: churn.horizon_days  must be a whole number, not keys"),
    ("data: [a]\n", "line 1: data  must hold keys, not a list"),
    ("data: {transactions: {path: a, options: }}\n", "line 1: data.transactions.options  must hold keys, not nothing"),
    ("data: {transactions: {path: 5}}\n", "line 1: data.transactions.path  must be text, not 5; put it in quotes"),
    ("data: {transactions: {path: []}}\n", "line 1: data.transactions.path  must not be empty"),
    ("data: {transactions: {path: [1]}}\n", "line 1: data.transactions.path.0  must be text, not 1; put it in quotes"),
    (
        "data: {transactions: {columns: {revenue: x}}}\n",
        "line 1: data.transactions  needs one of path, table and query",
    ),
    ("data: {transactions: {path: a, table: b}}\n", "line 1: data.transactions  needs one of path, table and query"),
    ("data: {transactions: {table: b}}\n",
     "line 1: data  transactions: a table or query needs the URL of a database in data.engine"),
    ("data: {customers: {path: a}}\n",
     "line 1: data  needs at least one of transactions, contracts, snapshot, responses"),
    ("data: {transactions: {path: a, columns: {revenu: x}}}\n",
     f"line 1: data  transactions.columns.revenu: unknown column; did you mean revenue?; the table has {KNOWN}"),
    ("data: {transactions: {path: a, options: {delimiter: ab}}}\n", "line 1: data.transactions.options.delimiter  "
     'must be one character, such as ";", or the word whitespace'),
    ("data: {transactions: {path: a, options: {drop_duplicates: 1}}}\n",
     "line 1: data.transactions.options.drop_duplicates  must be true or false, not 1"),
    (ORDERS + "segmentation: {thresholds: {recency: [2, 1], frequency: [1, 2], monetary: [1, 2]}}\n",
     "line 2: segmentation.thresholds.recency  must rise strictly, each limit above the one before"),
    (ORDERS + "segmentation: {thresholds: {recency: [1, .inf], frequency: [1, 2], monetary: [1, 2]}}\n",
     "line 2: segmentation.thresholds.recency.1  must be a finite number"),
    (ORDERS + "segmentation: {thresholds: {recency: [1], frequency: [1, 2], monetary: []}}\n",
     "line 2: segmentation.thresholds.monetary  must not be empty"),
    (ORDERS + "segmentation: {features: [age, region, age]}\n",
     "line 2: segmentation.features  names a column twice: age"),
    (ORDERS + "segmentation: {treatments: {champion: x}}\n",
     "line 2: segmentation.treatments.champion  unknown key; did you mean champions?"),
    (ORDERS + "lifecycle: {at_risk_months: 6, lost_months: 3}\n", "line 2: lifecycle  "
     "at_risk_months, dormant_months and lost_months must rise, each above the one before"),
    (ORDERS + "segmentation: {potential: wallet}\n",
     "line 2: segmentation.potential  must be 'wallet_gap' or 'residual_clv', not 'wallet'"),
    ('data: {engine: "spark://host:7077", contracts: {path: b}}\n', "line 1: data.engine  must be spark alone: where "
     "Spark runs, its own configuration says (SPARK_CONF_DIR, spark.master)"),
    *((f'data: {{engine: "{scheme}://me@host/shop", contracts: {{path: b}}}}\n', f"line 1: data.engine  begins with "
     f"{scheme}://, which is no engine; did you mean {meant}://?") for scheme, meant in (
        ("postgre", "postgresql"), ("postgress", "postgresql"), ("pg", "postgresql"), ("pgsql", "postgresql"),
        ("postgresql+psycopg", "postgresql"), ("duckbd", "duckdb"), ("snowflak", "snowflake"))),
    ("data: {engine: nonsense, transactions: {table: b}}\n", "line 1: data.engine  must be duckdb, spark, or the URL "
     "of a database such as postgres://user:${NAME}@host/shop"),
]  # fmt: skip
ONE += [
    (f'data: {{engine: "{engine}", transactions: {{table: b}}}}\n', f"line 1: {PASSWORD}")
    for engine in (
        "postgres://u:secret@h/d",
        "postgres://u:pa/ss@h/d",
        "postgres://u:p@ss@h/d",
        "postgres://u:pa$$@h/d",
        "postgres://u:a${NAME}@h/d",
        "postgres://h/d?password=secret",
        "postgres://h/d?sslmode=require&Password=secret",
    )
]


@pytest.mark.parametrize(("text", "words"), ONE)
def test_one_problem_with_its_line_and_cure(read, text, words):
    assert told(read, text) == f"acme.yaml: 1 problem\n    {words}"


def test_all_problems_at_once_in_the_order_of_their_lines(read):
    text = ORDERS + "value: {margin_rate: 40}\nchurn: {horizon: 30, observation_days: soon}\n"
    assert told(read, text) == (
        "acme.yaml: 3 problems\n"
        "    line 2: value.margin_rate=40    must be in [0, 1): a rate, not per cent\n"
        "    line 3: churn.horizon           unknown key; did you mean horizon_days?\n"
        "    line 3: churn.observation_days  must be a whole number, not 'soon'"
    )


BROKEN = [
    ("", "is empty. params/template.yaml shows what it may hold."),
    ("# only a comment\n", "is empty. params/template.yaml shows what it may hold."),
    ("hello", "must hold sections such as client: and data:."),
    ("- a\n", "must hold sections such as client: and data:."),
    ("data:\n\tx: 1\n", "line 2: is not YAML: found character '\\t' that cannot start any token."),
    ("data: {transactions: {path: a\n", "line 2: is not YAML: expected ',' or '}', but got '<stream end>'."),
    (ORDERS + "---\n" + ORDERS, "line 2: is not YAML: but found another document."),
    (ORDERS + "client: {name: *x}\n", "line 2: is not YAML: found undefined alias 'x'."),
    (ORDERS + "churn: !!python/object:os.system {a: 1}\n", "line 2: is not YAML: could not determine a constructor for "
     "the tag 'tag:yaml.org,2002:python/object:os.system'."),
    (ORDERS + "client: {as_of: !!timestamp 2024-02-30}\n", "is not YAML: day is out of range for month."),
    (ORDERS + "churn: {horizon_days: !!int abc}\n",
     "is not YAML: invalid literal for int() with base 10: 'abc'."),
    ("[" * 3000, "is nested too deeply."),
    (b"data: \xff\xfe\n", "is not UTF-8 text. Save it as UTF-8."),
    ((ORDERS + 'client: {name: "a\x01"}\n').encode(), "is not YAML: unacceptable character #x0001: special characters "
     'are not allowed in "<unicode string>", position 58.'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), BROKEN)
def test_what_is_no_parameter_file(read, text, words):
    assert told(read, text) == f"acme.yaml: {words}"


def test_a_number_of_five_thousand_digits_is_no_traceback(read):
    assert "is not YAML" in told(read, ORDERS + "churn: {horizon_days: " + "9" * 5000 + "}\n")


@pytest.mark.parametrize("name", ["Acme Corp.yaml", "-a.yaml", "a--b.yaml", "客户.yaml"])
def test_the_files_name_must_be_an_id(read, name):
    assert told(read, ORDERS, name) == (
        f"{name}: the file's name is the client's id: lower-case letters, digits and single hyphens, at most 64. "
        "Rename it, such as acme-2.yaml."
    )


def test_a_file_that_is_not_there(read, tmp_path):
    read(ORDERS)
    with pytest.raises(ParamsError) as caught:
        read_params(tmp_path / "acm.yaml")
    assert str(caught.value) == f"{tmp_path}/acm.yaml: no such file; did you mean acme.yaml?"
    with pytest.raises(ParamsError) as caught:
        read_params(Path("/nowhere/at/all.yaml"))
    assert str(caught.value) == "/nowhere/at/all.yaml: no such file."
    with pytest.raises(ParamsError) as caught:
        read_params(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory."


SECTIONS = [
    ({"segmentatoin": {}}, "parameters: segmentatoin: no such section; did you mean segmentation?"),
    ({"client": {"name": "A"}},
     "parameters: data is missing: say where the client's tables are (params/template.yaml)."),
    ({"data": {"transactions": {"path": "a"}}, "churn": None},
     "parameters: 1 problem\n    churn  must hold keys, not nothing"),
    ({"data": {"transactions": {"path": "a"}}, "client": {"language": False}},
     'parameters: 1 problem\n    client.language  YAML reads false as false, not as text; write "false" in quotes'),
    ({"data": {"transactions": {"path": "a"}}, "client": {"id": "../up"}},
     "parameters: 1 problem\n    client.id  must be lower-case letters, digits and single hyphens, at most 64"),
]  # fmt: skip


@pytest.mark.parametrize(("sections", "words"), SECTIONS)
def test_sections_of_a_notebook(sections, words):
    with pytest.raises(ParamsError) as caught:
        params_from_sections(sections)
    assert str(caught.value) == words
