"""Read what a browser sends: a panel's parameters, and forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request

from populace.serve.judging.shown import Panel

__all__ = ["read_form", "read_panel"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read_panel(values: Mapping[str, str], required: bool) -> tuple[Panel | None, str]:
    """Read a panel's parameters; the second is what is wrong with them."""
    names = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")
    external, *others = (values.get(name, "") for name in names)
    if not external:
        return None, "The link lacks your participant id. Please open it from the panel." if required else ""
    if not all(value == "" or _ID.fullmatch(value) for value in (external, *others)):
        return None, "The participant id in the link is not filled in. Please open it from the panel."
    study, session = (value or None for value in others)
    return Panel(external, study, session), ""


async def read_form(request: Request) -> dict[str, str]:
    """Read a form of plain fields; of a field sent twice the first counts. The guard has limited its size."""
    body = await request.body()
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
