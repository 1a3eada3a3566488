"""Columns that name a person: left out unless the parameters ask for them.

A column is personal by its name (in English or Chinese) or by its values: a sample of them is read. What studies need
is not: a region, a city, a postcode, an age or a year of birth says where and how old customers are, not who they are.
The name of a company, shop or product is no person's; a column that is only called ``name`` is a person's unless its
values look like companies, or the table counts their employees. A column that ``data.<table>.columns`` maps never comes
here: who asks for it gets it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import duckdb

from cam.data.engine import identifier
from cam.data.files.sources import Raw

#: Filled values that are read of each column, and the share of them that must have a form.
_SAMPLE, _FEW, _MOST = 1_000, 3, 0.8

NAME, PHONE, EMAIL, ADDRESS = "name of a person", "telephone number", "e-mail address", "address"
IDENTITY, BORN, IP, ACCOUNT = "identity number", "date of birth", "IP address", "account of a person"

REMARK, STAFF = "free text on a person", "name of an employee"

#: Words that make a name speak of something else than the customer's own person.
_OTHER_EN = (
    r"company|business|organi[sz]ation|employer|brand|product|item|sku|store|shop|campaign|plan|package|device|model"
    r"|file|channel|category|segment|event|list|group|tier|team|domain|type|status|count|number of|n|has|is|opt|valid"
    r"|verified|consent|marketing|accepts|subscribed|source|score|rate|quality|service|satisfaction|line|hash|hashed"
    r"|provider|carrier|handset|os|bill|internet|app|preferred|version"
)
_OTHER_ZH = (
    "公司|企业|单位名|店铺|商品|产品|宝贝|品牌|活动|渠道|类型|类别|类目|状态|是否|数量|次数|等级|套餐|型号|运营商|归属地|来源|版本"
    "|满意|评分|得分|态度|服务|费|率|物流|仓库|门店|城市|省|市$|地区|区域|区县|国家|邮编|邮政编码"
)
#: By name: what it is, English words in a row, Chinese texts.
_NAMES: tuple[tuple[str, str, str], ...] = (
    (EMAIL, r"e ?mail( ?address)?|mail address", "邮箱|电子邮件|邮件地址"),
    (
        PHONE,
        r"(tele|mobile|cell|home|work|office|day ?time|evening)? ?(phone|tel)( ?(no|number|nr))?|mobile( ?(no|number))?"
        r"|msisdn|cell( ?(no|number))?|cellphone|fax( ?(no|number))?|whats ?app",
        "手机|电话|联系方式|座机|传真",
    ),
    (
        IDENTITY,
        r"passport( ?(no|number|id))?|national ?id( ?(no|number))?|id ?card( ?(no|number))?"
        r"|identity( ?card)?( ?(no|number))|imei"
        r"|ssn|social ?security( ?(no|number))?|tax ?id|driver'?s? ?licen[cs]e( ?(no|number))?|nino|aadhaar|curp|cpf",
        "身份证|证件号|护照|社保号|驾照|驾驶证",
    ),
    (BORN, r"(date of birth|birth ?date|birth ?day|dob|born( on)?)", "出生日期|出生年月日|生日"),
    (IP, r"(last |client |remote |user )?ip( ?(address|addr))?", "来自ip|ip地址|^ip$|登录ip"),
    (
        ADDRESS,
        r"(home|billing|shipping|delivery|postal|mailing|street|full|customer|contact)? ?(address|addr)( ?(line)? ?\d)?"
        r"|(home |billing |shipping |mailing |other |delivery )?street( ?(name|address|no|number|line ?\d))?",
        "地址|住址|门牌|街道",
    ),
    (
        ACCOUNT,
        r"we ?chat( ?(id|no|number))?|weixin|wx ?id|open ?id|union ?id|qq( ?(no|number))?|line ?id"
        r"|twitter|facebook|instagram|linked ?in( ?url)?|skype|telegram|credit ?card( ?(no|number))?"
        r"|card ?(no|number)|iban|bank ?account( ?(no|number))?",
        "微信号|微信id|^微信$|openid|unionid|^qq|qq号|支付宝账号|支付宝帐号|银行卡号|银行账号|银行帐号|信用卡号|下单[帐账]号|会员[帐账]号|登录[帐账]号",
    ),
    (
        NAME,
        r"(first|last|middle|full|given|family|maiden|sur|fore|nick|user|real|legal|display|screen|contact|customer"
        r"|client|person|buyer|recipient|receiver|consignee|card ?holder|owner|guest|patient|member|subscriber"
        r"|respondent|spouse|billing|shipping|recipient ?(first|last))( ?(first|last|full))? ?names?( ?(1|2|en|zh|cn))?"
        r"|surname|forename|nickname|username|login ?name|consignee|contact ?person",
        "姓名|名字|^姓$|联系人|收货人|收件人|收方|昵称|会员名|用户名|真实名|开户人|持卡人|提货人|买家会员|户主|^法人|法定代表|发票抬头",
    ),
)
#: By the whole name, however few values there are: two salespeople are persons, and so is one place.
_WHOLE: tuple[tuple[str, str, str], ...] = (
    (ADDRESS, r"(.* )?(latitude|longitude|lat|lng|gps)( coordinates?)?", "经度|纬度|经纬"),
    (
        REMARK,
        r"((customer|client|order|internal|staff|sales|private|contact|account|admin|seller|buyer) )?"
        r"(notes?|remarks?|memo)( ?\d)?|notiz(en)?|bemerkung(en)?|notas?",
        "^(客户|订单|内部|卖家|买家|商家|会员|客服)?(备注|备忘|留言|附言)(信息|内容)?$",
    ),
    (
        STAFF,
        r"((account|opportunity|lead|case|deal|potential|contact|record|ticket|customer|client|contract) )?owner"
        r"|(last )?(created|modified|updated|generated|assigned) (by|to)|assignee"
        r"|sales ?(person|man|rep|representative)"
        r"|(account|customer success|relationship) ?manager|ansprechpartner|sachbearbeiter",
        "^(客户|商机|订单|工单|合同|线索|跟进|售后|服务|销售)?(负责人|归属人|所有人|经办人|处理人|跟进人|业务员|销售员|受理人)(姓名)?$"
        "|^(创建人|修改人|提交人|录入人|制单人|操作员|客户经理|销售代表)$",
    ),
)
_TRUTHS = {"yes", "no", "y", "n", "true", "false", "是", "否", "有", "无"}
#: Only called a name: of a person, unless its values or the table's other columns say company.
_BARE_EN = r"name|client( ?name)?|customer( ?name)?|account ?name|contact|recipient"
_BARE_ZH = "^名称$|^客户名$|^客户名称$|^客户$"
_OF_COMPANIES = (
    r"(?i)employees|annual ?revenue|account ?(site|number|type)|company ?size"
    r"|所属行业|员工(数|人数)|人员规模|企业规模|注册资本"
)
_COMPANY = (
    r"(?i)\b(inc|ltd|llc|llp|gmbh|ag|corp|co|company|plc|group|s\.?a|b\.?v|pty|kg|oy|ab|sarl|srl|holdings?|university"
    r"|bank|hospital|school|hotel|restaurant|store|shop|services?|solutions|systems|industries|partners|associates)\b"
    r"|公司|集团|工厂|银行|医院|学校|大学|中心|店|厂|局|所|院|协会|事务所|合作社|工作室|商行|经营部|有限|股份|超市|酒店"
)
_SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范江傅钟卢汪戴崔任"
    "陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚"
)
#: By values: what it is, and the form that nearly all of them have.
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (EMAIL, re.compile(r"[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}")),
    (IP, re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\(.*\))?")),
    (
        PHONE,
        re.compile(
            r"'?(?:\+?86[- ]?)?1[3-9]\d(?:\d{8}|\*{4}\d{4}|[- ]\d{4}[- ]\d{4})|\+[1-9][\d ()./-]{7,18}"
        ),
    ),
    (PHONE, re.compile(r"\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4}|0\d{2,3}-\d{7,8}")),
    (IDENTITY, re.compile(r"\d{3}-\d{2}-\d{4}")),
    (
        ADDRESS,
        re.compile(
            r"\d{1,5}[a-z]? [\w'.]+(?: [\w'.]+){0,4} (?:st|street|ave|avenue|rd|road|dr|drive|ln|lane|blvd|way|court|ct"
            r"|place|pl|square|terrace)\.?\b.*|.*(?:路|街|巷|弄|道).*\d+.*号.*|.*(?:小区|花园|公寓|大厦).*(?:栋|幢|室|单元).*",
            re.IGNORECASE,
        ),
    ),
)
_ID_18 = re.compile(r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]")


def personal_columns(connection: duckdb.DuckDBPyConnection, raw: Raw, names: Iterable[str]) -> dict[str, str]:
    """Return the columns that look personal, each with what it looks like.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read.
    names : iterable of str
        Columns that nobody asked for.

    Returns
    -------
    dict of str to str
    """
    names = list(names)
    is_survey = raw.table == "responses"
    has_companies = any(re.search(_OF_COMPANIES, name) for name in raw.columns)
    samples = _samples(connection, raw, names)
    found = {}
    for name in names:
        what = by_name(name, samples[name], is_survey=is_survey, has_companies=has_companies)
        what = what or by_values(samples[name])
        if what and not (what == IP and re.search("(?i)version|版本", name)):
            found[name] = what
    return found


def by_name(
    name: str, values: Sequence[str], *, is_survey: bool = False, has_companies: bool = False
) -> str | None:
    """What a column is of a person, by its name; its values may say that it is something else.

    Parameters
    ----------
    name : str
        As the source has it.
    values : sequence of str
        Some of its values.
    is_survey : bool
        Whether it may be a question: a long name is one, and its answers stay.
    has_companies : bool
        Whether the table's other columns say that its customers are companies.

    Returns
    -------
    str or None

    Examples
    --------
    >>> by_name("First Name", ["Ann"]), by_name("收货地址", []), by_name("region", ["Leeds"])
    ('name of a person', 'address', None)
    >>> by_name("product_name", ["Pen"]), by_name("name", ["Pen Ltd", "Ink Inc"])
    (None, None)
    """
    plain = unicodedata.normalize("NFKC", name).strip()
    words = " ".join(re.findall(r"[a-z']+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower()))
    han = re.sub(r"\s+", "", plain).lower()
    if is_survey and len(words.split()) + len(re.findall(r"[\u4e00-\u9fff]", plain)) > 8:
        return None
    is_truth = bool(values) and {value.casefold() for value in values} <= _TRUTHS
    for what, english, chinese in _WHOLE:
        is_so = re.fullmatch(english, words) or re.search(chinese, han)
        # A number of an employee or of remarks names nobody.
        has_text = what == ADDRESS or not values or any(any(map(str.isalpha, value)) for value in values)
        if is_so and has_text and not is_truth:
            return what
    if _are_groups(values):
        return None
    # A number, or an id with digits in it, is no name.
    has_words = not values or sum(any(map(str.isalpha, value)) for value in values) >= 0.5 * len(values)
    for what, english, chinese in _NAMES:
        is_english = re.fullmatch(rf"(?:{english})", words) or (
            re.search(rf"(?:^| )(?:{english})$", words) and not re.search(rf"\b(?:{_OTHER_EN})\b", words)
        )
        is_chinese = re.search(chinese, han) and not re.search(_OTHER_ZH, han)
        if (is_english or is_chinese) and (has_words or what != NAME):
            return what
    if re.fullmatch(_BARE_EN, words) or re.search(_BARE_ZH, han):
        are_ids = sum(any(map(str.isdigit, value)) for value in values) > _MOST * len(values)
        return NAME if has_words and not (are_ids or has_companies or are_companies(values)) else None
    return None


def by_values(values: Sequence[str]) -> str | None:
    """What a column is of a person, by the form of nearly all of its values.

    Parameters
    ----------
    values : sequence of str
        Filled values.

    Returns
    -------
    str or None

    Examples
    --------
    >>> by_values(["ann@shop.com", "bob@shop.com", "c.d@mail.org"])
    'e-mail address'
    >>> by_values(["20240105001", "20240105002", "20240105003"])
    """
    if len(values) < _FEW:
        return None
    needed = _MOST * len(values)
    for what, form in _FORMS:
        if sum(bool(form.fullmatch(value)) for value in values) >= needed:
            # Numbers that count up, such as those of orders, begin alike.
            return None if what == PHONE and len({value[-11:-6] for value in values}) == 1 else what
    if sum(bool(_ID_18.fullmatch(value)) and has_valid_check(value) for value in values) >= needed:
        return IDENTITY
    different = set(values)
    if len(different) >= max(20, 0.3 * len(values)) and _are_chinese_names(different):
        return NAME
    return None


def has_valid_check(number: str) -> bool:
    """Whether the last sign of a Chinese identity number fits the others (GB 11643-1999).

    Examples
    --------
    >>> has_valid_check("11010519491231002X"), has_valid_check("110105194912310021")
    (True, False)
    """
    weighed = sum(int(digit) * (2 ** (17 - index) % 11) for index, digit in enumerate(number[:17]))
    return "10X98765432"[weighed % 11] == number[17].upper()


def _are_chinese_names(different: set[str]) -> bool:
    named = sum(
        bool(re.fullmatch(r"[\u4e00-\u9fff]{2,3}", value)) and value[0] in _SURNAMES for value in different
    )
    return named >= _MOST * len(different)


def _are_groups(values: Sequence[str]) -> bool:
    """Whether a column sorts customers into groups (yes and no, 1 to 5), and so names nobody."""
    different = set(values)
    few = len(values) >= 50 and len(different) <= 0.02 * len(values) + 5
    small = bool(values) and all(re.fullmatch(r"\d{1,3}(\.0+)?", value) for value in different)
    return few or small or (len(values) > 5 and len(different) <= 2)


def are_companies(values: Sequence[str]) -> bool:
    """Whether names are those of companies, as far as words in some of them say so.

    Examples
    --------
    >>> are_companies(["Pen Ltd", "Ink Inc", "Nib"]), are_companies(["Ann Lee"])
    (True, False)
    """
    return bool(values) and sum(bool(re.search(_COMPANY, value)) for value in values) >= 0.3 * len(values)


def _samples(connection: duckdb.DuckDBPyConnection, raw: Raw, names: list[str]) -> dict[str, list[str]]:
    """The first filled values of each column, as texts; where the first rows have none, those further down."""
    if not names:
        return {}
    texts = ", ".join(f"trim(CAST({identifier(name)} AS VARCHAR)) AS {identifier(name)}" for name in names)
    rows = connection.execute(f"SELECT {texts} FROM {raw.relation} LIMIT {_SAMPLE}").fetchall()
    found = {name: [row[index] for row in rows if row[index]] for index, name in enumerate(names)}
    for name in names:
        if len(found[name]) < _FEW and len(rows) == _SAMPLE:
            given = f"trim(CAST({identifier(name)} AS VARCHAR))"
            more = connection.execute(
                f"SELECT {given} FROM {raw.relation} WHERE {given} <> '' LIMIT {_SAMPLE}"
            ).fetchall()
            found[name] = [row[0] for row in more]
    return found
