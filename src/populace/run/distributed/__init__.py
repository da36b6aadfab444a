"""The same plan through Ray Data: past one machine, with the same rows at the end.

`distribute` stands where `execute` stands: it answers every request of a stage that the journal does not
hold yet. The plan is cut and spooled here, in shards; workers carry the shards out with the local engine,
each into its own part of the journal; then the journal reads what they wrote. `joined` holds one cluster
over several stages. Needs the `ray` extra, which is imported when a cluster is joined.
"""

from populace.run.distributed.cluster import joined
from populace.run.distributed.driver import distribute

__all__ = ["distribute", "joined"]
