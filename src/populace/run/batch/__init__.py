"""Batch files: the same plan as live runs, for half the price, answered within a day.

`submit` sends what the journal does not hold and no open batch asks already; `status` says how far the
batches are; `cancel` stops them; `collect` reads the answers of those that have ended into the journal, as
the records that live calls write. So live and batch runs finish one another. Each may be killed at any
moment and run again: `desk` has the reason why no batch is lost or doubled, `docs/design/batch.md` the whole.
"""

from populace.run.batch.commands import PRICE_FACTOR, Submitted, batch_price, cancel, collect, status, submit
from populace.run.batch.feed import BatchLimits
from populace.run.batch.harvest import Collected
from populace.run.batch.submission import Submission, keys_under_way, submissions

__all__ = [
    "PRICE_FACTOR",
    "BatchLimits",
    "Collected",
    "Submission",
    "Submitted",
    "batch_price",
    "cancel",
    "collect",
    "keys_under_way",
    "status",
    "submissions",
    "submit",
]
