"""What people of different groups agree on: maps of opinion, and statements that bridge it.

>>> import numpy as np
>>> from populace.pluralism import bridging
>>> votes = np.array([[1, -1, 1], [1, -1, 1], [-1, 1, 1], [-1, 1, 1]])
>>> found = bridging.group_informed_consensus(votes, [0, 0, 1, 1])
>>> found.top(1)["statement"].to_list()
[2]
"""

from populace.pluralism.bridging.clusters import adjusted_rand, kmeans, silhouettes
from populace.pluralism.bridging.consensus import (
    Consensus,
    group_informed_consensus,
    lowest_group_approval,
    representative,
    representativeness,
)
from populace.pluralism.bridging.factorisation import Bridging, intercepts
from populace.pluralism.bridging.mapping import OpinionMap, opinion_map
from populace.pluralism.bridging.projection import Plane, plane_of
from populace.pluralism.bridging.reading import Conversation, read_conversation

__all__ = [
    "Bridging",
    "Consensus",
    "Conversation",
    "OpinionMap",
    "Plane",
    "adjusted_rand",
    "group_informed_consensus",
    "intercepts",
    "kmeans",
    "lowest_group_approval",
    "opinion_map",
    "plane_of",
    "read_conversation",
    "representative",
    "representativeness",
    "silhouettes",
]
