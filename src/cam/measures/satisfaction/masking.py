"""What customers write -> the same without what says who they are: contacts, numbers of cards and papers, names.

Rules find what has a form. A name or an address in the middle of a sentence has none: who shows comments to others
reads them first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

#: A text is read up to here: what comes later is neither counted nor shown.
MOST_CHARACTERS = 5_000

_MARKS = {
    "email": ("[e-mail]", "[邮箱]"),
    "link": ("[link]", "[链接]"),
    "phone": ("[phone]", "[电话]"),
    "id": ("[id number]", "[证件号]"),
    "card": ("[card]", "[卡号]"),
    "account": ("[account]", "[账号]"),
    "order": ("[order number]", "[订单号]"),
    "number": ("[number]", "[号码]"),
    "name": ("[name]", "[姓名]"),
}
_ALL_MARKS = re.compile("|".join(re.escape(mark) for pair in _MARKS.values() for mark in pair))
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")

# Nothing below can match in a text that has none of these: most comments pass here.
_SUSPECT = re.compile(
    r"\d\D{0,4}\d|[@/]|\bat\b|\w\.\w|www|(?i:wechat|weixin|微信|威信|薇信|v信|vx|wx|qq|扣扣|whatsapp|telegram|skype)"
    r"|我叫|姓名|名字|我姓|先生|女士|小姐|太太|(?i:my name|i am called|\b(?:mr|mrs|ms|miss|dr)\b)"
    r"|[〇零一二三四五六七八九幺两]{7}"
)

# --- kinds ---------------------------------------------------------------------------------------

_LATIN = r"0-9A-Za-z\u00c0-\u024f\u0370-\u04ff"
_DOT = r"\s{0,2}(?:\.|。|\(\s?(?:dot|点)\s?\)|\[\s?(?:dot|点)\s?\])\s{0,2}"
_EMAIL = re.compile(
    rf"[{_LATIN}._%+\-]{{1,64}}\s{{0,2}}(?:@|[(\[{{<]\s?(?:at|艾特)\s?[)\]}}>])\s{{0,2}}"
    rf"[{_LATIN}\-]{{1,63}}(?:{_DOT}[{_LATIN}\-]{{2,63}}|{_DOT}(?:中国|公司|网络))*"
    rf"|[{_LATIN}._%+\-]{{1,64}}\s+at\s+[{_LATIN}\-]{{1,63}}(?:\s+dot\s+[{_LATIN}\-]{{2,63}}){{1,3}}",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"(?:https?|ftp)\s?://[^\s\u3000-\u303f\u4e00-\u9fff]+"
    r"|\bwww\.[^\s\u3000-\u303f\u4e00-\u9fff]+"
    r"|(?<![\w@])(?:[0-9A-Za-z\-]{1,63}\.){1,4}(?:com|cn|net|org|io|co|info|me|top|shop|xyz|cc|de|fr|uk|eu)\b"
    r"(?:/[^\s\u3000-\u303f\u4e00-\u9fff]*)?",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"@[0-9A-Za-z_]{3,}")
_ACCOUNT = re.compile(
    r"(?P<word>(?:we\s?chat|weixin|微\s?信|威信|薇信|v信|\bvx|\bwx|\bqq|扣扣|whatsapp|telegram|skype)"
    r"(?P<sure>[\s]{0,2}(?:号码?|账号|id|number|no\.?|[:：#])){0,3}(?:\s{0,2}(?:is|是|为))?\s{0,2})"
    r"(?P<value>[0-9A-Za-z][0-9A-Za-z_\-]{4,31})",
    re.IGNORECASE,
)
# Between two digits of one number: a sign or two, or a pair of brackets.
_GAP = r"[ \t\u00a0\u3000.\-_·•*/()\[\]~‐‑‒–—―−\u0300-\u036f\ufe0f\u20e3]{0,3}"
_MOBILE = re.compile(
    rf"(?<!\d)(?:(?:\+|00)?{_GAP}86{_GAP})?1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!\d)"
    r"|(?<!\d)1[3-9]\d[,，、;；:：]\s?\d{4}[,，、;；:：]\s?\d{4}(?!\d)"
)
_SPOKEN = re.compile(r"\d(?:[\s\-]?\d){8,}")
_AREA = re.compile(
    r"(?<!\d)\(?0?\d{2,4}\)?[ \-.]{1,2}\d{3,4}[ \-.]\d{4}(?!\d)|(?<!\d)0\d{2,3}[ \-]?\d{7,8}(?!\d)"
)
_ABROAD = re.compile(rf"(?:\+|(?<![\d.,])00){_GAP}[1-9](?:{_GAP}\d){{6,14}}(?!\d)")
_CALLED = re.compile(
    r"(?P<word>(?:tel|phone|call|mobile|cell|fax|contact|number|whatsapp|电话|手机|座机|致电|拨打|联系|来电|热线|号码)"
    r"\D{0,14}?)(?P<value>(?<!\d)\d(?:[ \-.()]{0,2}\d){6,7}(?![\d%]))",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"(?P<word>(?:\border|invoice|parcel|tracking|\bcase|ticket|booking|account|member(?:ship)?|customer|订单|单号|运单"
    r"|快递单|会员|卡号|工单|编号|账号)\W{0,2}(?:号码?|编号|number|no\.?|nr\.?|id|#)?\W{0,3}(?:is|是|为)?\W{0,2})"
    r"(?P<value>(?=[A-Za-z\-]{0,6}\d)[0-9A-Za-z\-]*\d[0-9A-Za-z\-]*)",
    re.IGNORECASE,
)
_PAPER = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{1,2}[ \-]?\d{7,9}(?![0-9A-Za-z])")
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?:\s?[0-9A-Z]{4}){2,7}(?:\s?[0-9A-Z]{1,3})?(?![0-9A-Za-z])"
)
_IDENTITY = re.compile(
    rf"(?<!\d)[1-9](?:{_GAP}\d){{16}}{_GAP}[\dXx](?![0-9A-Za-z])|(?<!\d)[1-9](?:{_GAP}\d){{14}}(?!\d)"
)
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d[./\-年]\s?(?:0?[1-9]|1[0-2])[./\-月]\s?(?:0?[1-9]|[12]\d|3[01])(?!\d)"
    r"|(?<!\d)(?:0?[1-9]|[12]\d|3[01])[./\-](?:0?[1-9]|1[0-2])[./\-](?:19|20)\d\d(?!\d)"
    r"|(?<!\d)(?:0?[1-9]|1[0-2])[./\-](?:0?[1-9]|[12]\d|3[01])[./\-](?:19|20)\d\d(?!\d)"
)
_PRICE = re.compile(r"(?<![\d.])\d{1,7}\.\d\d(?![\d.])")
_LONG = re.compile(rf"(?<![\d])\d(?:{_GAP}\d){{8,}}")

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟"
    "谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_HAN_NAME = re.compile(
    rf"(?:我叫|我的名字叫|我的名字是|姓名|名字叫|名字是|我姓)(?:[:：是叫]|\s){{0,2}}"
    rf"(?P<value>[{_SURNAMES}][\u4e00-\u9fff·]{{0,2}})"
)
_HAN_TITLE = re.compile(rf"(?P<value>[{_SURNAMES}])(?:先生|女士|小姐|太太|经理|师傅|老师)")
_NAME = re.compile(
    r"\b(?i:my name is\s|my name's\s|i am called\s|i'm called\s|name\s?[:：])\s*"
    r"(?P<value>[^\W\d_][\w'’\-]*(?:\s[A-Z][\w'’\-]*){0,3})"
    r"|\b(?i:mr|mrs|ms|miss|dr)\b\.?\s+(?P<titled>[A-Z][\w'’\-]*(?:\s[A-Z][\w'’\-]*)?)"
)


def masked(text: str) -> str:
    """Return a comment with a mark in place of whatever tells who wrote it.

    Parameters
    ----------
    text : str
        As the customer wrote it; read up to :data:`MOST_CHARACTERS`.

    Returns
    -------
    str
        E-mail addresses, links, telephone numbers, identity and bank card numbers, WeChat and QQ accounts, numbers of
        orders and any other number of nine digits or more, and names behind "my name is" or before a title are marks:
        ``[phone]``, or ``[电话]`` in a Chinese comment. Prices, dates and counts stay. Full-width digits, signs between
        digits, invisible characters and digits as words (一三八) hide nothing.

    References
    ----------
    ISO/IEC 7812-1:2017, annex B (check digit of cards, Luhn's); GB 11643-1999 (citizens' identity numbers, whose check
    digit is that of ISO 7064, MOD 11-2).

    Examples
    --------
    >>> masked("Call me: +44 20 7946 0958, order 123456 of 30.06.2026 for 1,299.00")
    'Call me: [phone], order [order number] of 30.06.2026 for 1,299.00'
    >>> masked("我的电话是１３８－００１３－８０００")
    '我的电话是[电话]'
    """
    text = unicodedata.normalize("NFC", _seen(text[:MOST_CHARACTERS]))
    if not _SUSPECT.search(_plain(text)):
        return text
    column = 1 if _HAN.search(text) else 0
    for kind, pattern, wanted in _RULES:
        text = _replace(text, _MARKS[kind][column], pattern, wanted)
    return _spoken_numbers(text, _MARKS["phone"][column])


def without_marks(text: str) -> str:
    """Take the marks out again: what they stand for is no word of the comment.

    Parameters
    ----------
    text : str
        From :func:`masked`.

    Returns
    -------
    str

    Examples
    --------
    >>> without_marks("Call me: [phone]")
    'Call me:  '
    """
    return _ALL_MARKS.sub(" ", text)


# --- how -----------------------------------------------------------------------------------------


@cache
def _table() -> dict[int, str]:
    """Every way to write an ASCII sign, to that sign, one for one: places in a text stay what they are."""
    table = {}
    for code in range(0x80, 0x1FBFA):
        sign = chr(code)
        if (
            unicodedata.category(sign) in ("Nd", "No")
            and (digit := unicodedata.digit(sign, None)) is not None
        ):
            table[code] = str(digit)
        elif len(plain := unicodedata.normalize("NFKC", sign)) == 1 and plain.isascii():
            table[code] = plain
    return table | {ord("＠"): "@", ord("﹫"): "@", ord("．"): ".", ord("｡"): "。"}


# The letters O and l in the place of digits are a disguise.
_DISGUISE = re.compile(r"(?<=\d)[oOlI|]+(?![^\W\d_])|(?<!\w)[lI|](?=[3-9][\doOlI]{3})")
_DIGITS = str.maketrans("oOlI|", "00111")
_NUMERALS = str.maketrans("〇零一二三四五六七八九幺两", "0012345678912")


@cache
def _hidden() -> re.Pattern[str]:
    """Signs that nobody sees: controls, formats such as a joiner of no width, halves of a pair."""
    signs = (chr(code) for code in range(0x110000) if chr(code) not in "\n\t")
    return re.compile(
        "[" + "".join(sign for sign in signs if unicodedata.category(sign) in ("Cf", "Cc", "Cs")) + "]"
    )


def _seen(text: str) -> str:
    """Without signs that nobody sees, such as one in the middle of a number."""
    return text if text.isascii() and text.isprintable() else _hidden().sub("", text)


def _plain(text: str) -> str:
    plain = text if text.isascii() else text.translate(_table())
    return _DISGUISE.sub(lambda found: found[0].translate(_DIGITS), plain)


def _replace(
    text: str, mark: str, pattern: re.Pattern[str], wanted: Callable[[re.Match[str]], tuple[int, int] | None]
) -> str:
    """Put the mark where the pattern is wanted, leaving what is marked already."""
    plain, parts, done = _plain(text), [], 0
    taken = [found.span() for found in _ALL_MARKS.finditer(text)]
    for found in pattern.finditer(plain):
        place = wanted(found)
        if place is None or any(place[0] < end and start < place[1] for start, end in taken):
            continue
        parts += [text[done : place[0]], mark]
        done = place[1]
    return "".join([*parts, text[done:]])


def _spoken_numbers(text: str, mark: str) -> str:
    """Mask mobile numbers whose digits are words."""
    if not re.search(r"[〇零一二三四五六七八九幺两]", text):
        return text
    digits = _plain(text).translate(_NUMERALS)
    parts, done = [], 0
    for found in _SPOKEN.finditer(digits):
        if not re.search(r"[〇零一二三四五六七八九幺两]", text[found.start() : found.end()]):
            continue
        parts += [text[done : found.start()], mark]
        done = found.end()
    return "".join([*parts, text[done:]])


def _whole(found: re.Match[str]) -> tuple[int, int]:
    return found.span()


def _value(found: re.Match[str]) -> tuple[int, int]:
    return found.span("value")


def _name(found: re.Match[str]) -> tuple[int, int]:
    return found.span("value" if found["value"] else "titled")


def _account(found: re.Match[str]) -> tuple[int, int] | None:
    # "WeChat is terrible" is an opinion; an account has a digit, or a sign that announces it.
    sure = found["sure"] or re.search(r"[\d_\-]", found["value"])
    return found.span("value") if sure else None


def _order(found: re.Match[str]) -> tuple[int, int] | None:
    return found.span("value") if sum(sign.isdigit() for sign in found["value"]) >= 6 else None


def _called(found: re.Match[str]) -> tuple[int, int] | None:
    return None if _DATE.search(found["value"]) else found.span("value")


def _identity(found: re.Match[str]) -> tuple[int, int] | None:
    digits = re.sub(r"[^\dXx]", "", found[0]).upper()
    born = digits[6:14] if len(digits) == 18 else "19" + digits[6:12]
    is_day = "1900" <= born[:4] < "2100" and "01" <= born[4:6] <= "12" and "01" <= born[6:8] <= "31"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    is_checked = (
        len(digits) == 18
        and digits[17]
        == (
            "10X98765432"[
                sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % 11
            ]
        )
    )
    return found.span() if is_day or is_checked else None


def _card(found: re.Match[str]) -> tuple[int, int] | None:
    digits = [int(sign) for sign in found[0] if sign.isdigit()]
    if not 13 <= len(digits) <= 19 or not _is_long(found[0]):
        return None
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits[::-1])]
    return found.span() if sum(doubled) % 10 == 0 else None


def _long(found: re.Match[str]) -> tuple[int, int] | None:
    return found.span() if _is_long(found[0]) else None


def _is_long(number: str) -> bool:
    """Nine digits or more, without dates, years and prices: one behind the other they are long, too."""
    left = _PRICE.sub(" ", _DATE.sub(" ", number))
    left = re.sub(r"(?<!\d)(?:19|20)\d\d(?!\d)", " ", left)
    return len(re.findall(r"\d", left)) >= 9


_RULES: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], tuple[int, int] | None]], ...] = (
    ("email", _EMAIL, _whole),
    ("link", _LINK, _whole),
    ("id", _IDENTITY, _identity),
    ("card", _IBAN, _whole),
    ("card", _LONG, _card),
    ("phone", _MOBILE, _whole),
    ("phone", _ABROAD, _whole),
    ("account", _ACCOUNT, _account),
    ("account", _HANDLE, _whole),
    ("order", _ORDER, _order),
    ("phone", _CALLED, _called),
    ("id", _PAPER, _whole),
    ("phone", _AREA, _long),
    ("number", _LONG, _long),
    ("name", _HAN_NAME, _value),
    ("name", _HAN_TITLE, _value),
    ("name", _NAME, _name),
)
