"""Statistics over plain arrays: agreement, distances, tests, and intervals that respect clusters.

Nothing here reads files, calls models or knows a table; it imports nothing of ours but the errors.
Functions named after a measure (`cohen_kappa`, `mean`) give an `Estimate`, with an interval from a
seeded cluster bootstrap. Missing is missing: nan and None are left out and `n` counts the rest; what
the data do not define is nan, never an exception and never a warning. Arrays that do not fit raise
`DataError`, settings out of range `ValueError`.
"""

from populace.stats.agreement import (
    CountTables,
    agreement_from_table,
    cohen_kappa,
    confusion_tables,
    gwet_ac1,
    gwet_from_table,
    kappa_from_table,
    percent_agreement,
)
from populace.stats.bootstrap import bootstrap_replicates, cluster_bootstrap
from populace.stats.calibration import brier_score, calibration_error, log_score
from populace.stats.distances import (
    jensen_shannon_distance,
    jensen_shannon_divergence,
    total_variation,
    wasserstein,
)
from populace.stats.estimate import Estimate
from populace.stats.krippendorff import alpha_from_table, coincidence_tables, krippendorff_alpha
from populace.stats.means import PairedTest, mean, paired_difference, paired_test, proportion, ratio
from populace.stats.multiple import benjamini_hochberg, holm
from populace.stats.passk import estimate_pass_at_k, pass_at_k

__all__ = [
    "CountTables",
    "Estimate",
    "PairedTest",
    "agreement_from_table",
    "alpha_from_table",
    "benjamini_hochberg",
    "bootstrap_replicates",
    "brier_score",
    "calibration_error",
    "cluster_bootstrap",
    "cohen_kappa",
    "coincidence_tables",
    "confusion_tables",
    "estimate_pass_at_k",
    "gwet_ac1",
    "gwet_from_table",
    "holm",
    "jensen_shannon_distance",
    "jensen_shannon_divergence",
    "kappa_from_table",
    "krippendorff_alpha",
    "log_score",
    "mean",
    "paired_difference",
    "paired_test",
    "pass_at_k",
    "percent_agreement",
    "proportion",
    "ratio",
    "total_variation",
    "wasserstein",
]
