"""Exports of survey tools: each layout becomes the same table, and what cannot be known is refused with its cure."""

from __future__ import annotations

import csv
import io
import time
from datetime import date

import duckdb
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cam.data.types.likert import is_known, plain, scales_of, stated_number

DAYS = ["2026-09-03 12:00:00", "2026-09-04 08:30:00", "2026-09-25 23:59:59"]
PLACE = "params/acme.yaml"


def csv_of(lines: list[list[str]], encoding: str = "utf-8") -> bytes:
    stream = io.StringIO()
    csv.writer(stream).writerows(lines)
    return stream.getvalue().encode(encoding)


def excel_of(lines: list[list[object]]) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"strings_to_numbers": False}) as book:
        page = book.add_worksheet()
        for index, line in enumerate(lines):
            for column, cell in enumerate(line):
                if cell != "":
                    page.write(index, column, cell)
    return stream.getvalue()


def answers(client, content: bytes, *, columns=None, name="r.csv", **options):
    """Prepare one file of answers: (its review, its rows as dicts of what is not empty in order)."""
    client.write(name, content)
    prepared = client.prepare({"responses": {"path": name, "columns": columns or {}, "options": options}})
    relation = duckdb.sql(f"SELECT * FROM '{prepared.path('responses')}'")
    return prepared.review["tables"]["responses"], [
        dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()
    ]


def column(client, name: str, texts: list[str], **options):
    """One column of scores: (its values, the notes)."""
    lines = [["response_date", name], *([f"2026-01-{n % 28 + 1:02d}", text] for n, text in enumerate(texts))]
    review, rows = answers(client, csv_of(lines), **options)
    return [row[name] for row in rows], review["notes"]


def refused(client, name: str, texts: list[str], **options) -> str:
    return client.refused(lambda: column(client, name, texts, **options))


# --- the layouts of the tools ---------------------------------------------------------------------

#: What every layout below holds: who, day, nps, csat, delivery item, comment.
EXPECTED = [
    ("c1", date(2026, 9, 3), 10, 5, 4, "Great, thanks"),
    ("c2", date(2026, 9, 4), 0, 3, 1, None),
    ("c3", date(2026, 9, 25), 7, 4, 5, "ok"),
]
NAMES = ("customer_id", "response_date", "nps", "csat", "item_delivery", "comment")

