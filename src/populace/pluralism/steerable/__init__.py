"""Whether a model goes where it is steered, and nowhere else.

Sorensen et al. (2024, arXiv 2402.05070): a model is steerable if for every query x and attribute a the answer
M(x, a) faithfully reflects a. What is published as *steerability* is several things, each here under a name
of its own:

- `accuracy`: are answers those of whom the model was steered to (plain, balanced, macro-F1)?
- `gain`, `best_context`: how much nearer do distributions come, and by which way of steering?
- `index`, `curves`: how far from where it starts does a model go, in Wasserstein distance (Miehling et al.)?
- `decompose`: how far, how much of it too far, how much of it sideways (Chang et al.)?
- `ranks`: is it best at the test of whom it was steered to (Plastic Labs)?
- `inequity`: for whom does it work worse?
- `caricature`: are groups made to differ more than they do?
- `collapse`: what is left of other views once the user has said theirs?
"""

from populace.pluralism.steerable.accuracy import accuracy, f1_by_label
from populace.pluralism.steerable.betas import beta_distance
from populace.pluralism.steerable.caricature import Caricature, caricature
from populace.pluralism.steerable.collapse import Collapse, collapse
from populace.pluralism.steerable.contexts import BestContext, best_context, gain
from populace.pluralism.steerable.goals import Decomposition, decompose
from populace.pluralism.steerable.inequity import Inequity, inequity
from populace.pluralism.steerable.posteriors import curves, index, indices
from populace.pluralism.steerable.ranking import Ranks, ranks

__all__ = [
    "BestContext",
    "Caricature",
    "Collapse",
    "Decomposition",
    "Inequity",
    "Ranks",
    "accuracy",
    "best_context",
    "beta_distance",
    "caricature",
    "collapse",
    "curves",
    "decompose",
    "f1_by_label",
    "gain",
    "index",
    "indices",
    "inequity",
    "ranks",
]
