"""Chinese rules, Traditional and Simplified: names, possessions, places, tastes and wishes, and corrections."""

from __future__ import annotations

import re

from memory.facts.statement import Rule


def _rule(pattern: str, key: str = "{key}", **options: bool) -> Rule:
    return Rule(re.compile(pattern), key, **options)


_VALUE = r"\s*(?P<value>[^。！？；\n]+)"
_KEY = r"(?P<key>[^\s，。！？；：:、的是叫為为「」我你您]{1,12}(?:的[^\s，。！？；：:、的是叫為为「」]{1,8})?)"
_BECOMES = (
    r"\s*(?:現在|现在|目前|其實|其实|已經|已经|後來|后来)?\s*"
    r"(?:是|為|为|叫做|叫|改成了?|改為|改为|換成了?|变成了?|變成了?|：|:)"
)
_WELL_KNOWN = (
    r"(?P<key>(?:公司|家裡|家里|家)?(?:地址|住址|電話|电话|手機號碼|手机号码|手機|手机|生日|信箱|郵箱|邮箱|電子郵件|部門|部门|"
    r"職業|职业|工號|工号|員工編號|学号|學號|站點|站点|案場|公司))"
)

RULES: tuple[Rule, ...] = (
    _rule(
        r"(?:我的?(?:全名|本名|名字|姓名|暱稱|昵称)?(?:叫做|叫作|名叫|叫)|我的?(?:全名|本名|名字|姓名|暱稱|昵称)是|"
        r"(?<!不要)(?<!別)(?<!别)(?:叫|稱呼|称呼)我(?:為|为|作|做)?)"
        r"(?!你|您|他|她|什麼|什么|甚麼|啥|一聲|起床|不|怎|了|過|过|車|车|來|来|去|外)\s*(?P<value>[^，。！？；、\s][^，。！？；、]{0,30})",
        "name",
    ),
    _rule(r"我(?:們|们)?的" + _KEY + _BECOMES + _VALUE),
    _rule(r"我(?:們|们)?" + _WELL_KNOWN + _BECOMES + _VALUE),
    _rule(r"我(?:現在|现在|目前)?住在?(?!院|了|過|过)" + _VALUE, "home"),
    _rule(r"我(?:已經|已经|剛|刚)?搬(?:到|去)了?" + _VALUE, "home"),
    _rule(r"我(?:來自|来自|是從|是从)" + _VALUE, "origin"),
    _rule(r"我(?:現在|现在|目前)?在(?P<value>[^，。！？；\s]{2,20}?)(?:工作|上班|任職|任职)", "work"),
    _rule(r"我是(?:一名|一個|一个|一位|個|个|位)(?P<value>[^，。！？；\s]{2,16})", "i am {value}"),
    _rule(
        r"我是(?P<value>[^，。！？；\s說说想要在否不因覺觉這这那]{1,10}(?:師|师|員|员|生|長|长|醫|医|素食者|媽媽|妈妈|爸爸|人))(?=[，。！\s]|$)",
        "i am {value}",
    ),
    _rule(r"我(?:對|对)(?P<value>[^，。！？；\s]{1,12}?)(?:過敏|过敏)", "allergy"),
    _rule(
        r"我(?:最|很|比較|比较|蠻|蛮|也|都|其實|其实)?(?:喜歡|喜欢|愛喝|愛吃|爱喝|爱吃|熱愛|热爱|討厭|讨厌|不喜歡|不喜欢|不愛|不爱|"
        r"不吃|不喝)(?!這|这|那|你|您|它|上面)" + _VALUE,
        "taste {value}",
    ),
    _rule(r"我(?:比較|比较)?(?:偏好|偏愛|习惯用|習慣用|慣用|惯用)" + _VALUE, "prefer {head}"),
    _rule(
        r"(?:^|[，。！？；：\s])(?:這個|这个|那個|那个|這|这|那|本)?" + _KEY + _BECOMES + _VALUE,
        personal=False,
        exact=True,
    ),
)