QUALTRICS = [
    ["StartDate", "EndDate", "Status", "Progress", "Finished", "RecordedDate", "ResponseId", "ExternalReference", "Q1",
     "Q2", "Q3_1", "Q4"],
    ["Start Date", "End Date", "Response Type", "Progress", "Finished", "Recorded Date", "Response ID",
     "External Data Reference", "How likely are you to recommend us (0-10)?", "How satisfied are you?",
     "How satisfied are you with ... - Delivery", "Why?"],
    ['{"ImportId":"startDate","timeZone":"UTC"}', '{"ImportId":"endDate"}', '{"ImportId":"status"}',
     '{"ImportId":"progress"}', '{"ImportId":"finished"}', '{"ImportId":"recordedDate"}', '{"ImportId":"_recordId"}',
     '{"ImportId":"externalDataReference"}', '{"ImportId":"QID1"}', '{"ImportId":"QID2"}', '{"ImportId":"QID3_1"}',
     '{"ImportId":"QID4_TEXT"}'],
    [DAYS[0], DAYS[0], "Survey Preview", "100", "True", DAYS[0], "R_0", "", "3", "never mind", "9", "a test"],
    [DAYS[0], DAYS[0], "IP Address", "100", "True", DAYS[0], "R_1", "c1", "10", "Very satisfied", "4", "Great, thanks"],
    [DAYS[1], DAYS[1], "IP Address", "80", "False", DAYS[1], "R_2", "c2", "0", "Neither satisfied nor dissatisfied",
     "1", ""],
    [DAYS[2], DAYS[2], "IP Address", "100", "True", DAYS[2], "R_3", "c3", "7", "Satisfied", "5", "ok"],
]  # fmt: skip
MONKEY = [
    ["Respondent ID", "Collector ID", "Start Date", "End Date", "Custom Data 1", "How likely?", "How satisfied?",
     "How satisfied with …?", "", "Anything else?"],
    ["", "", "", "", "", "Response", "Response", "Delivery", "Price", "Open-Ended Response"],
    ["118000000001", "1", "09/03/2026 11:58:00 AM", "09/03/2026 12:00:00 PM", "c1", "10 - Extremely likely", "5", "4",
     "2", "Great, thanks"],
    ["118000000002", "1", "09/04/2026 08:00:00 AM", "09/04/2026 08:30:00 AM", "c2", "0 - Not at all likely", "3", "1",
     "2", ""],
    ["118000000003", "1", "09/25/2026 11:00:00 PM", "09/25/2026 11:59:59 PM", "c3", "7", "4", "5", "N/A", "ok"],
]  # fmt: skip
WJX = [
    ["序号", "提交答卷时间", "所用时间", "来源", "1、您的会员号", "2、您有多大可能推荐我们？", "3、您对我们满意吗？",
     "4、您对以下方面的满意度：\n物流", "5、您用过哪些渠道？", "6、其他建议"],
    ["1", "2026/09/03 12:00:00", "123秒", "微信", "c1", "10", "非常满意", "满意", "官网┋门店", "Great, thanks"],
    ["2", "2026/09/04 8:30:00", "60秒", "微信", "c2", "0", "一般", "非常不满意", "门店", "(跳过)"],
    ["3", "2026/09/25 23:59:59", "1001秒", "链接", "c3", "7", "满意", "非常满意", "官网", "ok"],
]  # fmt: skip
GOOGLE = [
    ["Timestamp", "Member", "How likely?", "How satisfied? ", "Rate [Delivery]", "Comment", "Comment"],
    ["2026/09/03 12:00:00 PM GMT+8", "c1", "10", "5", "4", "Great, thanks", "x"],
    ["2026/09/04 8:30:00 AM GMT+8", "c2", "0", "3", "1", "", ""],
    ["2026/09/25 11:59:59 PM GMT+8", "c3", "7", "4", "5", "ok", "y"],
]
PLAIN = [list(NAMES)] + [["" if value is None else str(value) for value in row] for row in EXPECTED]
WJX_COLUMNS = {
    "customer_id": "1、您的会员号",
    "response_date": "提交答卷时间",
    "nps": "2、您有多大可能推荐我们?",  # half-width
    "csat": "3、您对我们满意吗？",
    "item_delivery": "4、您对以下方面的满意度:物流",  # half-width, no line break
    "comment": "6、其他建议",
}
LAYOUTS = {
    "qualtrics": (
        csv_of(QUALTRICS),
        {
            "customer_id": "ExternalReference",
            "response_date": "RecordedDate",
            "nps": "Q1",
            "csat": "Q2",
            "item_delivery": "Q3_1",
            "comment": "Q4",
        },
    ),
    "surveymonkey": (
        csv_of(MONKEY),
        {
            "customer_id": "Custom Data 1",
            "response_date": "End Date",
            "nps": "How likely?",
            "csat": "How satisfied?",
            "item_delivery": "How satisfied with …? - Delivery",
            "item_price": "How satisfied with …? - Price",
            "comment": "Anything else?",
        },
    ),
    "surveymonkey.xlsx": (excel_of(MONKEY), None),
    "wjx": (csv_of(WJX, "utf-8-sig"), WJX_COLUMNS),
    "wjx-gbk": (csv_of(WJX, "gbk"), WJX_COLUMNS),
    "wjx.xlsx": (excel_of(WJX), WJX_COLUMNS),
    "google": (
        csv_of(GOOGLE),
        {
            "customer_id": "Member",
            "response_date": "Timestamp",
            "nps": "How likely?",
            "csat": "How satisfied?",
            "item_delivery": "Rate [Delivery]",
            "comment": "Comment",
        },
    ),
    "plain": (csv_of(PLAIN), {}),
}  # fmt: skip
LAYOUTS["surveymonkey.xlsx"] = (LAYOUTS["surveymonkey.xlsx"][0], LAYOUTS["surveymonkey"][1])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_becomes_the_same_table(client, layout):
    content, columns = LAYOUTS[layout]
    name = layout if layout.endswith(".xlsx") else "r.csv"
    review, rows = answers(client, content, columns=columns, name=name)
    assert [tuple(row[column] for column in NAMES) for row in rows] == EXPECTED
    assert review["rows_in"] == review["rows_kept"] + sum(part["rows"] for part in review["dropped"])


