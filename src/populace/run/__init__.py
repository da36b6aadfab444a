"""Turn requests into results through any provider, losing nothing and paying for nothing twice.

`summarise` says what a plan will take, `execute` carries it out into a `Journal`, `write_calls` and
`write_manifest` derive files from the journal.
"""

from populace.run.engine import RunStats, execute, run
from populace.run.journal import Journal, Record, Totals
from populace.run.limits import Budget, Retries
from populace.run.manifest import Manifest, read_manifest, write_manifest
from populace.run.plan import (
    CHARACTERS_PER_TOKEN,
    PlanSummary,
    Stage,
    StageEstimate,
    StageSummary,
    Throughput,
    summarise,
)
from populace.run.progress import ProgressLine, duration, format_progress
from populace.run.tables import calls_frame, write_calls

__all__ = [
    "CHARACTERS_PER_TOKEN",
    "Budget",
    "Journal",
    "Manifest",
    "PlanSummary",
    "ProgressLine",
    "Record",
    "Retries",
    "RunStats",
    "Stage",
    "StageEstimate",
    "StageSummary",
    "Throughput",
    "Totals",
    "calls_frame",
    "duration",
    "execute",
    "format_progress",
    "read_manifest",
    "run",
    "summarise",
    "write_calls",
    "write_manifest",
]
