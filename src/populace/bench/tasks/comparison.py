"""`comparison`: two personas, one question, an answer for each: whose is which?

PERSONA Bench has such a task behind a closed server, on pairs of personas whose answers ought to differ. Here
pairs are drawn near to each other, in the middle and far apart (`populace.bench.apart`). The judge is shown
both descriptions and one answer, and says whose it is (two-alternative forced choice, chance one half, in
both orders of the people); and each persona chooses between the two answers, its own and the other's. With
`gold`, a file of what real people answered, nothing is generated: the judge's reading of people is measured.

Options: `gold`, a path (`populace.bench.gold`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from msgspec import structs

from populace.bench.apart import GROUPS, pairs_of
from populace.bench.dyads import dyadic_mean
from populace.bench.elicit import TEMPLATES, Question, answer, prefer, questions, text_of, verdicts
from populace.bench.gold import Gold, read_gold
from populace.bench.options import known
from populace.bench.planted import planted_bench
from populace.bench.planted_words import planted_deaf, planted_guesser, planted_speaker
from populace.bench.result import Finding, Score
from populace.bench.runner import play
from populace.bench.scoring import bookkeeping, columns, value
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.bench.wording import ALIKE, copied, shingle_distances
from populace.models.records import Choice, ChooseRequest, Message, Result
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["Comparison"]

_MOST = 1_000_000
"""Pairs of people's answers looked at; of more, so many are drawn."""
_RELATION = {"answers": "was this answer written for", "people": "gave this answer"}
"""Arm -> what is asked: the model answers a person, people answer for themselves."""