def test_lines_of_the_header_and_test_answers_are_dropped_and_counted(client):
    content, columns = LAYOUTS["qualtrics"]
    review, _ = answers(client, content, columns=columns)
    assert (review["rows_in"], review["rows_kept"]) == (6, 3)
    assert review["dropped"] == [
        {"reason": "line under the header", "rows": 2, "revenue": "0"},
        {"reason": "test answer", "rows": 1, "revenue": "0"},
    ]
    assert review["notes_in_parts"][1] == ["unfinished answers: {n}; what they hold counts", {"n": 1}]
    assert review["notes"] == [
        "lines under the header that are no answers: 2, such as 'Start Date'; options.more_header_rows settles it",
        "unfinished answers: 1; what they hold counts",
        "csat: words read as numbers: 'Neither satisfied nor dissatisfied' 3, 'Satisfied' 4, 'Very satisfied' 5",
    ]


def test_a_matrix_named_by_its_second_line_and_answers_not_applicable(client):
    content, columns = LAYOUTS["surveymonkey"]
    review, rows = answers(client, content, columns=columns)
    assert [row["item_price"] for row in rows] == [2, 2, None]
    assert review["dropped"] == [{"reason": "line under the header", "rows": 1, "revenue": "0"}]
    assert "item_price: answers that say there is none: 1 ('N/A' 1)" in review["notes"]


def test_several_choices_and_times_taken_stay_text_and_skipped_is_blank(client):
    content, columns = LAYOUTS["wjx"]
    review, rows = answers(client, content, columns=columns)
    assert [row["5、您用过哪些渠道？"] for row in rows] == ["官网┋门店", "门店", "官网"]
    assert rows[0]["所用时间"] == "123秒"
    assert "texts that say the question was skipped are read as blank: 6、其他建议 1" in review["notes"]


def test_two_questions_of_one_wording(client):
    content, columns = LAYOUTS["google"]
    review, rows = answers(client, content, columns=columns)
    assert [row["Comment (2)"] for row in rows] == ["x", None, "y"]
    assert "several columns are called 'Comment'; the second is (2)" in review["notes"]


def test_each_of_several_files_has_its_own_header(client):
    content, columns = LAYOUTS["qualtrics"]
    client.write("a1.csv", content)
    client.write("a2.csv", content)
    prepared = client.prepare({"responses": {"path": "a*.csv", "columns": columns}})
    review = prepared.review["tables"]["responses"]
    assert [(part["reason"], part["rows"]) for part in review["dropped"]] == [
        ("line under the header", 4),
        ("test answer", 2),
    ]
    assert review["rows_kept"] == 6


def test_lines_under_the_header_in_parquet(client, tmp_path):
    import pandas as pd

    pd.DataFrame(QUALTRICS[1:], columns=QUALTRICS[0]).to_parquet(tmp_path / "r.parquet")
    _, rows = answers(
        client, (tmp_path / "r.parquet").read_bytes(), columns=LAYOUTS["qualtrics"][1], name="r.parquet"
    )
    assert [tuple(row[name] for name in NAMES[:5]) for row in rows] == [row[:5] for row in EXPECTED]


@pytest.mark.parametrize(
    ("first", "dropped"),
    [
        (["Recorded", "How likely?"], 1),
        (["", "9"], 0),  # a blank day and a score: an answer
        (["", ""], 0),
        (["never", "9"], None),  # a day that is none: listed, not swallowed
        (["2026-13-45", "How likely?"], None),
        (["never", "Meh"], None),  # the text comes again below
    ],
)
def test_only_evidence_makes_a_line_part_of_the_header(client, first, dropped):
    last = "Meh" if first[1] == "Meh" else "3"
    content = csv_of([["response_date", "nps"], first, ["2026-01-02", "8"], ["2026-01-03", last]])
    if dropped is None:
        words = client.refused(lambda: answers(client, content, words={"nps": {"Meh": 5}}))
        assert "(first rows: 1" in words or "'How likely?' 1" in words
        return
    review, _ = answers(client, content)
    assert (
        sum(part["rows"] for part in review["dropped"] if part["reason"] == "line under the header")
        == dropped
    )


