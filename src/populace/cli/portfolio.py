"""`populace portfolio`: the fewest models that serve every weighting of traits. One file a subject."""

from __future__ import annotations

import typer

from populace.cli.portfolio_people import people
from populace.cli.portfolio_plans import answer, export, plan, serving
from populace.cli.portfolio_pool import sample, score
from populace.cli.portfolio_tables import candidates, certify, minimum, size

app = typer.Typer(
    no_args_is_help=True, help="The fewest models that serve every weighting of traits, with a certificate."
)


app.command("candidates")(candidates)


app.command("certify")(certify)


app.command("minimum")(minimum)


app.command("size")(size)


app.command("sample")(sample)


app.command("score")(score)


app.command("plan")(plan)


app.command("export")(export)


app.command("serving")(serving)


app.command("answer")(answer)


app.command("people")(people)
