"""Turn requests into results through any provider, losing nothing and paying for nothing twice.

`summarise` says what a plan will take, `execute` carries it out into a `Journal`, `write_calls` and
`write_manifest` derive files from the journal.
"""

from typing import TYPE_CHECKING, Any

from populace.run.engine import RunStats, carry_out, cut, execute, run
from populace.run.journal import Journal, Record, Totals
from populace.run.lanes import Lanes
from populace.run.limits import Budget, Retries
from populace.run.manifest import Manifest, note_estimates, read_manifest, timed, write_manifest
from populace.run.plan import Sample, Stage, StageEstimate, Throughput, summarise
from populace.run.prices import Priced, price_of, settle_price
from populace.run.progress import ProgressLine, budget_share, duration, format_progress
from populace.run.summary import PlanSummary, StageSummary

if TYPE_CHECKING:
    from populace.run.tables import calls_frame, write_calls

__all__ = [
    "Budget",
    "Journal",
    "Lanes",
    "Manifest",
    "PlanSummary",
    "Priced",
    "ProgressLine",
    "Record",
    "Retries",
    "RunStats",
    "Sample",
    "Stage",
    "StageEstimate",
    "StageSummary",
    "Throughput",
    "Totals",
    "budget_share",
    "calls_frame",
    "carry_out",
    "cut",
    "duration",
    "execute",
    "format_progress",
    "note_estimates",
    "price_of",
    "read_manifest",
    "run",
    "settle_price",
    "summarise",
    "timed",
    "write_calls",
    "write_manifest",
]


def __getattr__(name: str) -> Any:
    """Import the tables when they are asked for: a run needs no Polars, which takes 20 MB."""
    if name in ("calls_frame", "write_calls"):
        from populace.run import tables

        return getattr(tables, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