def test_the_parameters_settle_how_many_lines_belong_to_the_header(client):
    content = csv_of([["response_date", "nps"], ["When", "How likely?"], ["2026-01-02", "8"]])
    assert client.refused(lambda: answers(client, content, more_header_rows=0)).startswith(
        "responses: the words of 1 answer in 'nps' (nps) do not say which number from 0 to 10 they mean: "
        "'How likely?' 1."
    )
    content = csv_of([["response_date", "nps"], ["2026-01-01", "1"], ["2026-01-02", "8"]])
    review, rows = answers(client, content, more_header_rows=1)
    assert [row["nps"] for row in rows] == [8]
    assert review["dropped"][0]["reason"] == "line under the header"
    assert client.refused(lambda: answers(client, content, more_header_rows=2)) == (
        "client.as_of: these tables have no date to take it from. Set client.as_of in params/acme.yaml."
    )


def test_lines_under_the_header_of_any_table_where_the_parameters_say_so(client):
    review, rows = client.orders(
        "customer_id,order_date,revenue\nwho,when,how much\na,2024-01-05,10\n", more_header_rows=1
    )
    assert review["dropped"] == [{"reason": "line under the header", "rows": 1, "revenue": "0"}]
    assert len(rows) == 1


# --- words ----------------------------------------------------------------------------------------

WORDS = [
    ("csat", ["Very satisfied", "satisfied.", " NEUTRAL ", "Dissatisfied", "Very Dissatisfied"], [5, 4, 3, 2, 1]),
    ("csat", ["Extremely satisfied", "Somewhat satisfied", "Neither satisfied nor dissatisfied",
              "Somewhat dissatisfied", "Extremely dissatisfied"], [5, 4, 3, 2, 1]),
    ("csat", ["非常满意", "满意", "一般", "不满意", "非常不满意"], [5, 4, 3, 2, 1]),
    ("csat", ["A. 很满意", "B、比较满意", "一般", "不太满意", "很不满意"], [5, 4, 3, 2, 1]),
    ("csat", ["Very good", "Good", "Fair", "Poor", "Very poor"], [5, 4, 3, 2, 1]),
    ("csat", ["Excellent", "Very good", "Good", "Fair", "Poor"], [5, 4, 3, 2, 1]),
    ("csat", ["5 stars", "4星", "3分", "非常满意(5)", "1 - Terrible"], [5, 4, 3, 5, 1]),
    ("ces", ["Strongly agree", "Agree", "Somewhat agree", "Neither agree nor disagree", "Somewhat disagree",
             "Disagree", "Strongly disagree"], [7, 6, 5, 4, 3, 2, 1]),
    ("ces", ["非常容易", "容易", "比较容易", "一般", "比较困难", "困难", "非常困难"], [7, 6, 5, 4, 3, 2, 1]),
    ("ces", ["完全同意", "同意", "比较同意", "中立", "比较不同意", "不同意", "完全不同意"], [7, 6, 5, 4, 3, 2, 1]),
    ("nps", ["10 - Extremely likely", "9 (likely)", "0 = Not at all likely", "5", "非常可能（10分）", "8分"],
     [10, 9, 0, 5, 10, 8]),
    ("item_x", ["Strongly agree", "Agree", "Neutral", "Disagree", "Strongly disagree"], [5, 4, 3, 2, 1]),
    ("item_x", ["Extremely important", "Very important", "Moderately important", "Slightly important",
                "Not at all important"], [5, 4, 3, 2, 1]),
    ("item_x", ["总是", "经常", "有时", "很少", "从不"], [5, 4, 3, 2, 1]),
    ("item_x", ["Agree", "Somewhat agree", "Strongly agree"], [6, 5, 7]),
    ("item_x", ["非常满意", "5", "满意", "4"], [5, 5, 4, 4]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "texts", "numbers"), WORDS)
