"""The words of the parallel sentences, English beside Chinese: what there is, what may be done to what, and how it is.

A noun brings its measure word, a verb what it may be done to and where, and an adjective what may be so: it has a row
for each of its senses.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from course_utils.data.world.lexicon import PEOPLE, TOWNS


class Phrase(NamedTuple):
    """English words and their translation, separated by spaces."""

    en: str
    zh: str


class Noun(NamedTuple):
    """A noun, its plural, its translation, and the measure word that stands between a number and it."""

    en: str
    plural: str
    zh: str
    measure: str


class Verb(NamedTuple):
    """A verb's forms, its translation, what it may be done to, and where; `doing` is "" for a deed of a moment."""

    base: str
    past: str
    done: str
    doing: str
    zh: str
    objects: tuple[str, ...]
    places: tuple[str, ...]


class Adjective(NamedTuple):
    """One sense of an adjective: its translation, that of its comparative, and what may be so: nouns, or `People`."""

    en: str
    comparative: str
    zh: str
    compared: str
    nouns: tuple[str, ...]

    @property
    def of_people(self) -> bool:
        """Whether this is what people are."""
        return self.nouns == ("People",)


def rows(text: str) -> list[list[str]]:
    """A table: lines of cells that a bar separates."""
    return [[" ".join(cell.split()) for cell in line.split("|")] for line in text.strip().splitlines()]


def phrases(text: str) -> tuple[Phrase, ...]:
    """A table of two columns.

    >>> phrases("last week | 上周")
    (Phrase(en='last week', zh='上周'),)
    """
    return tuple(Phrase(en, zh) for en, zh in rows(text))


def _pairs(text: str) -> dict[str, str]:
    """Words and their translations, a comma after each pair."""
    return dict(pair.split() for pair in text.split(","))


def _nouns(text: str) -> tuple[Noun, ...]:
    return tuple(Noun(*row.split()) for row in text.split(","))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_SYLLABLES = {
    consonant + vowel: character
    for consonant, characters in _pairs(
        """
        b 布巴贝比博布, c 克卡塞西科库, d 德达德迪多杜, f 夫法费菲福富, g 格加盖吉戈古, h 赫哈赫希霍胡, j 吉贾杰吉乔朱,
        k 克卡凯基科库, l 尔拉莱利洛卢, m 姆马梅米莫穆, n 恩纳内尼诺努, p 普帕佩皮波普, r 尔拉雷里罗鲁, s 斯萨塞西索苏,
        t 特塔特蒂托图, v 夫瓦韦维沃武, w 乌瓦韦威沃伍, z 兹扎泽齐佐祖
        """
    ).items()
    for vowel, character in zip(["", *"aeiou"], characters, strict=True)
} | dict(zip("aeiou", "阿埃伊奥乌", strict=True))


def transliterate(name: str) -> str:
    """A name in Chinese: a character for each consonant with its vowel, each other vowel, each other consonant.

    A doubled letter counts once, and x as ks.

    >>> transliterate("adra"), transliterate("wexam")
    ('阿德拉', '韦克萨姆')
    """
    letters = re.sub(r"(.)\1", r"\1", name.replace("x", "ks"))
    return "".join(_SYLLABLES[syllable] for syllable in re.findall(r"[^aeiou]?[aeiou]|[^aeiou]", letters))


NAMES: Mapping[str, str] = MappingProxyType({name: transliterate(name) for name in (*PEOPLE, *TOWNS)})

