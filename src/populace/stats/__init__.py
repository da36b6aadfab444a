"""Statistics over plain arrays: agreement, distances, tests, and intervals that respect clusters.

Nothing here reads files, calls models or knows a table; it imports nothing of ours but the errors
and the random streams. Functions named after a measure (`cohen_kappa`, `mean`) give an `Estimate`, with an
interval from a seeded cluster bootstrap unless `method` says otherwise; `crossed_*` know rows that share
two things, as answers share persons and questions, and draw nothing; what says more than one thing
(`rank_models`, `shrunken_rates`) gives a frozen record of several. Missing is missing: nan and None are left
out and `n` counts the rest; what the data do not define is nan, never an exception and never a warning.
Arrays that do not fit raise `DataError`, settings out of range `ValueError`.
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
from populace.stats.crossed import (
    crossed_difference,
    crossed_estimate,
    crossed_mean,
    crossed_ratio,
    crossed_test,
)
from populace.stats.distances import (
    jensen_shannon_distance,
    jensen_shannon_divergence,
    total_variation,
    wasserstein,
)
from populace.stats.estimate import Estimate
from populace.stats.forced_choice import ForcedChoice, clustered_proportion, forced_choice
from populace.stats.krippendorff import alpha_from_table, coincidence_tables, krippendorff_alpha
from populace.stats.matrices import AgreementReport, PairAgreement, agreement_matrix
from populace.stats.means import PairedTest, mean, paired_difference, paired_test, proportion, ratio
from populace.stats.multiple import benjamini_hochberg, holm
from populace.stats.noisy_passk import NoisyPassAtK, corrected_pass_at_k, estimate_noisy_pass_at_k
from populace.stats.passk import estimate_pass_at_k, pass_at_k
from populace.stats.power import (
    PowerNote,
    design_effect,
    intraclass_correlation,
    smallest_difference,
    smallest_kappa,
)
from populace.stats.ranking import RankedModel, RankedPair, Ranking, rank_models
from populace.stats.shrinkage import ShrunkenRate, ShrunkenRates, shrunken_rates

__all__ = [
    "AgreementReport",
    "CountTables",
    "Estimate",
    "ForcedChoice",
    "NoisyPassAtK",
    "PairAgreement",
    "PairedTest",
    "PowerNote",
    "RankedModel",
    "RankedPair",
    "Ranking",
    "ShrunkenRate",
    "ShrunkenRates",
    "agreement_from_table",
    "agreement_matrix",
    "alpha_from_table",
    "benjamini_hochberg",
    "bootstrap_replicates",
    "brier_score",
    "calibration_error",
    "cluster_bootstrap",
    "clustered_proportion",
    "cohen_kappa",
    "coincidence_tables",
    "confusion_tables",
    "corrected_pass_at_k",
    "crossed_difference",
    "crossed_estimate",
    "crossed_mean",
    "crossed_ratio",
    "crossed_test",
    "design_effect",
    "estimate_noisy_pass_at_k",
    "estimate_pass_at_k",
    "forced_choice",
    "gwet_ac1",
    "gwet_from_table",
    "holm",
    "intraclass_correlation",
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
    "rank_models",
    "ratio",
    "shrunken_rates",
    "smallest_difference",
    "smallest_kappa",
    "total_variation",
    "wasserstein",
]