def test_words_that_are_known(client, name, texts, numbers):
    assert column(client, name, texts)[0] == numbers


def test_every_scale_rises_and_its_words_are_plain():
    from cam.data.types import likert

    for scale, places in zip(likert._SCALES, likert._PLACES, strict=True):
        assert len(scale) in {5, 7}
        for word in places:
            assert plain(word) == word and word
        highest = [words.split("|")[0] for words in scale]
        assert (len(scale), dict(zip(highest, range(1, len(scale) + 1), strict=True))) in list(
            scales_of(highest)
        )


@pytest.mark.parametrize(
    ("name", "texts", "why"),
    [
        ("nps", ["Likely", "10", "9"], "do not say which number from 0 to 10 they mean: 'Likely' 1."),
        ("nps", ["9-10", "8"], "do not say which number from 0 to 10 they mean: '9-10' 1."),
        ("csat", ["Satisfied", "Meh", "Meh"], "are on no scale known here: 'Meh' 2, 'Satisfied' 1."),
        ("csat", ["Satisfied", "Agree"], "are on no one scale together: 'Agree' 1, 'Satisfied' 1."),
        ("csat", ["Good", "Very good"], "fit several scales: 'Good' 1, 'Very good' 1."),
        ("csat", ["满意", "比较满意"], "are those of 7 points, and csat has 5: '比较满意' 1, '满意' 1."),
        ("ces", ["Agree", "Strongly agree"], "are those of 5 or 7 points, and ces has 7: 'Agree' 1, 'Stro"),
        ("item_x", ["Très bien"], "are on no scale known here: 'Très bien' 1."),
    ],
)  # fmt: skip
def test_words_that_are_not_known_are_never_guessed(client, name, texts, why):
    words = refused(client, name, texts)
    assert f"in '{name}' ({name}) {why}" in words
    assert f"\n    Say what they are worth: data.responses.options.words: {{{name}: {{" in words
    assert "texts that are no answer go to data.responses.options.blanks" in words


def test_the_cure_of_unknown_words_works(client):
    texts = ["Meh", "Super", "Satisfied"]
    assert refused(client, "csat", texts) == (
        "responses: the words of 3 answers in 'csat' (csat) are on no scale known here: "
        "'Meh' 1, 'Satisfied' 1, 'Super' 1.\n"
        '    Say what they are worth: data.responses.options.words: {csat: {"Meh": …, "Satisfied": …, "Super": …}} '
        "in params/acme.yaml;\n"
        "    texts that are no answer go to data.responses.options.blanks."
    )
    assert column(client, "csat", texts, words={"csat": {"meh": 2, "SUPER": 5}})[0] == [2, 5, 4]
    assert column(client, "csat", texts, words={"csat": {"Satisfied": 3}}, blanks=["meh", "Super"])[0] == [
        None,
        None,
        3,
    ]
    assert column(client, "ces", ["Agree", "Strongly agree"], scales={"ces": [1, 7]})[0] == [6, 7]
    assert column(client, "nps", ["Likely", "3"], words={"nps": {"Likely": 9}})[0] == [9, 3]
    # Words go before numbers, so a scale that falls can be turned.
    turned = {"csat": {str(n): 6 - n for n in range(1, 6)}}
    assert column(client, "csat", ["1", "2", "5"], words=turned)[0] == [5, 4, 1]


def test_words_that_are_dropped_on_demand_are_counted(client):
    lines = [["response_date", "csat", "item_x"], ["2026-01-01", "Meh", "Agree"], ["2026-01-01", "5", "Huh"],
             ["2026-01-01", "4", "Agree"]]  # fmt: skip
    review, rows = answers(client, csv_of(lines), drop_unreadable=True)
    assert [(row["csat"], row["item_x"]) for row in rows] == [(4, 4)]
    assert {(part["reason"], part["rows"]) for part in review["dropped"]} == {
        ("unreadable csat", 1),
        ("unreadable item", 1),
    }


