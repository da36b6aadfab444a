"""Ways to predict answers, without any model of language."""

from populace.opinions.predictor import Inputs, Predictor
from populace.opinions.predictors.boosting import Boosting
from populace.opinions.predictors.classes import Classes
from populace.opinions.predictors.completion import Completion
from populace.opinions.predictors.logistic import Logistic
from populace.opinions.predictors.shares import Group, Population, Uniform

__all__ = ["Boosting", "Classes", "Completion", "Group", "Logistic", "Population", "Uniform", "baselines"]


def baselines(inputs: Inputs, *, boosted: tuple[str, ...] = ()) -> tuple[Predictor, ...]:
    """List the predictors that make something of these inputs.

    Parameters
    ----------
    inputs
        What may be used.
    boosted
        Items that gradient boosting learns; it is left out without any (it needs an extra, and a tenth of a
        second an item).

    Examples
    --------
    >>> [predictor.name for predictor in baselines(Inputs())]
    ['uniform', 'population']
    >>> [predictor.name for predictor in baselines(Inputs(("age",), 3))]
    ['own group', 'logistic', 'completion']
    """
    if not inputs.attributes and inputs.known == 0:
        return Uniform(), Population()
    own = (Group(),) if inputs.attributes else (Classes(),)
    return (*own, Logistic(), *((Boosting(only=boosted),) if boosted else ()), Completion())
