"""Words that the reading of comments knows, as data: of grammar, of courtesy, and what a business is judged by."""

from __future__ import annotations

from collections.abc import Mapping


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: What people write where a form insists: an answer, but no comment. Phrases have an underscore for each space.
NO_COMMENT = _set(
    """
    fine good idk n na nan nil no none nope nothing null ok okay okey test yes 一般 不知道 可以 哈哈 嗯
    好 好的 无 无意见 暂无 暂无意见 没 没了 没意见 没有 没有意见 行 还行 not_applicable no_comment
    no_comments nothing_to_add all_good all_fine n_a
    """
)
#: Words of grammar, of time and of buying as such: they stand in comments on anything.
GRAMMAR = _set(
    """
    a about after again ago ain all also although always am an and another any anything are aren around
    as ask asked at away back be because been before being between bit both bought but buy buying by
    came can can't cant come could couldn couldn't day days did didn didn't do does doesn doesn't doing
    don don't done dont down during each early else etc even ever every everybody everyone everything
    feel felt few find first for found four from further get gets getting give given go going gone got
    had has have having he her here hers him his hour hours how however i i'm i've if im in into is isn
    isn't it it's its ive just keep know last late later let like ll long look looked lot made make
    makes many may me might mine minute minutes month months more most much must my myself near need
    never new next no nobody nor not now of off old on once one only or order ordered ordering other our
    ours out over own per please purchase purchased put quite rather re really s said same say second
    see seem shall she short should shouldn shouldn't since so some someone something soon still such t
    take tell than that the their theirs them then there these they thing think third this those though
    three through time times to today told tomorrow too took tried try two under until up upon us use
    used using ve very via want wanted was wasn wasn't way we week weeks well were what when where which
    while who whom why will with within without won won't work worked would wouldn wouldn't year years
    yesterday yet you your yours 一 一下 一个 一些 一样 一次 一点 一直 三 三次 上 上次 下 下单 下次 不
    不会 不是 不过 与 东西 两 两个 两天 两次 个 个人 个人感觉 中 为 为了 为什么 么 之前 之后 也 买 了 二
    于 些 人 什么 今天 从 他 他们 以 以前 以后 件 会 但 但是 你 你们 做 全家 关于 内 再 再也 几 几天
    出来 分钟 到 前 十分 去 又 及 变得 另外 只 可以 可能 同 后 向 吗 吧 呀 呢 周 和 哈 哦 哪里 啊 啦 嘛
    因为 在 地 外 多 大 大家 天 太 她 好几天 如果 它 完全 对 对于 小时 少 就 就是 已经 年 应该 很 很多
    得 怎么 总 总是 总的来说 您 想 感觉 我 我们 或 所以 才 把 挺 收到 时 时候 明天 星期 昨天 是 更 最 月
    有 有些 有点 来 次 款 每次 比 比较 没 没有 然后 特别 现在 用 由 的 直接 看 真 真是 真的 着 种 第一次
    第二 第二天 第二次 结果 给 老 老实说 而 而且 能 能够 自己 虽然 被 要 觉得 订单 认为 让 说 说实话 谁
    购买 购物 起来 越来越 跟 过 还 还是 还有 这 这个 这么 这些 这样 这次 那 那个 那么 那些 那样 都 都是
    里 里面 需要 非常 马上 高
    """
)
#: Courtesy, praise and blame: how something was, not what. They make the tone, not the theme.
MANNERS = _set(
    """
    contact 请 联系
    amazing awful bad beautiful best better customer customers disappointed disappointing disappointment
    dissatisfied enjoy ever excellent expect expected fair friend friends good great happy hate honestly
    hope horrible improve improved improvement love loved lovely nice ok okay perfect pity pleased poor
    recommend recommended regular satisfied sorry sure terrible thank thanks unhappy wish wonderful
    worse worst 一般 不会 不满意 不错 会再来 值得 再买 再来 加油 可惜 喜欢 垃圾 太可惜 太好 太差 失望 好
    好评 完美 客户 差 差评 希望 建议 很好 很差 很生气 感谢 推荐 改进 方便 朋友 棒 满分 满意 生气 用户
    糟糕 继续 继续加油 老顾客 舒服 表扬 要求 谢谢 赞 非常满意 顾客 麻烦
    """
)

#: What businesses are commonly praised and blamed for: words of one subject speak of the same thing, in either
#: language. A trailing * takes any ending; a Chinese term counts also within a longer word. General terms of trade.
SUBJECTS: Mapping[str, frozenset[str]] = {
    "delivery": _set(
        """
        deliver* shipping shipped shipment* ship courier* parcel* dispatch* tracking driver* postman
        carrier* arrive* 快递 物流 配送 发货 送货 派送 运输 包裹 骑手 签收 送达 到货 外卖员
        """
    ),
    "product": _set(
        """
        product* quality goods material* defect* faulty broke broken damage* fresh freshness expir*
        taste* smell* smelled fabric colour* color* size* durable fake picture* description described
        质量 产品 商品 品质 做工 材质 面料 新鲜 过期 变质 异味 次品 瑕疵 假货 正品 尺码 尺寸 颜色 味道
        口感 掉色 图片 描述
        """
    ),
    "service": _set(
        """
        service* staff support* agent* assistant* employee* representative* hotline* helpdesk chatbot
        robot* chat rude polite friendly helpful patient reply replie* answer* problem* complaint* 客服
        服务 态度 售后 店员 员工 服务员 人员 热线 投诉 耐心 热情 回复 机器人 解决 问题 推卸
        """
    ),
    "price": _set(
        """
        price* pricing cost* expensive cheap* cheaper overpriced discount* coupon* voucher* promotion*
        bargain* deal* fee fees money worth value afford* 价格 价钱 便宜 贵 优惠 优惠券 折扣 打折 促销
        活动 活动价 降价 涨价 性价比 划算 运费 套路 值
        """
    ),
    "app": _set(
        """
        app apps website* site webpage* page* login log password* screen crash* search* basket cart
        checkout popup* click* button* mobile 应用 小程序 网站 页面 网页 界面 登录 闪退 搜索 弹窗 广告
        购物车 加载 卡顿 系统 软件 手机
        """
    ),
    "packaging": _set(
        """
        packag* packed packing wrap* box boxe* carton* plastic seal* 包装 盒子 纸箱 箱子 外包装 封口
        破损 压坏 包得
        """
    ),
    "returns": _set(
        """
        return* refund* exchange* warranty 退货 退款 换货 退换 退回 保修
        """
    ),
    "payment": _set(
        """
        payment* pay paid paying invoice* bill* billing charge* card 付款 支付 发票 账单 扣款 扣费 收费
        """
    ),
    "store": _set(
        """
        store* shop branch* queue* parking cashier* location* 门店 店铺 实体店 店里 排队 停车 收银 环境
        """
    ),
    "range": _set(
        """
        stock selection range assortment availab* choice* variety 缺货 断货 库存 品种 种类 选择
        """
    ),
    "membership": _set(
        """
        member* loyalty subscription* reward* 会员 积分 订阅
        """
    ),
    "network": _set(
        """
        network signal coverage internet broadband outage* 网络 信号 流量 网速 宽带 断网
        """
    ),
    "room": _set(
        """
        room* clean* bed breakfast noise noisy 房间 卫生 干净 早餐 隔音 噪音
        """
    ),
    "food": _set(
        """
        food meal* dish* menu restaurant* 菜品 饭菜 菜单 餐厅 食物
        """
    ),
}