@pytest.mark.parametrize(
    ("name", "texts"),
    [("nps", ["Extremely likely", "3"]), ("csat", ["Good", "Very good", "3"]), ("item_x", ["Huh", "Hah"])],
)
def test_words_that_may_be_the_best_answer_are_not_dropped_as_unreadable(client, name, texts):
    assert "Say what they are worth" in refused(client, name, texts, drop_unreadable=True)


def test_numbers_that_run_against_their_words(client):
    assert refused(client, "csat", ["1 - Very satisfied", "3", "5 - Very dissatisfied"]) == (
        "responses: in 'csat' (csat) the numbers run against the words: "
        "1 is 'very satisfied', 5 is 'very dissatisfied'.\n"
        '    Say what each is worth, best highest: data.responses.options.words: {csat: {"1 …": …, "5 …": …}} '
        "in params/acme.yaml."
    )


def test_prose_in_a_column_called_item_stays_prose(client):
    texts = [f"Thing number {n}" for n in range(30)]
    assert column(client, "item_name", texts)[0] == texts


def test_words_and_scales_of_columns_that_are_not_there(client):
    assert refused(client, "csat", ["5"], scales={"ces": [1, 7]}) == (
        "responses: data.responses.options.scales names ces, which the table does not have.\n"
        "    Name a column as the report calls it, or map it: data.responses.columns in params/acme.yaml."
    )
    assert refused(client, "csat", ["5"], words={"response_date": {"x": 1}}) == (
        "responses: data.responses.options: response_date is no score, so it has neither scale nor words.\n"
        "    Take it out of scales and words in params/acme.yaml."
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=25))
def test_no_text_is_read_as_a_number_that_it_does_not_state(text):
    found = stated_number(text)
    assert plain(plain(text)) == plain(text)
    if found:
        assert str(found[0]) in plain(text) or f"-0{-found[0]}" in plain(text) or "0" in plain(text)
    elif not is_known(plain(text)):
        assert not list(scales_of([plain(text)]))


# --- scales ---------------------------------------------------------------------------------------

LISTED = (
    "    Drop them with data.responses.options.drop_unreadable: true in params/acme.yaml, "
    "or fix them at the source."
)


@pytest.mark.parametrize("drop", [False, True])
def test_eleven_codes_from_1_are_refused_also_where_faults_are_dropped(client, drop):
    assert refused(client, "nps", ["11", "1", "9", "11"], drop_unreadable=drop) == (
        "responses: 2 of 4 rows have a nps outside 0 to 10 (first rows: 1, 4; such as '11').\n"
        f"{LISTED}\n"
        "    If the tool numbers the eleven answers from 1: data.responses.options.scales: {nps: [1, 11]}; "
        "if 11 is a slip, {nps: [0, 10]}."
    )


def test_the_cures_of_scales_work(client):
    values, notes = column(client, "nps", ["11", "1", "9"], scales={"nps": [1, 11]})
    assert (values, notes) == ([10, 0, 8], ["nps: asked on 1 to 11; one is taken off each answer"])
    assert column(client, "nps", ["11", "1", "9"], scales={"nps": [0, 10]}, drop_unreadable=True)[0] == [1, 9]
    values, notes = column(client, "nps", ["10", "1", "9"], scales={"nps": [1, 10]})
    assert values == [10, 1, 9]
    assert notes == [
        "nps: asked on 1 to 10, so nobody could answer 0; 9 and 10 are promoters, up to 6 detractors"
    ]
    assert column(client, "ces", ["0", "6"], scales={"ces": [0, 6]})[0] == [1, 7]
    assert column(client, "item_x", ["0", "4", "Agree"], scales={"item_x": [0, 4]})[0] == [0, 4, 3]


