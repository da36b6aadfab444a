"""Statements without a model: rules that read what people said of themselves, and how they answered.

They are few and sure rather than many: a rule speaks where the words are plain, in English, and is silent
elsewhere. Values, moral foundations and patterns of emotion are left to models. A test with people who judged
was not made.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from populace.memory.item import Kept
from populace.memory.stating import Draft

__all__ = ["concluded", "read_items"]

_TOPIC = 3
"""Items from which on a topic is one of the person's."""
_HABIT, _SHARE = 5, 0.6
_OBJECT = r"(?P<what>(?:[\w'’-]+ ?){1,6})"
_STOP = re.compile(r"\b(because|but|and|when|if|since|so|although|which|that|who|as)\b.*$", re.IGNORECASE)
_FOR = re.compile(
    rf"\bI(?: \w+ly)? (?:support|favou?r|love|like|believe in|am for|trust) {_OBJECT}", re.IGNORECASE
)
_AGAINST = re.compile(
    r"\bI(?: \w+ly)? (?:oppose|hate|dislike|am against|distrust|don['’]t (?:support|like|trust|believe in)) "
    rf"{_OBJECT}",
    re.IGNORECASE,
)
_WORKS = re.compile(
    r"\bI(?: work|['’]m working| am working) as an? (?P<what>[\w-]+(?: [\w-]+)?)", re.IGNORECASE
)
_ROLE = re.compile(
    r"\b(?:I am|I['’]m|(?<!work )(?<!working )as) an? "
    r"(?P<what>(?:(?:single|retired|proud|working|stay-at-home|first-time|new) )?"
    r"(?:mother|father|parent|mom|mum|dad|grandmother|grandfather|grandparent|student|teacher|nurse|doctor|"
    r"veteran|immigrant|farmer|engineer|widow|widower|caregiver|carer|neighbou?r|volunteer|pensioner|retiree))\b",
    re.IGNORECASE,
)
_IDEOLOGY = re.compile(
    r"\bI(?: am|['’]m) an? (?:\w+ly )?(?P<what>conservative|liberal|progressive|libertarian|socialist|"
    r"communist|democrat|republican|independent|centrist|moderate|feminist|environmentalist|christian|catholic|muslim|"
    r"jew|hindu|buddhist|atheist|agnostic)\b",
    re.IGNORECASE,
)
_OWNS = re.compile(
    r"\bI(?: \w+ly)? own an? (?P<what>[\w-]+(?: [\w-]+)?)|\bmy (?P<pet>dog|cat|horse|house|farm|boat)\b",
    re.IGNORECASE,
)


def read_items(
    items: Sequence[Kept],
    topics: Iterable[tuple[str, tuple[int, ...]]] = (),
    repeated: Sequence[Kept] = (),
) -> list[Draft]:
    """Distil statements from items of one person.

    Parameters
    ----------
    items
        New ones, in the order they came.
    topics
        Topics with the numbers of all items of them.
    repeated
        All items of questions with options that were answered more than once: which answer holds, and since
        when. Of the others a statement would say what the item says.

    Examples
    --------
    >>> from populace.memory import Consent, Item
    >>> said = Item(response="I'm a nurse and I strongly support gun control.", time=5.0)
    >>> for draft in read_items([Kept(1, "ada", said, Consent(("research",)))]):
    ...     print(draft.field, "|", draft.text)
    issues | gun control: is for it
    roles | nurse
    """
    drafts = [Draft("topics", "", topic, numbers, 1.0) for topic, numbers in topics if len(numbers) >= _TOPIC]
    for each in repeated:
        about = " ".join(each.item.text.replace(": ", " ").split())
        drafts.append(Draft("issues", about, each.item.response, (each.item_id,), 1.0, each.item.time))
    for each in items:
        if not each.item.options:
            drafts += _said(each, each.item.response or each.item.text)
    return drafts


def _said(each: Kept, text: str) -> list[Draft]:
    found: list[Draft] = []
    for pattern, stand in ((_FOR, "is for it"), (_AGAINST, "is against it")):
        for match in pattern.finditer(text):
            about = _STOP.sub("", match["what"]).strip(" .,'’-")
            if about:
                found.append(Draft("issues", about.lower(), stand, (each.item_id,), 0.8, each.item.time))
    for pattern, field in (
        (_WORKS, "profession"),
        (_ROLE, "roles"),
        (_IDEOLOGY, "ideologies"),
        (_OWNS, "possessions"),
    ):
        for match in pattern.finditer(text):
            what = match["what"] or match["pet"]
            what = _STOP.sub("", what).strip().lower()
            if what:
                found.append(Draft(field, "", what, (each.item_id,), 0.8, each.item.time))
    return found


def concluded(items: Sequence[Kept]) -> list[Draft]:
    """Conclude from all items of one person what they usually answer on a topic.

    The confidence is the lower end of Wilson's interval (1927) of the answer's share.

    Examples
    --------
    >>> from populace.memory import Consent, Item
    >>> one = Consent(("research",))
    >>> told = [Item(text=f"Tax {n}?", response="No", options=("Yes", "No"), topic="taxes") for n in range(6)]
    >>> found = concluded([Kept(n, "ada", item, one) for n, item in enumerate(told)])
    >>> found[0].text, round(found[0].confidence, 2)
    ('taxes: usually answers No', 0.61)
    """
    told: dict[tuple[str, tuple[str, ...]], list[Kept]] = {}
    for each in items:
        if each.item.topic and each.item.options:
            told.setdefault((each.item.topic, each.item.options), []).append(each)
    drafts = []
    for (topic, _), mine in sorted(told.items()):
        counts = Counter(each.item.response for each in mine)
        (response, count), total = min(counts.items(), key=lambda pair: (-pair[1], pair[0])), len(mine)
        if total >= _HABIT and count >= _SHARE * total:
            about = topic.replace(": ", " ")
            numbers = tuple(each.item_id for each in mine)
            low = _wilson(count, total)
            drafts.append(Draft("analysis", about, f"usually answers {response}", numbers, low, _last(mine)))
    return drafts


def _last(items: Sequence[Kept]) -> float | None:
    return max((each.item.time for each in items if each.item.time is not None), default=None)


def _wilson(count: int, total: int, z: float = 1.96) -> float:
    share = count / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (centre - spread) / (1 + z * z / total)
