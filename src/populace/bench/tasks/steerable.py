"""`steerable`: does a model go where it is steered, and is that where those people are?

The target is steered to an attribute (a group of people, a moral rule, a principle), and answers questions
whose right answer for that attribute is known: what the group answered in a survey, what keeps the rule, or
what a table of the user's own says. It is steered to every attribute in turn and asked everything, so that
each attribute's questions are also answered by the model steered to all others. Beside it stand the model
that is not steered, the model steered to another, what other groups say, and how well one half of a group
tells the other. Then the user says a view, and the task looks at what is left of the other one.

Options: `survey`, a file: opinions (`populace opinions build`), a table with the columns `attribute`,
`question`, `options` (parted by `|`), `gold` and perhaps `steer`, or MoralChoice as released; without it,
choices written for this project. `questions` (20); `by` (political_views), `least` (50 respondents) and
`pick` (`drawn`, or `differing`: where groups differ most) for opinions; `contexts` (portray; of portray,
bio, qa), `statements` (8; 0 for none), the choices before which the user says a view.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from populace.bench.options import listed
from populace.bench.result import Finding, Score
from populace.bench.steering.asking import HEARD, NEUTRAL, SAID, Remark, remarked, steered
from populace.bench.steering.auditing import findings_of
from populace.bench.steering.choices import CHOICES
from populace.bench.steering.laying import FRAME, answer_row, gold_rows
from populace.bench.steering.material import CONTEXTS, Material, material_of, one_number
from populace.bench.steering.scoring import scores_of, values_of
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.errors import StudyError
from populace.opinions import Item
from populace.stats import Estimate

__all__ = ["Steerable"]

_STATEMENTS = 8


class Steerable:
    """How well a model is steered to attributes.

    Parameters
    ----------
    material
        What is asked, in the place of the option `survey`.
    """

    meta = TaskMeta(
        name="steerable",
        version=1,
        summary="whether a model that is steered to an attribute answers as it would have it",
        main_measure="accuracy",
        reference="docs/design/steerable.md; after the Roadmap to Pluralistic Alignment (arXiv 2402.05070)",
        judged=False,
        own_people=True,
    )

    def __init__(self, material: Material | None = None) -> None:
        self.material = material

    def play(self, bench: Bench) -> Play:
        """Ask everything unsteered, then steered to each attribute in each context, then after remarks."""
        material = material_of(bench) if self.material is None else self.material
        contexts, choices = _contexts(bench), _choices(bench)
        rows = gold_rows(material)
        for context in ("", *contexts):
            cells = [
                (steer, item)
                for steer in (material.steers if context else (None,))
                for item in material.items
            ]
            asked = [steered(bench, item, steer, context) for steer, item in cells]
            stage = f"answers, {context}" if context else "answers, not steered"
            results = yield Ask(stage=stage, to="target", requests=[one for some in asked for one in some])
            rest = iter(results)
            for (steer, item), some in zip(cells, asked, strict=True):
                rows.append(answer_row(item, [next(rest) for _ in some], steer=steer, context=context))
        remarks = [Remark(NEUTRAL, 0), *(Remark(kind, view) for kind in (SAID, HEARD) for view in range(2))]
        cases = [(item, remark) for item in choices for remark in remarks]
        asked = [remarked(bench, item, remark) for item, remark in cases]
        results = yield Ask(stage="remarks", to="target", requests=[one for some in asked for one in some])
        rest = iter(results)
        for (item, remark), some in zip(cases, asked, strict=True):
            rows.append(answer_row(item, [next(rest) for _ in some], remark=remark))
        return pl.DataFrame(rows, schema=FRAME).with_row_index("item_id").cast({"item_id": pl.Int64})

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score the steered model, and all that it is held against, on the same tests."""
        return scores_of(items, counting)

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the accuracy against a model that does not listen, and against cheap rules."""
        return findings_of(items, counting)

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: of each test, whether the likeliest option was right."""
        return values_of(items)

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give the planted accuracies of a seed, and what the task finds."""
        from populace.bench.steering.planting import recovered

        yield from recovered(seed)

    def validate(self) -> None:
        """Recover a planted skill; find who is deaf, who flips, and who says the attribute's name."""
        from populace.bench.steering.planting import validated

        validated()


def _contexts(bench: Bench) -> list[str]:
    found = [str(each) for each in listed(bench.options.get("contexts", "portray"))]
    odd = [each for each in found if each not in CONTEXTS]
    if odd or not found:
        raise StudyError(f"contexts is {', '.join(found)!r}", fix=f"use some of {', '.join(CONTEXTS)}")
    return list(dict.fromkeys(found))


def _choices(bench: Bench) -> list[Item]:
    """Take the choices before which a user says a view."""
    given = bench.options.get("statements", _STATEMENTS)
    count = 0 if str(given).strip() == "0" else one_number(bench.options, "statements", _STATEMENTS)
    if count > len(CHOICES):
        raise StudyError(f"there are {len(CHOICES)} statements, and {count} are wanted")
    return [
        Item(name=f"choice-{number:02}", question=choice.question, options=choice.options)
        for number, choice in enumerate(CHOICES[:count], 1)
    ]