@pytest.mark.parametrize(
    ("name", "scale", "texts", "limits"),
    [("nps", [1, 11], ["5", "0", "12"], "1 to 11"), ("nps", [1, 10], ["5", "0", "11"], "1 to 10"),
     ("csat", [1, 10], ["5", "0", "11"], "1 to 10"), ("item_x", [1, 5], ["5", "0", "6"], "1 to 5")],
)  # fmt: skip
def test_scores_outside_their_scale_are_listed_as_the_source_has_them(client, name, scale, texts, limits):
    article = "an" if name == "item_x" else "a"
    assert refused(client, name, texts, scales={name: scale}) == (
        f"responses: 2 of 3 rows have {article} {name} outside {limits} (first rows: 2, 3; such as '0').\n{LISTED}"
    )


def test_csat_on_ten_points_is_two_points_a_box(client):
    values, notes = column(client, "csat", [str(n) for n in range(1, 11)], scales={"csat": [1, 10]})
    assert values == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert notes == [
        "csat: asked on 1 to 10; every 2 points are one of 5 boxes, so 7 to 10 count as satisfied"
    ]
    assert column(client, "csat", ["1", "80", "100"], scales={"csat": [1, 100]})[0] == [1, 4, 5]


@pytest.mark.parametrize(
    ("name", "scale", "words"),
    [
        ("csat", [0, 100], "responses: csat has 5 boxes, and 101 points from 0 to 100 do not divide into them.\n"
         "    Say the number of each answer with data.responses.options.words in params/acme.yaml, or keep the scale "
         "as it is, as an item: data.responses.columns: {item_csat: csat}."),
        ("ces", [1, 5], "responses: ces has 7 boxes, and 5 points from 1 to 5 do not divide into them.\n"
         "    Say the number of each answer with data.responses.options.words in params/acme.yaml, or keep the scale "
         "as it is, as an item: data.responses.columns: {item_ces: ces}."),
        ("nps", [1, 5], "responses: nps cannot be had from a scale of 1 to 5: its bands are those of 0 to 10.\n"
         "    data.responses.options.scales in params/acme.yaml takes [0, 10], [1, 10] or [1, 11] for nps; map other "
         "scales to csat or to an item: data.responses.columns: {item_recommend: nps}."),
    ],
)  # fmt: skip
def test_scales_that_fit_no_score(client, name, scale, words):
    assert refused(client, name, ["1", "2"], scales={name: scale}) == words


@pytest.mark.parametrize(
    ("name", "texts", "hint"),
    [
        ("csat", ["1", "10"], "If it was asked on 1 to 10: data.responses.options.scales: {csat: [1, 10]}, every two "
         "points one box; if 6 and more are slips, {csat: [1, 5]}."),
        ("csat", ["0", "4"], "If it was asked on 0 to 4: data.responses.options.scales: {csat: [0, 4]}."),
        ("ces", ["0", "6"], "If it was asked on 0 to 6: data.responses.options.scales: {ces: [0, 6]}."),
        ("nps", ["-3", "9"], 'If -3 stands for no answer: data.responses.options.blanks: ["-3"].'),
    ],
)  # fmt: skip
def test_what_values_outside_may_mean(client, name, texts, hint):
    assert refused(client, name, texts).endswith(f"{LISTED}\n    {hint}")


def test_no_zero_among_many_answers_is_said_and_not_shifted(client):
    texts = [str(n % 10 + 1) for n in range(200)]
    values, notes = column(client, "nps", texts)
    assert values == [int(text) for text in texts]
    assert notes == [
        "nps: none of 200 answers is 0, as if it was asked on 1 to 10; nothing is shifted, options.scales settles it"
    ]
    assert column(client, "nps", texts[:-1])[1] == column(client, "nps", [*texts, "0"])[1] == []


# --- no answer ------------------------------------------------------------------------------------


def test_texts_for_no_answer_are_blank_and_counted(client):
    texts = ["9", "", "N/A", "n/a", "NA", "-", "(跳过)", "（空）", "Prefer not to say", "不清楚", "None"]
    values, notes = column(client, "nps", texts)
    assert values == [9, *[None] * 10]
    assert notes == [
        "texts that say the question was skipped are read as blank: nps 2",
        "nps: answers that say there is none: 7 ('-' 1, 'N/A' 1, 'NA' 1, 'None' 1, 'Prefer not to say' 1)",
    ]


