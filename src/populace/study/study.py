"""`Study`: the whole job from one file of settings, which the command line only calls.

A study lives in a folder. Its journal is the only truth of what models were asked and answered; every
other file can be made again from the study file and the journal, and is.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from populace.canonical import content_hash, file_hash
from populace.errors import StudyError
from populace.feedback.export import preferences
from populace.feedback.judging import Judging
from populace.feedback.pairs import Writing
from populace.feedback.verdicts import main_way
from populace.models import Provider, open_model
from populace.run import Budget, Journal
from populace.streams import stream
from populace.study.asking import Asking, Engine
from populace.study.finished import TABLES, finished
from populace.study.prepare import Prepared, prepare
from populace.study.running import run_study
from populace.study.settings import BudgetSettings, Settings, load_settings
from populace.study.stages import Stages

if TYPE_CHECKING:
    from rich.table import Table

    from populace.feedback.forms import Written
    from populace.feedback.shortcuts import Finding
    from populace.run.batch import BatchLimits, Submission
    from populace.study.batches import Gathered, Sent
    from populace.study.planning import StudyPlan

__all__ = ["Study"]

_PATHS = frozenset({"path", "file"})


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
    {}
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

        models = writer, judge = self.models()
        ways = self.writing(writer), self.judging(judge)
        prepared = prepare(self.settings, self.base)
        started = (self.folder / "journal").exists()
        with Journal(self.folder / "journal") if started else nullcontext() as journal:
            return plan(prepared, *ways, models, journal, self.other(*models))

    def run(
        self,
        *,
        progress: bool = True,
        budget: BudgetSettings | None = None,
        retry_errors: bool = False,
        engine: Engine = "local",
        ray_address: str | None = None,
    ) -> dict[str, int]:
        """Run the study, or go on where it stopped; then write every table and the manifest.

        Parameters
        ----------
        budget
            Instead of the study file's.
        retry_errors
            Ask again also the calls that failed by their own fault (content filter, context length).
        engine, ray_address
            `ray` spreads the calls over a Ray cluster: that at the address, or one on this machine.

        Returns
        -------
        dict[str, int]
            Calls of the study that have no answer, by the boundary at which they failed.

        Raises
        ------
        StudyError, DataError, ModelError, BudgetError, JournalError
            Each says what was wrong and what to do. Nothing that was answered is lost.
        """
        asking = Asking(
            budget=Budget(**(budget or self.settings.budget).model_dump()),
            retry_errors=retry_errors,
            engine=engine,
            ray_address=ray_address,
            progress=progress,
        )
        return run_study(self, asking)

    def stages(
        self,
        prepared: Prepared,
        writer: Provider,
        judge: Provider,
        journal: Journal,
        other: Provider | None = None,
    ) -> Stages:
        """Return the stages, each to be taken when those before it are answered in `journal`.

        Parameters
        ----------
        other
            Second model of `cross-model` pairs; opened where it is needed and left out.
        """
        settings = self.writing(writer), self.judging(judge)
        return Stages(prepared, (writer, judge), settings, journal, other or self.other(writer, judge))

    def submit_batch(
        self,
        *,
        limits: BatchLimits | None = None,
        budget: BudgetSettings | None = None,
        retry_errors: bool = False,
    ) -> Sent:
        """Send the next stage that has calls without an answer as batch files."""
        from populace.study.batches import submit_batch

        return submit_batch(self, limits=limits, budget=budget, retry_errors=retry_errors)

    def batch_status(self) -> list[Submission]:
        """Ask the service how far the batches are."""
        from populace.study.batches import batch_status

        return batch_status(self)

    def collect_batch(self) -> Gathered:
        """Read the answers of the batches that have ended into the journal."""
        from populace.study.batches import collect_batches

        return collect_batches(self)

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
        path = self.path_of(name)
        try:
            return pl.read_parquet(path)
        except pl.exceptions.PolarsError as error:
            raise StudyError(
                f"this table is damaged ({error})",
                file=path,
                fix="run the study again: nothing is paid for twice",
            ) from error

    def path_of(self, name: str) -> Path:
        """Find the file of a table.

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
        return path

    def preferences(self, way: str | None = None) -> pl.DataFrame:
        """Return one row a persona and pair, ties and refusals kept; `way` as for `export`."""
        finished(self, ("pairs", "judgements"))
        return preferences(self.table("pairs"), self.table("judgements"), way)

    def export(
        self, form: str, out: str | Path, *, way: str | None = None, split: str | None = None
    ) -> Written:
        """Write judged pairs in one of `populace.feedback.export.FORMS`; return how many rows.

        Parameters
        ----------
        out
            A file, or a folder for `hf`, `argilla` and `label-studio`.
        way
            Way of judging that labels the rows; if left out, the one that the audits are about: choice,
            else samples, else likelihood, whichever the study has.
        split
            Only the rows of one split: `train`, `test` or `held_out`. `hf` has all, each in its place.

        Raises
        ------
        StudyError
            If there is no such form, the run did not end, the study file has changed since, or `out` is the
            study's own.
        DataError
            If there is nothing to write.
        """
        from populace.study.exporting import export

        return export(self, form, Path(out), way=way, split=split)

    def profiles(self) -> dict[str, str]:
        """Return what was put before the model of each participant, by `persona_id`."""
        return prepare(self.settings, self.base).profiles

    def audit_table(self) -> Table:
        """Return every overall score as a table for the terminal."""
        from populace.study.scores_table import audit_table

        finished(self, ("estimates",))
        return audit_table(self.table("estimates"))

    @property
    def main_way(self) -> str:
        """Way of judging that labels the pairs unless another is asked for."""
        return main_way(self.table("judgements"))

    def findings(self, way: str | None = None) -> list[Finding]:
        """Hold the finished study against every shortcut that would explain its scores away.

        Parameters
        ----------
        way
            Way of judging whose labels are audited; as for `export` if left out.
        """
        from populace.feedback.shortcuts import audit_findings

        finished(self, ("pairs", "judgements", "personas"))
        return audit_findings(
            self.table("pairs"),
            self.table("judgements"),
            self.table("personas"),
            self.profiles(),
            draws=self.settings.report.draws,
            level=self.settings.report.level,
            seed=self.settings.seed,
            way=way,
        )

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
        able = ("choice", "likelihood") if judge.scores_text else ("choice",)
        return Judging(
            model=judge.model,
            ways=feedback.ways or able,
            tie_margin=feedback.tie_margin,
            seed=int(stream(self.settings.seed, "study.judging").integers(1 << 31)),
            samples=feedback.judge_samples,
            temperature=feedback.judge_temperature,
            tokens=feedback.judge_tokens,
        )

    def models(self) -> tuple[Provider, Provider]:
        """Open writer and judge; one object where they are the same model, so it is loaded once."""
        writing, judging = self.specs()
        writer = open_model(writing)
        judge = writer if judging == writing else open_model(judging)
        if judge.model == writer.model and not self.settings.judge.same_as_model:
            raise StudyError(
                f"the judge would be the model under test ({judge.model})",
                column="judge",
                fix="name another model under [judge], or state same_as_model = true",
            )
        if "likelihood" in (self.settings.feedback.ways or ()) and not judge.scores_text:
            raise StudyError(
                f"{judge.model} cannot score a given text, so it cannot judge by likelihood",
                column="feedback.ways",
                fix='set ways = ["choice"]',
            )
        return writer, judge

    def other(self, writer: Provider, judge: Provider) -> Provider | None:
        """Open the second model of `cross-model` pairs; the judge itself where they are the same model.

        Raises
        ------
        StudyError
            If it is the model it should differ from, or would be judged by itself without the study file
            saying so.
        """
        if self.settings.other is None:
            return None
        spec = self.other_spec()
        other = judge if spec == self.specs()[1] else open_model(spec)
        if other.model == writer.model:
            raise StudyError(
                f"both answers would be of one model ({writer.model})",
                column="other",
                fix='name another model under [other], or set feedback.pairs = "on-policy"',
            )
        if other.model == judge.model and not self.settings.judge.same_as_model:
            raise StudyError(
                f"the judge would be a model under test ({judge.model})",
                column="judge",
                fix="name another model under [judge], or state same_as_model = true",
            )
        return other

    def specs(self) -> tuple[str | dict[str, Any], str | dict[str, Any]]:
        """Return what writer and judge are opened from, the same on every machine that has the files."""
        return self._spec(self.settings.model.spec()), self._spec(self.settings.judge.spec())

    def other_spec(self) -> str | dict[str, Any]:
        """Return what the second model of cross-model pairs is opened from."""
        assert self.settings.other is not None
        return self._spec(self.settings.other.spec())

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
        return {
            key: str(self.base.absolute() / str(value)) if key in _PATHS else value
            for key, value in spec.items()
        }