NOUNS: Mapping[str, Noun] = MappingProxyType(
    {
        noun.en: noun
        for noun in _nouns(
            """
            cat cats 猫 只, dog dogs 狗 只, horse horses 马 匹, cow cows 牛 头, sheep sheep 羊 只, pig pigs 猪 头,
            duck ducks 鸭子 只, bear bears 熊 头, book books 书 本, letter letters 信 封,
            newspaper newspapers 报纸 份, umbrella umbrellas 伞 把, car cars 汽车 辆, bicycle bicycles 自行车 辆,
            ring rings 戒指 枚, key keys 钥匙 把, vase vases 花瓶 个, cup cups 杯子 个, lamp lamps 灯 盏,
            apple apples 苹果 个, cake cakes 蛋糕 个, picture pictures 画 幅, tree trees 树 棵,
            house houses 房子 座, hat hats 帽子 顶, watch watches 手表 块, coat coats 大衣 件,
            shirt shirts 衬衫 件, dress dresses 裙子 条, window windows 窗户 扇, table tables 桌子 张,
            chair chairs 椅子 把, box boxes 箱子 个, man men 男人 个, woman women 女人 个, boy boys 男孩 个,
            girl girls 女孩 个
            """
        )
    }
)
PROFESSIONS: Mapping[str, str] = MappingProxyType(
    _pairs(
        """
        baker 面包师, doctor 医生, teacher 老师, farmer 农民, carpenter 木匠, painter 画家, smith 铁匠, fisher 渔夫,
        miner 矿工, cook 厨师, gardener 园丁, judge 法官, potter 陶工, chemist 化学家, astronomer 天文学家
        """
    )
)
WORKPLACES: Mapping[str, str] = MappingProxyType(
    _pairs(
        """
        bakery 面包店, hospital 医院, school 学校, farm 农场, workshop 作坊, studio 画室, forge 铁匠铺, harbour 港口,
        mine 矿山, kitchen 厨房, garden 花园, court 法院, pottery 陶坊, laboratory 实验室, observatory 天文台
        """
    )
)
_HAUNTS = _pairs("library 图书馆, market 市场, park 公园")
PLACES: Mapping[str, Phrase] = MappingProxyType(
    {"home": Phrase("at home", "在 家")}
    | {place: Phrase(f"in the {place}", f"在 {zh}") for place, zh in (_HAUNTS | dict(WORKPLACES)).items()}
)