STANDING = re.compile(
    r"^(?:請|请)?(?:你|您)?(?:以後|以后|今後|今后|之後|之后|往後|往后|從現在(?:開始|起)|从现在(?:开始|起)|每次|一律|永遠|永远)"
    r".*(?:用|以|回答|回覆|回复|說|说|寫|写|附|引用|不要|別|别|稱呼|称呼).*|^(?:請|请).{0,6}(?:一律|永遠|永远|每次都?)(?:用|以|附|回).*"
)

ASKED = re.compile(
    r"^(?:好|那|另外|對了|对了)?[，,]?\s*(?:麻煩|麻烦)?(?:請|请)?(?:你|您)?(?:要)?(?:幫我|帮我|替我)?"
    r"(?:記住|记住|記得|记得|記下|记下|記一下|记一下|牢記|牢记|別忘了|别忘了|不要忘記|不要忘记|備註|备注)(?:了|來|来)?[：:，,]?\s*(?P<rest>.+)$"
)
ASKED_NOTHING = re.compile(r"^(?:這|这|那|它|我說|我说|嗎|吗|什麼|什么)?.{0,2}$")

FORGET = re.compile(
    r"^(?:請|请|麻煩|麻烦)?(?:你|您)?(?:幫我|帮我|把)?(?:忘記|忘记|忘掉|忘了|刪除|删除|不要再記得|不要再记得)(?:關於|关于)?"
    r"(?P<what>(?:我|所有|全部|一切).*)$"
)

QUESTION = re.compile(
    r"[？?]\s*$|[嗎吗呢]\s*[。？?]?\s*$|什麼|什么|甚麼|哪[裡里個个些位一]|誰|谁|多少|幾[個次年天點号號]|几[个次年天点号]|怎麼|怎么|如何|是否|為何|为何|"
    r"^(?:請問|请问)"
)

_VALUE_END = re.compile(
    r"[，,；;](?!\s*(?:\d|[\u4e00-\u9fff]{0,3}[路街巷號号]))|[。！？!?]|\s*(?:就好|即可|就行|就可以)了?$|[吧喔哦啦呀囉啊]\s*$|而且|但是|因為|因为"
)
_NO_VALUE = re.compile(
    r"^(?:什麼|什么|甚麼|哪|誰|谁|多少|幾|几|怎|否|不是|說|说|想|要|因為|因为|這樣|这样|那樣|那样|指|如何)"
)


def trim(value: str) -> str:
    """A value up to the next thought; "" when it is none."""
    value = value.strip()
    end = _VALUE_END.search(value)
    value = (value[: end.start()] if end else value).strip(" \t，。、；：！？「」『』“”\"'.,;:!?")
    return "" if not value or _NO_VALUE.match(value) or len(value) > 80 else value


_NEW = r"\s*(?P<new>[^，,。！？；]+?)\s*(?=[，,。！？；]|$|才對|才对|喔|哦|啦|了$)"
_OLD = r"\s*(?P<old>[^，,。！？；]+?)\s*"
CORRECTIONS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        rf"把{_OLD}(?:改成|改為|改为|換成|换成){_NEW}",
        rf"不是{_OLD}[，,]?\s*(?:而是|應該是|应该是|是){_NEW}",
        rf"(?:應該是|应该是|是){_NEW}\s*[，,]?\s*(?:而)?不是(?P<old>[^，,。！？；]+)",
        rf"{_OLD}(?:應該|应该)(?:是|改成|改為|改为){_NEW}",
        r"(?:其實|其实|更正|不對|不对|抱歉|說錯了|说错了|打錯了|打错了|應該|应该|我是說|我是说)[，,：:]?\s*"
        rf"(?:它|那|這|这|我)?(?:應該|应该)?(?:是|叫){_NEW}",
        rf"(?:更正|修正)(?:為|为|一下)?[，,：:]{_NEW}",
        rf"(?:^|[，,。])\s*(?:它|那|這|这)?(?:已經|已经|現在|现在)?(?:改成|改為|改为|換成|换成|變成|变成)了?{_NEW}",
    )
)
"""Groups `new` and perhaps `old`; tried in order."""
