"""Language models behind one small protocol: `generate` and `choose`.

Importing this room imports no model library and needs no key; `open_model` loads the one provider
it is asked for.
"""

from populace.models.choice import contrast, distribution
from populace.models.protocol import Price, Provider, Quota
from populace.models.records import (
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Message,
    Request,
    Result,
    Usage,
)
from populace.models.registry import open_model

__all__ = [
    "Choice",
    "ChooseRequest",
    "Completion",
    "Failure",
    "GenerateRequest",
    "Message",
    "Price",
    "Provider",
    "Quota",
    "Request",
    "Result",
    "Usage",
    "contrast",
    "distribution",
    "open_model",
]
