"""Expressions that turn one raw value into a text, an amount or a truth value; NULL where it cannot be read.

They are DuckDB's: this happens in the embedded engine, before any reduction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cam.data.engine import literal

#: Blanks, those that a web page and a word processor set among them, and signs that are never seen.
_BLANK_SIGNS = (
    " \t\r\n\x0b\x0c\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
_SPACES = literal(_BLANK_SIGNS)
_EDGES = literal(f"^[{_BLANK_SIGNS}]|[{_BLANK_SIGNS}]$")
#: Every letter, digit and sign that is also written in full width, and how it is written in half.
_NARROW = {0xFF01 + place: chr(0x21 + place) for place in range(0x5E)}
_WIDE_SIGNS, _NARROW_SIGNS = literal("".join(map(chr, _NARROW))), literal("".join(_NARROW.values()))
_BLANKS = (
    "('', '-', '--', '—', '——', '/', 'NA', 'N/A', '#N/A', 'NULL', 'null', 'None', 'nan', 'NaN', '空', '无')"
)
_FULL_WIDTH = "０１２３４５６７８９．，－−（）￥＄＋\u00a0\u202f\u3000’"
_HALF_WIDTH = "0123456789.,--()¥$+   '"
_SIGN = r"(?i)((US|HK|NT|CN|JP|[ACS])?\$|\p{Sc}|CNY|RMB|USD|EUR|GBP|HKD|JPY|AUD|CAD|SGD|CHF|元)"
#: A number with a 0 in front has no thousands: in 0,125 the comma is a decimal one.
_DIGITS = r"(?:[1-9][0-9]{0,2}(?:[, '][0-9]{3})+|[0-9]+)(?:[.][0-9]*)?|[.][0-9]+"
#: What an amount is once its clothes are off; 万 has become e4, 亿 e8.
_AMOUNT = f"^[-+]? ?(?:{_DIGITS})(?:e[48])?$"
_EXACT = "DECIMAL(18, 6)"
#: Of an amount before it is multiplied by its unit, and of the unit.
_FINE, _UNIT = "DECIMAL(27, 15)", "DECIMAL(13, 3)"
#: Below half a cent, and with six decimals half a cent: such a number would be rounded up twice.
_NEARLY_HALF = "([.,][0-9]{2}4999)[5-9][0-9]*( ?[^0-9eE 万亿].*)?$"
_PLAIN_NUMBER = "-?(0|[1-9][0-9]{0,11})([.][0-9]{1,20})?([eE][-+]?[0-9]{1,2})?"
_NUMERIC = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
)
#: What shops write where there is no customer to name; one such value stands for many people.
_NOBODY = (
    *(
        "guest",
        "guest user",
        "guest customer",
        "guest order",
        "guest checkout",
        "anonymous",
        "anon",
        "unknown",
    ),
    *("walk-in", "walk in", "walkin", "walk-in customer", "no customer", "nobody", "test@test.com"),
    *("gast", "gastkunde", "gastbestellung", "unbekannt", "anonym", "invité", "invitado", "ospite"),
    *("匿名", "匿名用户", "匿名买家", "匿名客户", "游客", "散客", "未知", "未登录"),
    *(
        "未知客户",
        "零售客户",
        "现金客户",
        "过路客",
        "散户",
        "暂无",
        "不详",
        "cash customer",
        "retail customer",
    ),
    *("n/a", "n.a.", "null", "none", "nil", "undefined", "not set", "blank", "empty", "redacted", "deleted"),
    "00000000-0000-0000-0000-000000000000",
)
#: What a row of sums has in place of a name, with a colon behind it or not.
TOTAL = (
    "(合[ \u3000]*计|总[ \u3000]*计|小[ \u3000]*计|总合计|本页合计|汇总|共计|总数|"
    "grand total|sub[- ]?total|totals?|sum|"
    "gesamt|(gesamt|zwischen|end)?summe|total g[eé]n[eé]ral)[ \u3000]*[:：]?"
)

#: Those, sums, signs that hide a part of an id, or stand where there is none: 138****0001, t**1, 张*, #, xxx, #REF!;
#: and templates that no system has filled: {{customer.id}}, ${id}.
_MASK = "|".join(
    (
        "[*＊•●…]|[.]{3}|^[#?？]+$|^#(REF!|N/A|VALUE!|DIV/0!|NAME[?]|NULL!|NUM!)$",
        "^[{]{2}.*[}]{2}$|^[$][{].*[}]$",
        "(?i:^x{2,}$|^[0-9]+[- ]?x{3,}[- ]?[0-9]*$)",
        # One pattern for all words, in the brackets that some wear, costs no more than one of them.
        f"(?i:^[<(\\[]?({'|'.join(map(re.escape, _NOBODY))})[>)\\]]?$)",
        f"(?i:^{TOTAL}$)",
    )
)
#: An id that no spreadsheet has wrapped; shorter ones may be words for none.
_BARE = "[0-9A-Za-z_-]{5,}"
#: Up to eight letters and then digits alone: neither masked nor a word.
_SOMEBODY = "[A-Za-z]{0,8}[-_]?[0-9]+"
_BAR_CODE = "[*][0-9A-Z. $/+%-]{3,}[*]"

#: True and false of whether a customer has left.
_TRUE = (
    *("1", "1.0", "true", "yes", "y", "t", "left", "churned", "lost"),
    *("是", "已流失", "流失"),
)
_FALSE = (
    *("0", "0.0", "false", "no", "n", "f", "active", "retained", "kept", "stayed"),
    *("否", "未流失", "在网", "在用", "正常"),
)


def is_numeric(kind: str) -> bool:
    """Whether an engine type holds numbers.

    Examples
    --------
    >>> is_numeric("DECIMAL(10,2)"), is_numeric("BOOLEAN")
    (True, False)
    """
    return kind.startswith(_NUMERIC)


def trimmed(given: str) -> str:
    """The text without blanks around it, those of a web page and of Chinese among them."""
    # To look for a blank at either end costs a quarter of taking it off, and few values have one.
    return f"CASE WHEN {has_edges(given)} THEN trim({given}, {_SPACES}) ELSE {given} END"


def has_edges(given: str) -> str:
    """Whether a text has blanks around it."""
    return f"regexp_matches({given}, {_EDGES})"


def half_width(given: str) -> str:
    """The text with what is written in full width in half; most texts hold nothing of that kind."""
    return (
        f"CASE WHEN strlen({given}) = length({given}) THEN {given} "
        f"ELSE translate({given}, {_WIDE_SIGNS}, {_NARROW_SIGNS}) END"
    )


def blank(given: str, kind: str) -> str:
    """Whether a value says that there is none."""
    if kind == "VARCHAR":
        return f"({given} IS NULL OR {half_width(trimmed(given))} IN {_BLANKS})"
    if kind in {"DOUBLE", "FLOAT"}:
        return f"({given} IS NULL OR isnan({given}))"
    return f"({given} IS NULL)"


def text(given: str, kind: str, *, is_id: bool) -> str:
    """A text; an id without what spreadsheets wrap it in, and NULL where it says that there is none."""
    if kind in {"DOUBLE", "FLOAT"}:
        whole = f"CAST(CAST({given} AS HUGEINT) AS VARCHAR)"
        return (
            f"CASE WHEN isnan({given}) THEN NULL WHEN {given} = floor({given}) AND abs({given}) < 1e15 "
            f"THEN {whole} ELSE CAST({given} AS VARCHAR) END"
        )
    if kind != "VARCHAR":
        return f"CAST({given} AS VARCHAR)"
    value = trimmed(given)
    if not is_id:
        return f"nullif({value}, '')"
    return (
        f"CASE WHEN regexp_full_match({given}, '{_BARE}') THEN {given} "  # nothing to take off
        f"WHEN {half_width(value)} IN {_BLANKS} THEN NULL "
        f"WHEN starts_with({value}, '=\"') THEN nullif(trim({value}, '=\"'), '') "
        f"WHEN starts_with({value}, '''') THEN nullif(substr({value}, 2), '') "
        f"WHEN ends_with({value}, '.0') AND regexp_full_match({value}, '[0-9]+[.]0') "
        f"THEN substr({value}, 1, length({value}) - 2) "
        f"ELSE {value} END"
    )


def nobody(value: str, guests: Iterable[str] = ()) -> str:
    """Whether an id is masked or stands for whoever has none: different customers would become one.

    A text between two stars is a bar code, not a mask.
    """
    half = half_width(value)
    masked = f"regexp_matches({half}, '{_MASK}') AND NOT regexp_full_match({half}, '{_BAR_CODE}')"
    # Most ids end in digits, and then no more needs asking.
    quick, slow = is_guest(value, guests), is_guest(half, guests)
    return f"(CASE WHEN regexp_full_match({value}, '{_SOMEBODY}') THEN {quick} ELSE ({masked}) OR {slow} END)"


def is_total(value: str) -> str:
    """Whether a text is the name of a row of sums, which would count twice beside the rows that it sums up.

    Examples
    --------
    >>> import duckdb
    >>> duckdb.sql(f"SELECT {is_total('a')}, {is_total('b')} FROM (SELECT ' 合 计：' AS a, 'Total TV' AS b)").fetchone()
    (True, False)
    """
    return f"regexp_full_match({trimmed(value)}, '(?i){TOTAL}')"


def summed_id(value: str) -> tuple[str, str]:
    """Whether an id is another one with the name of a row of sums, behind it or before it, and that other one.

    Spreadsheets write it so where they sum up groups: C1 Total, C1 汇总, Somme C1.

    Examples
    --------
    >>> import duckdb
    >>> is_so, whose = summed_id("id")
    >>> ids = "(VALUES ('C1 Total'), ('小计：C1'), ('C1 - Grand total'), ('C1'), ('Total')) AS t(id)"
    >>> duckdb.sql(f"SELECT {whose} FROM {ids} WHERE {is_so}").fetchall()
    [('C1',), ('C1',), ('C1',)]
    """
    name = f"(?:{TOTAL}|(?:gesamt|teil)?ergebnis|somme|sous[- ]total)"
    between, group = "[ \u3000_:：/-]*", re.compile(name).groups + 1
    behind, before = literal(f"(?i)^(.+?){between}{name}$"), literal(f"(?i)^{name}{between}(.+)$")
    is_so = (
        f"(regexp_matches({value}, {behind}) OR regexp_matches({value}, {before})) AND NOT {is_total(value)}"
    )
    whose = f"coalesce(nullif(regexp_extract({value}, {behind}, 1), ''), regexp_extract({value}, {before}, {group}))"
    return is_so, whose


def called_sum(texts: Iterable[str]) -> str:
    """What a row is called that holds sums of others, by the first of its texts that says so; else NULL."""
    names = ", ".join(f"CASE WHEN {is_total(text)} THEN {trimmed(text)} END" for text in texts)
    return f"coalesce({names})" if names else "CAST(NULL AS VARCHAR)"


def is_guest(value: str, guests: Iterable[str]) -> str:
    """Whether an id is one of those that the parameters call guests."""
    own = [literal(guest.strip().translate(_NARROW).lower()) for guest in guests]
    return f"lower({value}) IN ({', '.join(own)})" if own else "false"


def plain_id(given: str, *, is_somebody: bool, form: str | None = None) -> str:
    """The id where nothing needs to be taken off it, and NULL where that must be asked at length.

    Then it is neither blank nor rounded; and if *is_somebody*, neither masked nor a word for nobody. A *form* of
    letters and digits, as GLOB writes it, is asked first: that costs a quarter.
    """
    bare = f"regexp_full_match({given}, '{_SOMEBODY if is_somebody else _BARE}')"
    asked = f"WHEN strlen({given}) >= 5 THEN CASE WHEN {bare} THEN {given} END"
    quick = f"WHEN {given} GLOB '{form}' AND strlen({given}) >= 5 THEN {given} " if form else ""
    return f"CASE {quick}{asked} END"


def is_rounded(given: str, kind: str) -> str | None:
    """Whether an id has lost its last digits to a spreadsheet, where its type lets it."""
    if kind == "VARCHAR":
        # Few ids have either sign, and to look for a sign is quick.
        form = f"regexp_full_match({half_width(given)}, '[0-9]([.][0-9]+[eE][+]?|[eE][+])[0-9]+')"
        signs = " OR ".join(f"contains({given}, '{sign}')" for sign in "+.＋．")
        return f"CASE WHEN {signs} THEN {form} ELSE false END"
    if kind in {"DOUBLE", "FLOAT"}:
        return f"abs({given}) >= {'9007199254740992' if kind == 'DOUBLE' else '16777216'}"
    return None


def plain_number(given: str) -> str:
    """The amount where it is a plain number, and NULL where it is dressed or none.

    Its sixth decimal is rounded, so :func:`is_half_cent` may be said of less: then :func:`number` is right.
    """
    # The engine reads "- " as 0.
    return f"CASE WHEN NOT ends_with({given}, ' ') THEN TRY_CAST({given} AS {_EXACT}) END"


def is_half_cent(exact: str) -> str:
    """Whether an amount of six decimals lies in the middle of two cents."""
    return f"abs({exact}) % 0.01 = 0.005"


def _once_rounded(given: str) -> str:
    """The text of a number that comes to the same cent with six decimals: half a cent is one, and no less is."""
    cut = f"regexp_replace({given}, '{_NEARLY_HALF}', '\\1\\2')"
    return f"CASE WHEN contains({given}, '4999') THEN {cut} ELSE {given} END"


def number(given: str, kind: str, *, decimal: str, unit: float = 1) -> str:
    """An amount with up to six decimals, in any of the clothes that exports put on it, times its unit.

    Of more decimals the sixth is rounded, but never up to half a cent: whoever rounds to the cent rounds what the
    source has, half a cent away from 0.
    """
    if unit != 1:  # decimals that are none of a cent's may become some
        fine = _number(given, given, kind, decimal=decimal, exact=_FINE)
        return f"CASE WHEN abs({fine}) < {10**12 / unit} THEN CAST({fine} * CAST('{unit}' AS {_UNIT}) AS {_EXACT}) END"
    rounded = _once_rounded(given) if kind == "VARCHAR" else given
    return _number(given, rounded, kind, decimal=decimal, exact=_EXACT)


def _number(own: str, given: str, kind: str, *, decimal: str, exact: str) -> str:
    """The expression of an amount in the type *exact*; *own* is what the source has, *given* what is read."""
    if kind != "VARCHAR":
        value = f"TRY_CAST({given} AS {exact})"
        if exact != _EXACT or not kind.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
            return value
        shown = _once_rounded(f"CAST({given} AS VARCHAR)")
        return f"CASE WHEN {is_half_cent(value)} THEN TRY_CAST({shown} AS {exact}) ELSE {value} END"
    plain = f"translate({given}, {literal(_FULL_WIDTH)}, {literal(_HALF_WIDTH)})"
    if decimal == ",":
        plain = f"translate({plain}, '.,', ',.')"
    body = trimmed(f"regexp_replace({plain}, {literal(_SIGN)}, '', 'g')")
    # Each step stands once in the next: the engine works out what stands twice for every row, needed or not.
    for pattern, becomes in (
        (r"^\( ?(.*?) ?\)$", r"-\1"),  # (1,234.50)
        (r"^(.*?) ?-$", r"-\1"),  # 1,234.50-
        (" ?万$", "e4"),
        (" ?亿$", "e8"),
    ):
        body = f"regexp_replace({body}, {literal(pattern)}, {literal(becomes)})"
    slow = f"TRY_CAST(translate(regexp_extract({body}, {literal(_AMOUNT)}), {literal(', ' + chr(39))}, '') AS {exact})"
    # Most exports hold plain numbers; the long way is walked only for what is not one.
    if decimal == ",":
        # A cell that holds a number, and no text, keeps its point: see sheet_reader and sources.
        quick = f"contains({own}, '.') AND regexp_full_match({own}, '-?[0-9]+[.][0-9]{{7,}}')"
        return f"CASE WHEN {quick} THEN TRY_CAST({given} AS {exact}) ELSE {slow} END"
    return f"coalesce(CASE WHEN NOT ends_with({own}, ' ') THEN TRY_CAST({given} AS {exact}) END, {slow})"


def number_tests(given: str, kind: str) -> tuple[str, str]:
    """Aggregates over a column: whether each value is a plain number, and whether each is whole.

    A number with a leading zero is a code, such as a postcode or a telephone number, and stays a text. Six decimals
    are kept.
    """
    if kind != "VARCHAR":
        known = f"{given} IS NOT NULL AND NOT isnan({given})"
        small = f"abs({given}) < 1e12"
        return (
            f"coalesce(bool_and({small}) FILTER ({known}), false)",
            f"coalesce(bool_and({given} = floor({given})) FILTER ({known}), false)",
        )
    known = f"NOT {blank(given, kind)}"
    value = trimmed(given)
    return (
        f"coalesce(bool_and(regexp_full_match({value}, '{_PLAIN_NUMBER}')) FILTER ({known}), false)",
        f"coalesce(bool_and(regexp_full_match({value}, '[^.eE]*([.]0+)?')) FILTER ({known}), false)",
    )


def as_number(given: str, kind: str, becomes: str) -> str:
    """A plain number, and NULL where there is none."""
    value = given if kind != "VARCHAR" else trimmed(given)
    return f"CASE WHEN NOT {blank(given, kind)} THEN TRY_CAST(TRY_CAST({value} AS DOUBLE) AS {becomes}) END"


def currency_sign(given: str) -> str:
    """The sign or code of a currency in an amount, or ''."""
    plain = f"translate({given}, {literal(_FULL_WIDTH)}, {literal(_HALF_WIDTH)})"
    found = f"upper(regexp_extract({plain}, {literal(_SIGN)}))"
    return f"CASE WHEN {plain_number(given)} IS NULL THEN {found} ELSE '' END"


def is_dressed(given: str) -> str:
    """Whether an amount is more than a plain number, and so may name its currency."""
    return f"({given} <> '' AND {plain_number(given)} IS NULL)"


def boolean(given: str, kind: str, words: Mapping[str, int] | None = None) -> str:
    """True, false, or NULL; what the parameters say of a word goes before what is known of it."""
    if kind == "BOOLEAN" and not words:
        return given
    value = f"lower({trimmed(f'CAST({given} AS VARCHAR)')})"
    own = {word.strip().lower(): number for word, number in (words or {}).items()}
    cases = "".join(
        f"WHEN {value} IN ({literal(word)}, {literal(word + '.0')}) THEN {'true' if number else 'false'} "
        for word, number in own.items()
        if word
    )
    if "" in own:
        cases += f"WHEN {blank(given, kind)} THEN {'true' if own[''] else 'false'} "
    cases += f"WHEN {value} IN ({_listed(_TRUE)}) THEN true WHEN {value} IN ({_listed(_FALSE)}) THEN false"
    return f"CASE {cases} END"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(map(literal, words))