class Comparison:
    """Share of answers that are given to the right one of two personas."""

    meta = TaskMeta(
        name="comparison",
        version=1,
        summary="whether an answer tells which of two personas it is for",
        main_measure="right",
        reference="after `comparison` of PERSONA Bench (arXiv 2407.17387), whose own is closed",
    )

    def play(self, bench: Bench) -> Play:
        """Answer both people of each pair; then ask whose each answer is, and each person for a choice."""
        known("comparison", bench.options, ["gold"])
        gold = read_gold(bench.options["gold"], bench) if bench.options.get("gold") else None
        if gold is not None:
            bench = replace(bench, personas=gold.personas)
        items = _drawn(bench) if gold is None else _answered(bench, gold)
        profiles = bench.profiles()
        # Two people cannot both be addressed as *you*.
        shown = replace(bench, template="story").profiles() if bench.template == "profile" else profiles
        if gold is None:
            asked = [
                answer(bench, prompt, profile=profiles[who])
                for who, prompt in items.select("persona_id", "prompt").iter_rows()
            ]
            found = yield Ask(stage="answers", to="target", requests=asked)
            items = items.with_columns(pl.Series("answer", map(text_of, found), dtype=pl.String))
        # The rows of a pair follow each other: the rival's answer is the other row's.
        other = [row + 1 - 2 * (row % 2) for row in range(items.height)]
        items = items.with_columns(items["answer"][other].alias("rival"))
        rows = items.select("persona_id", "other_id", "prompt", "answer", "rival", "arm").rows()
        likely = bench.way == "likelihood"
        whose = [
            _by_likelihood(bench, (profiles[who], profiles[two]), prompt, own, rival)
            if likely
            else _shown(bench, (shown[who], shown[two]), prompt, own, _RELATION[arm])
            for who, two, prompt, own, rival, arm in rows
        ]
        found = yield Ask(stage="whose", to="judge", requests=questions(whose))
        if likely:
            found = _contrasted(found)
        items = items.with_columns(columns("whose", verdicts(bench, whose, found)))
        choices = [prefer(bench, profiles[who], prompt, own, rival) for who, _, prompt, own, rival, _ in rows]
        found = yield Ask(stage="choice", to="judge", requests=questions(choices))
        items = items.with_columns(columns("choice", verdicts(bench, choices, found)))
        overlap = [
            (copied(own, profiles[who]), copied(own, profiles[two])) if own else (None, None)
            for who, two, _, own, _, _ in rows
        ]
        return items.with_columns(
            pl.Series("copied", [own for own, _ in overlap], dtype=pl.Float64),
            pl.Series("copied_other", [two for _, two in overlap], dtype=pl.Float64),
        )

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Count right answers and own choices, of all pairs and by distance."""
        scores = []
        for measure, name in (("right", "whose"), ("own_choice", "choice")):
            for arm in ("", *GROUPS):
                rows = items.filter(group=arm) if arm else items
                scores.append(Score(measure=measure, arm=arm, estimate=_share(rows, name, counting)))
            scores += bookkeeping(items, name, "", counting)
        return scores

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the share right against copies of the description, and against one answer for all."""
        right = _share(items, "whose", counting)
        told = items.with_columns(
            pl.when(pl.col("copied") > pl.col("copied_other"))
            .then(1.0)
            .when(pl.col("copied") < pl.col("copied_other"))
            .then(0.0)
            .when(pl.col("copied").is_not_null())
            .then(0.5)
            .alias("rule")
        )
        rule = _mean(told, "rule", counting)
        explains = rule.defined and rule.low > 0.5 and rule.value - 0.5 >= (right.value - 0.5) / 2
        pairs = items.filter(pl.int_range(pl.len()) % 2 == 0).drop_nulls(["answer", "rival"])
        same = [
            float(shingle_distances([one, two])[0, 1] <= ALIKE)
            for one, two in pairs.select("answer", "rival").iter_rows()
        ]
        alike = _mean(pairs.with_columns(pl.Series("same", same, dtype=pl.Float64)), "same", counting)
        return [
            Finding(
                name="copying rule",
                what="gives an answer to the person with whose description it has more runs of three words"
                " in common, and tosses a coin where none has more",
                shortcut=rule,
                beside=right,
                passed=not explains,
                why="fails where the rule is right by at least half of what the judge is above one half,"
                " and its interval lies above one half",
            ),
            Finding(
                name="one answer for all",
                what=f"share of pairs whose two answers are near-duplicates (apart by {ALIKE} at most)",
                shortcut=alike,
                passed=not (alike.defined and alike.value > 0.5),
                why="fails where more than half of the pairs were answered alike",
            ),
        ]

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: whether an answer was given to the right person."""
        return items.select("persona_id", "other_id", "prompt_id", "arm", value("whose").alias("value"))

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give planted shares, and what the task finds on planted people of a seed."""
        yield from self._recovered(seed, Counting(seed=seed))

    def validate(self) -> None:
        """Recover a planted share, and find the target that ignores people and the one that parrots them."""
        # Of an interval at 95 % one seed in twenty fails by chance: here it is wider.
        counting = Counting(level=0.999)
        for what, planted, found in self._recovered(0, counting):
            assert found.low <= planted <= found.high, (what, planted, found)
        bench, models = planted_bench(planted_deaf(), planted_guesser(), people=80)
        items = play(self, bench, models)
        found = self.score(items, counting)[0].estimate
        assert found.low <= 0.5 <= found.high, found
        assert not self.audit(items, counting)[1].passed
        bench, models = planted_bench(planted_speaker(0.7, parrots=True), planted_guesser(), people=80)
        assert not self.audit(play(self, bench, models), counting)[0].passed

    def _recovered(self, seed: int, counting: Counting) -> Iterator[tuple[str, float, Estimate]]:
        skill = 0.7
        models = planted_speaker(skill, seed=seed), planted_guesser(seed=seed)
        bench, played = planted_bench(*models, people=80, seed=seed)
        items = play(self, bench, played)
        tastes = dict(bench.personas.select("persona_id", pl.col("lifestyle").str.slice(16, 1)).iter_rows())
        unlike = [tastes[a] != tastes[b] for a, b in items.select("persona_id", "other_id").iter_rows()]
        share = sum(unlike) / len(unlike)
        # A letter not its own is the other's in one of three, and the guess is wrong; else it is a coin's.
        planted = share * (skill + (1 - skill) / 3) + (1 - share) / 2
        yield "right", planted, self.score(items, counting)[0].estimate
        assert all(finding.passed for finding in self.audit(items, counting))


def _drawn(bench: Bench) -> pl.DataFrame:
    """Pairs of people, and a question to each."""
    pairs = pairs_of(bench.personas, bench.items, bench.seed)
    order = stream(bench.seed, "bench.comparison").permutation(bench.prompts.height)
    asked = bench.prompts[order[np.arange(pairs.height) % len(order)].tolist()]
    ids = bench.personas["persona_id"]
    return _two_rows(
        pairs.with_columns(
            ids[pairs["first"].to_list()].alias("one"),
            ids[pairs["second"].to_list()].alias("two"),
            asked["prompt_id"],
            asked["text"].alias("prompt"),
            pl.lit(None, pl.String).alias("answer_one"),
            pl.lit(None, pl.String).alias("answer_two"),
            pl.lit("answers").alias("arm"),
        )
    )