# What one may do again and again, with a form in -ing: read | read | read | reading.
MAKING = tuple(
    Verb(base, past, done, doing, zh, _words(objects), _words(places))
    for base, past, done, doing, zh, objects, places in rows(
        """
        read | read | read | reading | 看 | book letter newspaper | home library park school
        write | wrote | written | writing | 写 | book letter | home library school
        draw | drew | drawn | drawing | 画 | cat dog horse cow sheep pig duck bear tree house | home park school studio
        buy | bought | bought | buying | 买 | book umbrella hat coat bicycle vase cake apple picture | market
        eat | ate | eaten | eating | 吃 | apple cake | home park kitchen garden
        """
    )
)
# What happens to a thing, so that Chinese says it with 把 or 被.
CHANGING = tuple(
    Verb(base, past, done, "", zh, _words(objects), _words(places))
    for base, past, done, zh, objects, places in rows(
        """
        find | found | found | 找到 | book umbrella hat ring key watch | home library park market
        sell | sold | sold | 卖 | car bicycle vase ring picture | market
        break | broke | broken | 打破 | vase cup window | home school kitchen
        repair | repaired | repaired | 修好 | car bicycle lamp watch | home workshop
        lose | lost | lost | 弄丢 | letter umbrella hat ring key | park market school
        steal | stole | stolen | 偷走 | car bicycle ring picture vase | market park
        borrow | borrowed | borrowed | 借走 | book umbrella bicycle | library school
        """
    )
)
ADJECTIVES = tuple(
    Adjective(en, comparative, zh, compared, _words(nouns))
    for en, comparative, zh, compared, nouns in rows(
        """
        old | older | 旧 | 旧 | book letter umbrella car bicycle house coat hat picture
        old | older | 老 | 大 | People
        old | older | 老 | 老 | cat dog horse
        short | shorter | 短 | 短 | letter coat dress
        short | shorter | 矮 | 矮 | People
        short | shorter | 矮 | 矮 | tree table chair
        tall | taller | 高 | 高 | People
        tall | taller | 高 | 高 | tree house
        young | younger | 年轻 | 年轻 | People
        big | bigger | 大 | 大 | cat dog horse house box tree apple
        small | smaller | 小 | 小 | cat dog horse house box tree apple
        heavy | heavier | 重 | 重 | box chair table lamp book pig cow
        expensive | more expensive | 贵 | 贵 | car ring hat coat vase watch horse picture
        beautiful | more beautiful | 漂亮 | 漂亮 | ring hat vase house horse picture dress
        new | newer | 新 | 新 | car bicycle house hat umbrella watch
        """
    )
)
ATTRIBUTES = "旧老大小新"  # adjectives that stand before a noun without 的
COLOURS = phrases("black | 黑色\nwhite | 白色\nred | 红色\nblue | 蓝色")
GARMENTS: Mapping[str, str] = MappingProxyType(_pairs("hat 戴, watch 戴, coat 穿, shirt 穿, dress 穿"))
# A game or an instrument, the verb for playing it, and where it is played.
GAMES = tuple(
    (Phrase(en, zh), verb, _words(places))
    for en, verb, zh, places in rows(
        """
        the piano | 弹 | 钢琴 | home school
        the guitar | 弹 | 吉他 | home park
        the violin | 拉 | 小提琴 | home studio
        football | 踢 | 足球 | park school
        basketball | 打 | 篮球 | park school
        chess | 下 | 棋 | home park library
        games | 玩 | 游戏 | home school
        """
    )
)
VEHICLES = phrases("train | 坐 火车\nbus | 坐 公交车\nship | 坐 船\nbicycle | 骑 自行车")
SPOTS = tuple(
    Phrase(f"{en} the {noun}", f"{NOUNS[noun].zh} {zh}")
    for en, zh, nouns in rows(
        """
        on | 上 | table chair box
        under | 下面 | table chair tree
        in | 里 | box car house
        behind | 后面 | box tree house car
        next to | 旁边 | table tree house window
        """
    )
    for noun in nouns.split()
)
LAID = _words("book letter newspaper umbrella key vase cup lamp hat coat")  # what lies somewhere
OWNED = _words("book umbrella car bicycle ring key watch house hat coat letter picture")
GIFTS = _words("book letter umbrella ring key vase apple cake picture hat watch dress")
PAST = phrases("yesterday | 昨天\nthis morning | 今天 早上\nlast week | 上周\nlast year | 去年")
FUTURE = phrases("tomorrow | 明天\nnext week | 下周\nnext year | 明年")
NUMBERS = phrases("two | 两\nthree | 三\nfour | 四")
THIS, THAT, THE = phrases("this | 这\nthat | 那\nthe | 那")
HAPPY, SAD = phrases("happy | 高兴\nsad | 难过")
FEELINGS = {"find": HAPPY, "repair": HAPPY, "sell": HAPPY, "lose": SAD, "break": SAD}

# The first sense of the words that no table above has; "" where Chinese has none.
FUNCTION_WORDS: Mapping[str, str] = MappingProxyType(
    dict(
        phrases(
            """
            . | 。
            ? | ？
            a | 一
            an | 一
            is | 是
            are | 是
            am | 是
            was |
            did |
            do |
            does |
            has | 有
            have | 有
            will | 要
            can | 会
            not | 不
            already | 已经
            often | 经常
            very | 很
            much | 很
            more | 更
            than | 比
            as | 一样
            and | 和
            with | 和
            of | 的
            to |
            sent | 寄
            send | 寄
            by | 被
            in | 在
            at | 在
            on | 上
            under | 下面
            behind | 后面
            next | 下
            there |
            because | 因为
            who | 谁
            what | 什么
            where | 哪里
            when | 什么 时候
            morning | 早上
            last | 上
            week | 星期
            year | 年
            home | 家
            put | 放
            gave | 给
            go | 去
            went | 去
            like | 喜欢
            likes | 喜欢
            knows | 认识
            lives | 住
            works | 工作
            belongs |
            called | 叫
            married | 结婚
            friend | 朋友
            friends | 朋友
            wearing | 穿
            play | 玩
            plays | 玩
            playing | 玩
            brother | 哥哥
            sister | 姐姐
            """
        )
    )
)
