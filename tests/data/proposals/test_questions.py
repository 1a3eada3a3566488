"""Which columns ask for a score: words and answers together, each doubt as a question, nothing by its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cam.data.engine import workspace
from cam.data.files.paths import find_files
from cam.data.files.sources import read_source
from cam.data.proposals.questions import score_columns
from cam.data.types.likert import plain
from cam.params import Source
from cam.schema import TABLES

TEN = ["0", "7", "10", "9", "3"]
FIVE = ["1", "5", "4", "3"]
SEVEN = ["1", "7", "6"]


def one(name: str, values: list[str]):
    """What is proposed for one column: (canonical, scale, must ask), or None."""
    found = score_columns([name], {name: values})
    assert len(found) <= 1
    return (found[0].canonical, found[0].scale, found[0].must_ask) if found else None


@pytest.mark.parametrize(
    ("name", "values", "canonical"),
    [
        ("2、您有多大可能推荐我们？", TEN, "nps"),
        ("您愿意把我们介绍给朋友吗（0-10分）", ["3", "4"], "nps"),  # the question states the range
        ("How likely are you to recommend us to a friend or colleague?", TEN, "nps"),
        ("Q12_NPS", TEN, "nps"),
        ("净推荐值", TEN, "nps"),
        ("NPS", ["10 - Extremely likely", "0 = Not at all likely", "9分"], "nps"),
        ("Recommend", [*TEN, "(跳过)", "N/A", "-3", ""], "nps"),
        ("3、您对我们满意吗？", FIVE, "csat"),
        ("3、您对我们满意吗？", ["非常满意", "一般", "不满意"], "csat"),
        ("How satisfied are you?", ["Very satisfied", "Neutral"], "csat"),
        ("Satisfaction (1-5)", ["2", "2"], "csat"),
        ("It was easy to get help", SEVEN, "ces"),
        ("It was easy to get help", ["Strongly agree", "Agree", "Somewhat agree", "Neutral"], "ces"),
        ("办理是否轻松？1到7分", ["4", "5"], "ces"),
        ("Weiterempfehlung (0-10)", TEN, "nps"),
        ("Wie wahrscheinlich ist es, dass Sie uns weiterempfehlen?", TEN, "nps"),
        ("Würden Sie uns empfehlen? Von 0 bis 10", ["3", "4"], "nps"),
        ("Wie zufrieden sind Sie mit uns?", FIVE, "csat"),
        ("Gesamtzufriedenheit (1-5)", ["2", "2"], "csat"),
        ("Wie einfach war es für Sie, Hilfe zu bekommen?", SEVEN, "ces"),
    ],
)
def test_words_and_answers_that_agree(name, values, canonical):
    assert one(name, values) == (canonical, None, False)


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("2、您有多大可能推荐我们？", ["1", "11", "8"], ("nps", (1, 11))),
        ("您有多大可能推荐我们（0-10）", ["1", "11", "8"], ("nps", (1, 11))),  # codes of its choices
        ("您有多大可能推荐我们（1-10）", ["1", "10"], ("nps", (1, 10))),
        ("您有多大可能推荐我们？", ["1", "10", "8"], ("nps", None)),  # 0 to 10, or 1 to 10
        ("您有多大可能推荐我们？", ["0", "6", "3"], ("nps", None)),  # too low to be sure of 10
        ("How likely are you to buy again?", TEN, ("nps", None)),
        ("3、您对我们满意吗？", ["1", "10", "8"], ("csat", (1, 10))),
        ("3、您对我们满意吗？", ["0", "4", "2"], ("csat", (0, 4))),
        ("3、您对我们满意吗？", ["4", "3"], ("csat", None)),  # on four points, or nobody gave the fifth
        ("满意度：1=非常满意，5=非常不满意", FIVE, ("csat", None)),
        ("您觉得费力吗？", SEVEN, ("ces", None)),  # is 7 the most effort, or the least?
        ("How much effort did you have to put forth?", SEVEN, ("ces", None)),
        ("Wie hoch war Ihr Aufwand?", SEVEN, ("ces", None)),
        ("Zufriedenheit (1 = sehr zufrieden, 5 = unzufrieden)", FIVE, ("csat", None)),
    ],
)
def test_a_doubt_is_a_question(name, values, found):
    assert one(name, values) == (*found, True)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("2、您对我们满意吗？", SEVEN),  # seven points make no five boxes
        ("2、您对我们满意吗？", ["1", "100"]),
        ("How satisfied are you (0-10)?", TEN),
        ("It was easy to get help", FIVE),  # five points make no seven
        ("How easy was it (1-5)?", FIVE),
        ("Would you recommend us?", ["1", "0", "1"]),  # yes or no
        ("Would you recommend us?", FIVE),  # on five points, which has no detractors of 0 to 6
        ("Would you recommend us?", ["Likely", "Very likely"]),
        ("Q12_NPS_GROUP", ["1", "2", "3"]),
        ("NPS Group", ["9", "10", "0"]),
        ("推荐人", ["7", "9", "10"]),
        ("推荐码", ["7", "9", "10"]),
        ("不满意的原因", ["3", "5"]),
        ("What would you recommend us to do better?", ["Nothing", "Prices", "5"]),
        ("services used", SEVEN),
        ("Q7", TEN),  # a range alone says nothing
        ("1、您的年龄", FIVE),
        ("您对办理方便程度满意吗", SEVEN),
        ("NPS", ["8.5", "9.2"]),  # means
        ("Anzahl Empfehlungen", ["7", "9", "10"]),
        ("Empfehlungscode", ["7", "9", "10"]),
        ("Warum würden Sie uns empfehlen?", ["7", "9", "10"]),
        ("Unzufriedenheit", FIVE),
        ("Vielleicht kaufe ich wieder", SEVEN),
        ("Würden Sie uns weiterempfehlen?", FIVE),
        ("NPS", []),
    ],
)
def test_what_is_no_score_is_not_proposed(name, values):
    assert one(name, values) is None


def test_the_question_may_stand_under_the_header():
    samples = {
        "Q1": [
            "How likely are you to recommend us (0-10)?",
            '{"ImportId":"QID1"}',
            *TEN,
        ],
        "Q2": ["您对我们满意吗？", *FIVE],
        "column3": ["Response", *FIVE],
        "Q4": ["Why would you recommend us?", '{"ImportId":"QID4"}', "Good", "Fine and cheap"],
    }
    found = score_columns(samples, samples)
    assert [(column, score, scale) for column, score, _, scale in found] == [
        ("Q1", "nps", None),
        ("Q2", "csat", None),
    ]


def test_the_one_about_the_whole_in_german():
    items = dict.fromkeys(("Zufriedenheit mit dem Preis", "Wie zufrieden sind Sie insgesamt?"), FIVE)
    assert [(p.column, p.must_ask) for p in score_columns(items, items)] == [
        ("Wie zufrieden sind Sie insgesamt?", False)
    ]


def test_of_several_the_one_about_the_whole_else_all_as_a_question():
    items = dict.fromkeys(("您对物流满意吗", "您对价格满意吗", "总体而言，您对我们满意吗"), FIVE)
    assert [(p.column, p.must_ask) for p in score_columns(items, items)] == [
        ("总体而言，您对我们满意吗", False)
    ]
    two = dict(list(items.items())[:2])
    found = score_columns(two, two)
    assert [(p.column, p.must_ask) for p in found] == [("您对物流满意吗", True), ("您对价格满意吗", True)]
    assert str(found[0].evidence) == "asks about '满意'; answers from 1 to 5; 2 questions fit: which is it?"


def test_what_is_only_likely_gives_way_to_what_is_recommended():
    both = {"How likely are you to buy again?": TEN, "How likely are you to recommend us?": TEN}
    assert [(p.column, p.must_ask) for p in score_columns(both, both)] == [
        ("How likely are you to recommend us?", False)
    ]


def test_the_place_of_a_column_says_nothing():
    samples = {"推荐": TEN, "满意": FIVE, "容易": SEVEN, "1、姓名": ["a", "b"]}
    there = score_columns(samples, samples)
    back = score_columns(reversed(list(samples)), samples)
    assert sorted(there) == sorted(back) and len(there) == 3


WORDS = [
    "推荐",
    "recommend",
    "likely",
    "满意",
    "satisfied",
    "容易",
    "effort",
    "费力",
    "NPS",
    "(0-10)",
    "1-5",
    "1到7",
    "Q1",
    "?",
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join),
    st.lists(st.one_of(st.integers(-3, 12).map(str), st.text(max_size=8)), max_size=12),
)
def test_whatever_is_proposed_the_reader_can_turn_into_the_score(name, values):
    """Answers that are numbers fall into the score's own range, by the scale that is proposed with them."""
    for column, canonical, evidence, scale in score_columns([name], {name: values}):
        own = TABLES["responses"].column(canonical)
        low, high = scale or (own.low, own.high)
        numbers = [int(v) for v in values if v.isascii() and v.isdigit()]
        assert column == name and evidence
        # A twentieth of the answers may be slips: these few values leave room for none.
        assert all(low <= number <= high for number in numbers)