def test_minus_3_is_blank_only_where_the_parameters_say_so(client):
    assert column(client, "nps", ["9", "-3"], blanks=["-3"]) == (
        [9, None],
        ["texts said to be no answer are read as blank: nps 1"],
    )


def test_no_answer_stays_an_answer_where_no_score_is_asked(client):
    lines = [["response_date", "nps", "income"], ["2026-01-01", "9", "Prefer not to say"]]
    assert answers(client, csv_of(lines))[1][0]["income"] == "Prefer not to say"


def test_blanks_in_any_table_and_in_numbers_of_parquet(client, tmp_path):
    data = "customer_id,order_date,revenue,channel\na,2024-01-05,10,(none)\n"
    assert client.orders(data, blanks=["(None)"])[1][0][-2] is None
    import pandas as pd

    pd.DataFrame({"response_date": ["2026-01-01"] * 2, "nps": [9, -3]}).to_parquet(tmp_path / "r.parquet")
    content = (tmp_path / "r.parquet").read_bytes()
    assert [row["nps"] for row in answers(client, content, name="r.parquet", blanks=["-3"])[1]] == [9, None]


# --- columns and dates ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "5、满意度：物流",
        "5、满意度:\n物流",
        "\ufeff5、满意度：物流",
        " 5、满意度： 物流\u00a0",
        "５、满意度：物流",
    ],
)
def test_matrix_questions_are_found_by_their_words(client, header):
    lines = [["response_date", header], ["2026-01-01", "满意"]]
    columns = {"item_delivery": "5、满意度:物流"}
    assert answers(client, csv_of(lines), columns=columns)[1][0]["item_delivery"] == 4


def test_a_name_that_may_mean_two_columns_is_not_found(client):
    lines = [["response_date", "a：b", "a: b"], ["2026-01-01", "1", "2"]]
    words = client.refused(lambda: answers(client, csv_of(lines), columns={"nps": "a:b"}))
    assert words.startswith("responses: column 'a:b' not found. Columns present: response_date, a：b, a: b.")


@pytest.mark.parametrize(
    ("text", "note"),
    [("2026年9月3日 12:00", None), ("2026/09/03 12:00:00", None), ("2026/9/3 下午2:05:06", None),
     ("2026/9/3 上午 9:05:06", None), ("9/3/2026 2:05:06 PM", "month"), ("03/09/2026 14:05", "day"),
     ("46268.5", "numbers"),
     ("2026/09/03 2:05:06 PM GMT+8", "clock"), ("2026/09/03 2:05:06 PM EST", "clock")],
)  # fmt: skip
def test_dates_of_survey_tools(client, text, note):
    # The second row tells day from month.
    other = {"month": "9/25/2026 2:05:06 PM", "day": "25/09/2026 14:05"}.get(note or "", text)
    lines = [["response_date", "nps"], [text, "9"], [other, "8"]]
    review, rows = answers(client, csv_of(lines))
    assert rows[0]["response_date"] == date(2026, 9, 3)
    assert all(note and note in told for told in review["notes"])


# --- fast -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_million_answers_in_words_take_seconds(client):
    path = client.folder / "r.csv"
    duckdb.sql(
        """COPY (SELECT DATE '2026-01-01' + CAST(i % 300 AS INT) AS response_date, 'c' || i AS customer_id,
        CASE i % 11 WHEN 10 THEN '10 - Extremely likely' WHEN 0 THEN 'N/A' ELSE CAST(i % 11 AS VARCHAR) END AS nps,
        ['非常满意', '满意', '一般', '不满意', '非常不满意'][i % 5 + 1] AS csat,
        ['Strongly agree', 'Agree', 'Neutral', 'Disagree', 'Strongly disagree'][i % 5 + 1] AS item_a,
        'comment ' || i AS comment FROM range(1000000) AS r(i)) TO '"""
        + str(path)
        + "' (HEADER)"
    )
    start = time.process_time()
    prepared = client.prepare({"responses": {"path": "r.csv"}})
    assert prepared.review["tables"]["responses"]["rows_kept"] == 1_000_000
    assert time.process_time() - start < 30  # of the processor: a busy machine proves nothing