def _answered(bench: Bench, gold: Gold) -> pl.DataFrame:
    """Pairs of people who answered the same question; as many as wanted, or all that there are."""
    place = {persona: row for row, persona in enumerate(bench.personas["persona_id"])}
    rows, who = gold.answers, np.array([place[each] for each in gold.answers["persona_id"]])
    parts = []
    for same in rows.with_row_index("row").group_by("prompt_id", maintain_order=True).agg("row")["row"]:
        one, other = np.triu_indices(len(same), 1)
        parts.append(same.to_numpy()[np.stack([one, other])])
    ends = np.concatenate(parts, axis=1).astype(np.int64)
    if ends.shape[1] > _MOST:
        kept = stream(bench.seed, "bench.comparison").choice(ends.shape[1], _MOST, replace=False)
        ends = ends[:, np.sort(kept)]
    pairs = pairs_of(bench.personas, bench.items, bench.seed, (who[ends[0]], who[ends[1]]))
    chosen = ends[:, pairs["candidate"].to_numpy()]
    turned = who[chosen[0]] != pairs["first"].to_numpy()
    chosen = np.where(turned, chosen[::-1], chosen)
    one, two = (rows[each.tolist()] for each in chosen)
    return _two_rows(
        pairs.with_columns(
            one["persona_id"].alias("one"),
            two["persona_id"].alias("two"),
            one["prompt_id"],
            one["prompt"],
            one["answer"].alias("answer_one"),
            two["answer"].alias("answer_two"),
            pl.lit("people").alias("arm"),
        )
    )


def _two_rows(pairs: pl.DataFrame) -> pl.DataFrame:
    """Lay each pair out as two items, one for each person's answer."""
    pairs = pairs.with_row_index("pair")
    common = ("pair", "prompt_id", "prompt", "distance", "group", "arm")
    sides = [
        pairs.select(*common, persona_id=own, other_id=other, answer=f"answer_{own}")
        for own, other in (("one", "two"), ("two", "one"))
    ]
    items = pl.concat(sides).sort("pair", maintain_order=True)
    return items.with_columns(pl.col("pair").cast(pl.Int64)).with_row_index("item_id")


def _shown(
    bench: Bench, people: tuple[str, str], prompt: str, answer: str | None, relation: str
) -> Question | None:
    """Show both people and the answer, in both orders of the people; the first is whose it is."""
    if answer is None:
        return None
    values = {"prompt": prompt, "answer": answer, "relation": relation}
    one, other = (
        ChooseRequest(
            model=bench.judge,
            messages=(
                Message("system", TEMPLATES.render("nobody")),
                Message("user", TEMPLATES.render("whose", values | {"first": a, "second": b})),
            ),
            options=(" 1", " 2"),
            opening="I choose number",
            seed=bench.seed,
        )
        for a, b in (people, people[::-1])
    )
    return Question(one, other)


def _by_likelihood(
    bench: Bench, people: tuple[str, str], prompt: str, own: str | None, rival: str | None
) -> Question | None:
    """Score both answers as each of the two people would give them."""
    if own is None or rival is None:
        return None
    one, other = (
        ChooseRequest(
            model=bench.judge,
            messages=(
                Message("system", TEMPLATES.render("role", {"profile": profile})),
                Message("user", prompt),
            ),
            options=(own, rival),
            seed=bench.seed,
        )
        for profile in people
    )
    return Question(one, other)


def _contrasted(found: Sequence[Result | None]) -> list[Result | None]:
    """Keep of each question the likelihoods of the owner's answer: as the owner's, and as the other's."""
    read: list[Result | None] = []
    for one, other in zip(found[::2], found[1::2], strict=True):
        if isinstance(one, Choice) and isinstance(other, Choice):
            likely = (one.log_likelihoods[0], other.log_likelihoods[0])
            read += [
                structs.replace(one, log_likelihoods=likely),
                structs.replace(other, log_likelihoods=(0.0, 0.0)),
            ]
        else:
            read += [one, other]
    return read


def _share(items: pl.DataFrame, name: str, counting: Counting) -> Estimate:
    return _mean(items.with_columns(value(name).alias("value")), "value", counting)


def _mean(items: pl.DataFrame, name: str, counting: Counting) -> Estimate:
    people = items["persona_id"].to_numpy(), items["other_id"].to_numpy()
    return dyadic_mean(items[name].cast(pl.Float64).to_numpy(), *people, level=counting.level)