SURVEYS = ["qualtrics/answers", "surveymonkey/answers", "wenjuanxing/readable", "wenjuanxing/codes"]


@pytest.mark.parametrize("name", SURVEYS)
def test_the_scores_of_real_layouts_are_found(name, tmp_path):
    """Whatever column a case of the corpus maps to a score is proposed for it, and no other is."""
    folder = Path(__file__).parents[1] / "corpus" / name
    said = yaml.safe_load((folder / "case.yaml").read_text(encoding="utf-8"))["data"]["responses"]
    source = Source.model_validate({"path": said["path"]})
    with workspace(tmp_path) as connection:
        files = find_files("responses", source, folder)
        raw = read_source(connection, "responses", source, files=files, folder=tmp_path)
        columns = list(raw.columns)
        rows = connection.execute(f"SELECT * FROM {raw.relation}").fetchall()
    samples = {column: [row[index] for row in rows] for index, column in enumerate(columns)}
    found = {(plain(p.column), p.canonical): p.scale for p in score_columns(columns, samples)}
    wanted = {(plain(said["columns"][s]), s) for s in ("nps", "csat", "ces") if s in said["columns"]}
    if name.startswith("surveymonkey"):  # the case keeps the two questions of the matrix as items
        found = {key: scale for key, scale in found.items() if key[1] == "nps"}
    assert set(found) == wanted
    scales = said.get("options", {}).get("scales", {})
    assert {key[1]: list(scale) for key, scale in found.items() if scale} == scales
