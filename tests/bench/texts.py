"""What the runs of the bench say: invented, but with the lengths, the languages and the spread of
words of real prompts and answers. The same texts every time."""

from __future__ import annotations

import json
from random import Random

RARE = "quokka"
"""A word in seven of the newest million runs."""
RARE_CHINESE = "鹦鹉"
COMMON = "weather"
"""A word in every second answer in English."""
COMMON_CHINESE = "天气"
"""Two characters that every second answer in Chinese has."""

_SYLLABLES = (
    """an bel cor dan el fin gar hol in jar kel lum mar nor ol pen ril sar tor ul ven wis"""
)
_PLAIN = """
the of and to in is that it for was on are as with they at be this have from or had by but some what
there we can out other were all your when up use how each which their time will way about many then
them would like so these her long make thing see him two has look more day could go come did no most
people my over know than call first who may down side been now find any new work part take get place
made where after back little only round man year came show every good market report price rain sun
wind city train price stock news team release update error server
"""
_CHINESE = """
今天 明天 昨天 北京 上海 广州 气温 下降 上升 有雨 多云 晴朗 市场 价格 报告 团队 发布 更新 服务器 错误
新闻 股票 指数 上涨 下跌 会议 计划 进展 问题 建议 用户 反馈 数据 分析 结果 模型 学习 翻译 词汇 总结
我们 需要 注意 可以 已经 完成 开始 继续 因为 所以 但是 如果 以及 其中 目前 预计 左右 以上 同时 此外
"""


class Texts:
    """`answers` is a pool that runs draw from; `prompts` has one text for each task."""

    def __init__(self, tasks: int, answers: int = 4_000) -> None:
        self._random = Random(1)
        syllables = _SYLLABLES.split()
        rare = {"".join(self._random.choices(syllables, k=3)) for _ in range(6_000)}
        self._words = _PLAIN.split() + sorted(rare)
        self._weights = [1 / (rank + 3) for rank in range(len(self._words))]
        self.answers = [self._answer(number) for number in range(answers)]
        self.prompts = [self._english(self._random.randint(30, 120)) for _ in range(tasks)]

    def messages(self, prompt: str) -> str:
        """As they are stored."""
        said = [
            {"role": "system", "content": "You answer briefly, in the language of the question."},
            {"role": "user", "content": prompt},
        ]
        return json.dumps(said, ensure_ascii=False)

    def _answer(self, number: int) -> str:
        size = min(400, round(20 + self._random.expovariate(1 / 70)))
        if number % 4 == 0:
            return self._chinese(size, COMMON_CHINESE if number % 8 == 0 else "")
        return self._english(size, COMMON if number % 2 == 0 else "")

    def _english(self, size: int, extra: str = "") -> str:
        words = self._random.choices(self._words, self._weights, k=size)
        if extra:
            words[self._random.randrange(size)] = extra
        for at in range(11, size, 12):
            words[at] += "."
        return " ".join(words).capitalize() + "."

    def _chinese(self, size: int, extra: str = "") -> str:
        words = self._random.choices(_CHINESE.split(), k=size)
        if extra:
            words[self._random.randrange(size)] = extra
        for at in range(8, size, 9):
            words[at] += "，" if at % 2 else "。"
        return "".join(words) + "。"
