"""`Study`: the whole job from one file of settings, which the command line only calls.

A study lives in a folder. Its journal is the only truth of what models were asked and answered; every
other file can be made again from the study file and the journal, and is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from populace.canonical import content_hash, file_hash
from populace.errors import StudyError
from populace.feedback.audit import audit
from populace.feedback.export import preferences, write_hf, write_parquet, write_trl
from populace.feedback.judging import Judging, Panel, judge_requests, judgements
from populace.feedback.pairs import Writing, answer_requests, assemble, critique_requests, revision_requests
from populace.models import Provider, open_model
from populace.models.records import Request, Result
from populace.run import Budget, Journal, ProgressLine, execute, write_calls, write_manifest
from populace.study.prepare import Prepared, panels, prepare
from populace.study.settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from populace.study.planning import StudyPlan

__all__ = ["Study"]

Lookup = Callable[[str], Result | None]

_PATHS = frozenset({"path", "file"})
TABLES = ("people", "personas", "prompts", "pairs", "judgements", "estimates")


class Study:
    """One study: its settings, its folder, and what can be done with it.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "tiny.toml").write_text('''
    ... name = "tiny"
    ... population = { size = 40 }
    ... personas = { size = 4 }
    ... prompts = { size = 4 }
    ... model = { provider = "scripted" }
    ... judge = { provider = "scripted", model = "judge@1/exact" }
    ... report = { draws = 100 }
    ... ''')
    >>> study = Study.load(folder / "tiny.toml", folder / "tiny")
    >>> study.run(progress=False)
    >>> study.table("pairs").height
    4
    """

    def __init__(self, settings: Settings, folder: Path, base: Path) -> None:
        self.settings = settings
        self.folder = folder
        """Where the study's files are."""
        self.base = base
        """Where relative paths in the settings start."""

    @classmethod
    def load(cls, path: str | Path, folder: str | Path | None = None) -> Self:
        """Read a study file; its folder is `studies/NAME` under the current one unless given."""
        path = Path(path)
        settings = load_settings(path)
        return cls(settings, Path(folder) if folder else Path("studies") / settings.name, path.parent)

    def plan(self) -> StudyPlan:
        """Say what a run would ask, spend and take. Asks nothing."""
        from populace.study.planning import plan

        models = writer, judge = self._models()
        ways = self.writing(writer), self.judging(judge)
        prepared = prepare(self.settings, self.base)
        started = (self.folder / "journal").exists()
        with Journal(self.folder / "journal") if started else nullcontext() as journal:
            return plan(prepared, *ways, models, journal)

    def run(self, *, progress: bool = True) -> None:
        """Run the study, or go on where it stopped; then write every table and the manifest.

        Raises
        ------
        StudyError, DataError, ModelError, BudgetError, JournalError
            Each says what was wrong and what to do. Nothing that was answered is lost.
        """
        writer, judge = self._models()
        prepared = prepare(self.settings, self.base)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(
                f"the study's folder cannot be made ({error.strerror})",
                file=self.folder,
                fix="give another --folder",
            ) from error
        with Journal(self.folder / "journal") as journal:
            asyncio.run(self._ask(prepared, writer, judge, journal, progress))
            tables = self._tables(prepared, writer, judge, journal.get)
            for name, table in tables.items():
                write_parquet(self.folder / f"{name}.parquet", table)
            write_calls(journal, self.folder / "calls.parquet")
            write_manifest(
                self.folder / "manifest.json",
                study_hash=self.fingerprint(),
                models=dict.fromkeys((writer.model, judge.model)),
                seeds={"study": self.settings.seed},
                journal=journal,
                tables=[self.folder / f"{name}.parquet" for name in (*tables, "calls")],
            )

    def report(self) -> Path:
        """Write the report of a finished run; return the page's path."""
        from populace.study.reporting import write_report

        return write_report(self)

    def table(self, name: str) -> pl.DataFrame:
        """Read one table of a finished run; `TABLES` names them.

        Raises
        ------
        StudyError
            If there is no such table, or the study was not run to its end.
        """
        if name not in TABLES:
            raise StudyError(f"there is no table {name!r}", fix=f"use one of {', '.join(TABLES)}")
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            raise StudyError(
                "this study has no finished run here",
                file=path,
                fix="run it first: populace study run STUDY.toml",
            )
        try:
            return pl.read_parquet(path)
        except pl.exceptions.PolarsError as error:
            raise StudyError(
                f"this table is damaged ({error})",
                file=path,
                fix="run the study again: nothing is paid for twice",
            ) from error

    def preferences(self, way: str = "choice") -> pl.DataFrame:
        """Return one row a persona and pair, ties and refusals kept."""
        return preferences(self.table("pairs"), self.table("judgements"), way)

    def export(self, form: str, out: str | Path, *, way: str | None = None) -> Path:
        """Write judged pairs as `parquet`, `trl` (JSON lines) or `hf` (a dataset folder with its card)."""
        out = Path(out)
        table = self.preferences(way or self.settings.feedback.ways[0])
        if form == "parquet":
            write_parquet(out, table)
        elif form == "trl":
            write_trl(out, table, self.profiles())
        elif form == "hf":
            from populace.study.reporting import card_facts

            splits = dict(self.table("prompts").select("prompt_id", "split").drop_nulls().iter_rows())
            write_hf(out, table, self.table("personas"), splits, card_facts(self))
        else:
            raise StudyError(f"there is no export {form!r}", fix="use parquet, trl or hf")
        return out

    def profiles(self) -> dict[str, str]:
        """Return what was put before the model of each participant, by `persona_id`."""
        return prepare(self.settings, self.base).profiles

    def audit_table(self) -> Table:
        """Return every overall score as a table for the terminal."""
        from populace.study.reporting import audit_table

        return audit_table(self.table("estimates"))

    def writing(self, writer: Provider) -> Writing:
        """Return how pairs are written by `writer`."""
        feedback = self.settings.feedback
        return Writing(
            model=writer.model,
            answer_tokens=feedback.answer_tokens,
            critique_tokens=feedback.critique_tokens,
            temperature=feedback.temperature,
            seed=self.settings.seed,
        )

    def judging(self, judge: Provider) -> Judging:
        """Return how pairs are judged by `judge`."""
        feedback = self.settings.feedback
        return Judging(model=judge.model, ways=feedback.ways, tie_margin=feedback.tie_margin)

    async def _ask(
        self, prepared: Prepared, writer: Provider, judge: Provider, journal: Journal, progress: bool
    ) -> None:
        """Run the four stages, each built from the answers of those before it."""
        budget = Budget(**self.settings.budget.model_dump())

        async def stage(name: str, requests: Iterable[Request], provider: Provider, total: int) -> None:
            with ProgressLine(total) if progress else nullcontext() as line:
                await execute(requests, provider, journal, stage=name, progress=line, budget=budget)

        writing, judging = self.writing(writer), self.judging(judge)
        given = (prepared.prompt_texts, prepared.profiles, journal.get, writing)
        try:
            answers = answer_requests(prepared.prompt_texts, writing)
            await stage("answers", answers.values(), writer, len(answers))
            critiques = critique_requests(prepared.authors, *given)
            await stage("critiques", critiques.values(), writer, len(critiques))
            revisions = revision_requests(prepared.authors, *given)
            await stage("revisions", revisions.values(), writer, len(revisions))
            seated = self._panels(prepared, writing, journal.get)
            plan = judge_requests(seated, prepared.profiles, judging)
            await stage("judgements", plan, judge, judge_calls(seated, judging))
        finally:
            await writer.close()
            if judge is not writer:
                await judge.close()

    def _panels(self, prepared: Prepared, writing: Writing, lookup: Lookup) -> list[Panel]:
        pairs = assemble(prepared.authors, prepared.prompt_texts, prepared.profiles, lookup, writing)
        if pairs.is_empty():
            raise StudyError(
                "no pair was finished: every answer, critique or revision failed or was empty",
                file=self.folder / "journal",
                fix="see the failures in the journal, mend the model, and run the same command again",
            )
        return panels(pairs, prepared)

    def _tables(
        self, prepared: Prepared, writer: Provider, judge: Provider, lookup: Lookup
    ) -> dict[str, pl.DataFrame]:
        writing, judging = self.writing(writer), self.judging(judge)
        pairs = assemble(prepared.authors, prepared.prompt_texts, prepared.profiles, lookup, writing)
        seated = panels(pairs, prepared)
        judged = judgements(seated, prepared.profiles, lookup, judging)
        report = self.settings.report
        return {
            "people": prepared.population.frame,
            "personas": prepared.participants,
            "prompts": prepared.prompts,
            "pairs": pairs,
            "judgements": judged,
            "estimates": audit(
                pairs,
                judged,
                prepared.participants,
                draws=report.draws,
                level=report.level,
                seed=self.settings.seed,
            ),
        }

    def _models(self) -> tuple[Provider, Provider]:
        """Open writer and judge; one object where they are the same model, so it is loaded once."""
        writer = open_model(self._spec(self.settings.model.spec()))
        judge_settings = self.settings.judge
        if judge_settings.spec() == self.settings.model.spec():
            judge = writer
        else:
            judge = open_model(self._spec(judge_settings.spec()))
        if judge.model == writer.model and not judge_settings.same_as_model:
            raise StudyError(
                f"the judge would be the model under test ({judge.model})",
                column="judge",
                fix="name another model under [judge], or state same_as_model = true",
            )
        if "likelihood" in self.settings.feedback.ways and not judge.scores_text:
            raise StudyError(
                f"{judge.model} cannot score a given text, so it cannot judge by likelihood",
                column="feedback.ways",
                fix='set ways = ["choice"]',
            )
        return writer, judge

    def fingerprint(self) -> str:
        """Content hash of the settings and of every file they name: what the study is."""
        files = {
            source: file_hash(self.base / source)
            for source in (self.settings.population.source, self.settings.prompts.source)
            if (self.base / source).is_file()
        }
        return content_hash([self.settings.model_dump(mode="json"), files])

    def _spec(self, spec: str | dict[str, Any]) -> str | dict[str, Any]:
        """Let paths in a model's settings start from the study file's folder."""
        if isinstance(spec, str):
            return spec
        return {key: str(self.base / str(value)) if key in _PATHS else value for key, value in spec.items()}


def judge_calls(seated: list[Panel], judging: Judging) -> int:
    """Count the calls judging takes: two orders by choice, one by likelihood, nobody included."""
    each = sum(2 if way == "choice" else 1 for way in judging.ways)
    return each * sum(1 + len(panel.judges) for panel in seated)
