"""What customers write, in English and Chinese: themes and tones that a study can find.

A comment is one sentence about what the writer perceives as best or worst (or a second one about the next),
dressed with an opening and an ending. A few carry an e-mail address or a telephone number, all of them made
up: addresses at example.com, numbers from a range that is kept for fiction, or of zeros and a counter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.samples import plan
from cam.samples.draws import Draws, Floats

_TWO_THEMES, _CONTACT = 0.30, 0.012
_ITEMS = {
    "en": ("tea", "face cream", "snack box", "frying pan", "duvet cover", "gift set", "shampoo", "kettle"),
    "zh": ("茶叶", "面霜", "零食礼盒", "平底锅", "被套", "礼品套装", "洗发水", "水壶"),
}

# theme -> language -> (praise, complaint)
_THEMES: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "item_product": {
        "en": (
            ("the {item} is excellent, better than I expected", "very good quality, the {item} feels solid",
             "I love the {item} and bought it again",
             "everything I ordered was fresh and exactly as described",
             "the quality of the {item} is worth every yuan", "great products, my whole family uses them"),
            ("the {item} broke after a week", "poor quality, the {item} looks nothing like the picture",
             "the {item} was close to its expiry date", "I am disappointed with the quality of the {item}",
             "the {item} smelled strange and I threw it away",
             "the material is thin and cheap, not what was promised"),
        ),
        "zh": (
            ("{item}质量很好，比想象中还好", "东西很新鲜，和描述一样", "{item}用起来很舒服，已经回购了",
             "产品质量一直很稳定", "{item}做工扎实，很满意", "全家都喜欢这款{item}"),
            ("{item}用了一周就坏了", "质量太差，{item}和图片完全不一样", "收到的{item}快过期了",
             "{item}有异味，直接扔了", "{item}的质量让人失望", "材质很薄，感觉是次品"),
        ),
    },
    "item_service": {
        "en": (
            ("customer service answered within minutes and was very kind",
             "the staff solved my problem at once",
             "your support team really listens", "very helpful service when I asked about the {item}",
             "the lady on the phone was patient and friendly", "excellent service, I felt taken seriously"),
            ("customer service never answered my messages",
             "the staff were rude when I asked about the {item}",
             "I had to explain my problem four times to four different people",
             "the support chat is only a robot that repeats itself",
             "nobody called me back although they promised",
             "waited forty minutes on the hotline and then was cut off"),
        ),
        "zh": (
            ("客服回复很快，态度也好", "客服很有耐心，问题马上解决了", "服务态度非常好，值得表扬",
             "售后很负责，主动联系我", "店员很热情，给了很多建议", "客服专业，解释得很清楚"),
            ("客服一直不回复消息", "客服态度很差，爱理不理", "打了三次客服电话都没人接",
             "售后互相推卸责任，没人解决问题", "机器人客服答非所问", "说好回电话，结果一直没有消息"),
        ),
    },
    "item_delivery": {
        "en": (
            ("delivery was very fast, it came the next day", "the courier was punctual and polite",
             "my parcel arrived two days early", "shipping is always quick and on time",
             "fast delivery even during the holidays", "I could follow the parcel all the way, well done"),
            ("delivery took two weeks and nobody told me why", "the parcel was late again",
             "the courier left my {item} in the rain", "the tracking has not moved for days",
             "my order arrived late for the birthday", "the delivery date changed three times"),
        ),
        "zh": (
            ("物流很快，第二天就到了", "快递很准时，送货上门", "发货速度快，比预计早到两天",
             "配送一直很及时", "快递小哥很有礼貌", "节假日发货也很快"),
            ("物流太慢了，等了两个星期", "快递又延误了", "快递把{item}扔在门口淋雨",
             "物流信息好几天没有更新", "送货时间改了三次", "没赶上生日，配送太慢"),
        ),
    },
    "item_price": {
        "en": (
            ("good value for money", "the discounts are generous and honest",
             "prices are fair compared with other shops",
             "the {item} was cheaper here than anywhere else", "I like the coupons for members",
             "great price for this quality"),
            ("too expensive for what you get", "the price went up right after I ordered",
             "the coupon did not work at checkout", "shipping costs make it overpriced",
             "I found the same {item} cheaper elsewhere",
             "the discounts are not real, the old price was never charged"),
        ),
        "zh": (
            ("性价比很高", "价格实惠，优惠力度大", "比别家便宜，很划算",
             "会员优惠券很好用", "{item}这个价格很值", "活动价真的便宜"),
            ("价格太贵了，不值", "刚买完就降价，很生气", "优惠券结账时用不了",
             "同样的{item}别家更便宜", "先涨价再打折，套路太多", "运费太高，不划算"),
        ),
    },
    "item_app": {
        "en": (
            ("the app is easy to use", "ordering on the phone takes one minute",
             "I like the new search in the app",
             "the website is clear and quick", "payment in the app works smoothly",
             "the app remembers what I like"),
            ("the app crashes when I pay", "I cannot log in since the update",
             "the website is slow and confusing",
             "the search never finds the {item}", "the app shows too many pop-ups",
             "my basket was empty again after I switched pages"),
        ),
        "zh": (
            ("应用很好用，下单方便", "小程序操作简单", "新版搜索很方便",
             "页面清楚，加载也快", "付款很顺畅", "推荐的东西都是我喜欢的"),
            ("应用一付款就闪退", "更新以后登录不了", "页面卡，找东西很麻烦",
             "搜索{item}什么都找不到", "弹窗广告太多", "购物车又被清空了"),
        ),
    },
    "item_packaging": {
        "en": (
            ("beautiful packaging, it made a lovely gift", "everything was packed with care",
             "I like that the box can be recycled", "the {item} was well protected",
             "nice box, I keep it for other things", "the wrapping is simple and elegant"),
            ("far too much plastic around one small {item}", "the box was crushed",
             "the wrapping looked dirty",
             "hard to open, I needed scissors and a knife", "the packaging is ugly for a gift",
             "the seal of the box was already open"),
        ),
        "zh": (
            ("包装很精美，送人很合适", "包装很用心，没有破损", "盒子环保可以回收",
             "{item}保护得很好", "包装简单大方", "礼盒很漂亮"),
            ("包装太浪费，一个{item}套了很多塑料", "盒子压坏了", "外包装很脏",
             "包装很难拆", "包装太简陋，送不出手", "封口已经开了"),
        ),
    },
}  # fmt: skip
_OPENINGS = {
    "en": (
        "",
        "",
        "",
        "Honestly, ",
        "To be fair, ",
        "As a regular customer: ",
        "This time ",
        "For me ",
        "Second order: ",
    ),
    "zh": ("", "", "", "说实话，", "总的来说，", "老顾客了，", "这次购物，", "个人感觉，", "第二次买了，"),
}
_ENDINGS = {
    ("en", True): (
        "",
        "",
        "!",
        ". Thank you",
        ". Will order again",
        ". Keep it up",
        ". Recommended to friends",
        " :)",
    ),
    ("en", False): (
        "",
        "",
        "!",
        ". Please improve",
        ". Not again",
        ". I want my money back",
        ". What a pity",
        "...",
    ),
    ("zh", True): ("", "", "！", "，谢谢", "，会再来的", "，继续加油", "，推荐给朋友了", "👍"),
    ("zh", False): ("", "", "！", "，希望改进", "，不会再买了", "，要求退款", "，太可惜了", "。。。"),
}
_JOINS = {
    "en": {True: (" and ", "; also, "), False: (", but ", "; however, ")},
    "zh": {True: ("，而且", "，另外"), False: ("，但是", "，不过")},
}
_TICKETS: dict[str, dict[str, tuple[str, ...]]] = {
    "return": {
        "en": ("I sent the {item} back and still wait for my refund", "how can I return the {item}",
               "the refund was less than I paid", "the return label does not work",
               "I want to exchange the {item} for another size", "you refused my return without a reason"),
        "zh": ("{item}已经退回，退款还没到账", "请问{item}怎么退货", "退款金额不对",
               "退货单打印不出来", "想换一个尺寸的{item}", "退货申请被拒绝，没有说明原因"),
    },
    "billing": {
        "en": ("I was charged twice for one order", "the invoice has the wrong name",
               "the coupon was not deducted",
               "my membership fee was taken after I cancelled", "payment failed but the money is gone",
               "please send me an invoice for the {item}"),
        "zh": ("一个订单扣了两次款", "发票抬头开错了", "优惠券没有抵扣",
               "取消会员后还在扣费", "付款失败但是钱被扣了", "请补开{item}的发票"),
    },
}  # fmt: skip
_TICKET_THEME = {
    "app": "item_app",
    "delivery": "item_delivery",
    "product": "item_product",
    "service": "item_service",
}


def survey_comments(perceived: Floats, english: NDArray[np.bool_], draws: Draws) -> pd.DataFrame:
    """Write one comment for each row.

    Parameters
    ----------
    perceived : array, rows x drivers
        What the writer perceives of `plan.DRIVERS`, standard normal: the most striking becomes the theme, and
        its sign the tone. What matters little is also mentioned little.
    english : array of bool
        Writes English, else Chinese.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    DataFrame
        In the order of the rows: `comment`; its `theme` (a driver) and `tone` (praise, complaint); the same
        of its second sentence, `second_theme` and `second_tone` (missing: there is none); `has_contact` (a
        made-up e-mail address or telephone number).

    Examples
    --------
    >>> late = np.array([[0.0, 0.0, -3.0, 0.0, 0.0, 0.0]])
    >>> survey_comments(late, np.array([True]), Draws(7, 0)).loc[0, ["comment", "theme", "tone"]].tolist()
    ['the tracking has not moved for days. What a pity', 'item_delivery', 'complaint']
    """
    n = len(perceived)
    striking = np.abs(perceived) * (plan.DRIVER_WEIGHTS + 0.2)
    by_strength = np.argsort(-striking, axis=1, kind="stable")
    has_two = draws.happens(_TWO_THEMES, n) & (striking.max(axis=1) < 1.2)
    choices = _Choices(draws, n)
    rows = []
    for row in range(n):
        language = "en" if english[row] else "zh"
        first, second = by_strength[row, :2]
        is_praise = bool(perceived[row, first] > 0)
        text = choices.next(row, _OPENINGS[language]) + choices.next(
            row, _sentences(first, language, is_praise)
        )
        second_theme, second_tone = None, None
        if has_two[row]:
            also_praise = bool(perceived[row, second] > 0)
            join = choices.next(row, _JOINS[language][also_praise == is_praise])
            text += join + choices.next(row, _sentences(second, language, also_praise))
            second_theme, second_tone = plan.DRIVERS[second], _tone(also_praise)
        text += choices.next(row, _ENDINGS[language, is_praise])
        text = _finish(text, row, language, choices)
        rows.append((text, plan.DRIVERS[first], _tone(is_praise), second_theme, second_tone))
    columns = ["comment", "theme", "tone", "second_theme", "second_tone"]
    frame = pd.DataFrame(rows, columns=columns, dtype="str")
    texts, contacts = _with_contacts(frame["comment"].tolist(), english, draws)
    return frame.assign(comment=pd.array(texts, dtype="str"), has_contact=contacts)


def _sentences(driver: int, language: str, is_praise: bool) -> tuple[str, ...]:
    return _THEMES[plan.DRIVERS[driver]][language][0 if is_praise else 1]


def _tone(is_praise: bool) -> str:
    return "praise" if is_praise else "complaint"


def ticket_comments(categories: Sequence[str], english: NDArray[np.bool_], draws: Draws) -> list[str]:
    """Write one complaint for each row.

    Parameters
    ----------
    categories : sequence of str
        Categories of the tickets.
    english : array of bool
        Writes English, else Chinese.
    draws : Draws
        The stream to draw from.

    Returns
    -------
    list of str
        In the order of the rows.

    Examples
    --------
    >>> ticket_comments(["billing"], np.array([True]), Draws(2, 0))
    ['Second order: I was charged twice for one order. Please improve']
    """
    n = len(categories)
    choices = _Choices(draws, n)
    texts = []
    for row, category in enumerate(categories):
        language = "en" if english[row] else "zh"
        if category in _TICKETS:
            sentences = _TICKETS[category][language]
        else:
            sentences = _THEMES[_TICKET_THEME[category]][language][1]
        text = choices.next(row, _OPENINGS[language]) + choices.next(row, sentences)
        text += choices.next(row, _ENDINGS[language, False])
        texts.append(_finish(text, row, language, choices))
    return _with_contacts(texts, english, draws)[0]


class _Choices:
    """Uniforms drawn beforehand, one row per comment, spent from left to right."""

    _WIDTH = 8

    def __init__(self, draws: Draws, n: int) -> None:
        self._uniforms = draws.uniform(n * self._WIDTH).reshape(n, self._WIDTH).tolist()
        self._spent = [0] * n

    def next(self, row: int, options: Sequence[str]) -> str:
        u = self._uniforms[row][self._spent[row]]
        self._spent[row] += 1
        return options[min(int(u * len(options)), len(options) - 1)]


def _finish(text: str, row: int, language: str, choices: _Choices) -> str:
    text = text.replace("{item}", choices.next(row, _ITEMS[language]))
    return text if choices.next(row, ("plain", "capital")) == "plain" else text[0].upper() + text[1:]


def _with_contacts(
    texts: list[str], english: NDArray[np.bool_], draws: Draws
) -> tuple[list[str], NDArray[np.bool_]]:
    """Let a few writers ask to be called or written to; and which ones."""
    texts = list(texts)
    asks = draws.happens(_CONTACT, len(texts))
    rows = np.flatnonzero(asks)
    by_mail = draws.happens(0.5, rows.size)
    for k, row in enumerate(rows.tolist()):
        if by_mail[k]:
            contact = f"customer{k:03d}@example.com"
        else:
            contact = f"+1 202-555-01{k % 100:02d}" if english[row] else f"1300000{k:04d}"
        texts[row] += f". Please contact me: {contact}" if english[row] else f"，请联系我：{contact}"
    return texts, asks
