"""The figures of reports and papers, one function a figure: tables or results in, a themed Altair chart out.

`width` is the width of the whole figure in pixels: 680 suits a page, 340 a phone. `draw.svg` and
`draw.png` turn a chart into bytes without a browser and without a network. The gallery is `docs/figures.md`;
`figures_of` says which figures a run has.
"""

from populace.report.figures.cells import cells
from populace.report.figures.certificate_timeline import certificate_timeline, timeline_of, timeline_of_run
from populace.report.figures.counts import lengths, prompts, splits
from populace.report.figures.demographics import demographics, population_histograms
from populace.report.figures.distributional import distributional
from populace.report.figures.flow import (
    Step,
    construction,
    construction_steps,
    feedback_flow,
    feedback_steps,
)
from populace.report.figures.forest import (
    AGREEMENT,
    DISAGREEMENT,
    POSITION,
    agreement,
    agreement_by_group,
    disagreement,
    position,
    preference,
)
from populace.report.figures.front import front, front_of_models
from populace.report.figures.grounded import grounded, reliability
from populace.report.figures.group_regret import group_regret, group_regret_of_run
from populace.report.figures.jury_wins import jury_wins
from populace.report.figures.kappas import human_agreement, kappa_by_group, kappa_matrix
from populace.report.figures.leave_one_out import leave_one_out
from populace.report.figures.modes import direct_against_thought, modes
from populace.report.figures.of_runs import figures_of, write_figures
from populace.report.figures.opinion_map import opinion_map
from populace.report.figures.overton import coverage_at_k, overton
from populace.report.figures.passk import pass_at_k
from populace.report.figures.people import population
from populace.report.figures.persona_kappas import kappa_by_persona, kappa_histogram, persona_kappas
from populace.report.figures.phrases import phrase_frequency
from populace.report.figures.price_curve import price_curve, price_curve_of_run
from populace.report.figures.radar import radar
from populace.report.figures.ranking import leaderboard
from populace.report.figures.regions import regions, regions_of_run
from populace.report.figures.response_prediction import prediction_curves, prediction_pairs
from populace.report.figures.safety import safety
from populace.report.figures.steering import steering
from populace.report.figures.tiers import tiers
from populace.report.figures.topics import topic_map, word_vectors
from populace.report.figures.trade_off import front_of_run, weights
from populace.report.figures.welfare_profile import welfare_profile

__all__ = [
    "AGREEMENT",
    "DISAGREEMENT",
    "POSITION",
    "Step",
    "agreement",
    "agreement_by_group",
    "cells",
    "certificate_timeline",
    "construction",
    "construction_steps",
    "coverage_at_k",
    "demographics",
    "direct_against_thought",
    "disagreement",
    "distributional",
    "feedback_flow",
    "feedback_steps",
    "figures_of",
    "front",
    "front_of_models",
    "front_of_run",
    "grounded",
    "group_regret",
    "group_regret_of_run",
    "human_agreement",
    "jury_wins",
    "kappa_by_group",
    "kappa_by_persona",
    "kappa_histogram",
    "kappa_matrix",
    "leaderboard",
    "leave_one_out",
    "lengths",
    "modes",
    "opinion_map",
    "overton",
    "pass_at_k",
    "persona_kappas",
    "phrase_frequency",
    "population",
    "population_histograms",
    "position",
    "prediction_curves",
    "prediction_pairs",
    "preference",
    "price_curve",
    "price_curve_of_run",
    "prompts",
    "radar",
    "regions",
    "regions_of_run",
    "reliability",
    "safety",
    "splits",
    "steering",
    "tiers",
    "timeline_of",
    "timeline_of_run",
    "topic_map",
    "weights",
    "welfare_profile",
    "word_vectors",
    "write_figures",
]
