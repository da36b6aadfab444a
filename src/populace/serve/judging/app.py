"""The routes: a rater's pages, the researcher's pages, downloads. Knows no SQL.

| address | what |
|---|---|
| `/` | consent; panels add `PROLIFIC_PID`, `STUDY_ID`, `SESSION_ID` |
| `/begin` (POST) | somebody agreed |
| `/r/TOKEN` | a rater's own page: what is next; POST sends an answer |
| `/r/TOKEN/instructions`, `/r/TOKEN/withdraw` | to read again; to have everything deleted |
| `/admin/KEY`, `/admin/KEY/agreement`, `/admin/KEY/export/NAME` | the researcher's |
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from populace.errors import PopulaceError
from populace.serve.judging import wording
from populace.serve.judging.asked import read_form, read_panel
from populace.serve.judging.desk import LONGEST_REASON, Desk, View
from populace.serve.judging.guard import Guard
from populace.serve.judging.opening import Opened
from populace.serve.judging.pages import Pages, asset, prose

__all__ = ["make_app"]

_TABLES = {
    "verdicts": "What people said of each pair; feeds agreement of the bench as people=FILE",
    "pairs": "The pairs of answers; feeds the same as pairs=FILE",
    "survey": "What people answered as themselves",
    "raters": "Raters, their checks, whether they got to the end",
}
_SHORT, _LONG = 2.0, 86_400.0
"""Seconds that overwriting waits for readers: while somebody looks at a page, and in the background."""
_ASSETS = {"page.css": "text/css", "judge.js": "text/javascript"}


def make_app(opened: Opened, *, root: str = "", desk: Desk | None = None) -> ASGIApp:
    """Make the app of a study.

    Parameters
    ----------
    root
        Path under which a proxy shows it, such as `/judging`; empty for none.
    desk
        For tests with a clock of their own.
    """
    root = "/" + root.strip("/") if root.strip("/") else ""
    routes = _Routes(opened, root, desk)
    if opened.store.owed():
        routes.overwrite()
    table = [
        Route("/", routes.consent),
        Route("/begin", routes.begin, methods=["POST"]),
        Route("/declined", routes.declined),
        Route("/r/{token}", routes.work, methods=["GET", "POST"]),
        Route("/r/{token}/instructions", routes.instructions),
        Route("/r/{token}/withdraw", routes.withdraw, methods=["GET", "POST"]),
        Route("/admin/{key}", routes.progress),
        Route("/admin/{key}/agreement", routes.agreement),
        Route("/admin/{key}/export/{name}", routes.export),
        Route("/static/{name}", routes.static),
        Route("/health", routes.health),
    ]
    return Guard(Starlette(routes=table, exception_handlers={404: routes.missing, 500: routes.broken}))


class _Routes:
    def __init__(self, opened: Opened, root: str, desk: Desk | None) -> None:
        self._opened, self._root = opened, root
        self._desk = desk or Desk(opened.store, opened.settings, opened.keys)
        self._overwriting: threading.Thread | None = None
        self._pages = Pages(root, opened.settings.lang, settings=opened.settings, longest=LONGEST_REASON)

    # A rater's pages

    async def consent(self, request: Request) -> Response:
        """Show the consent text. Stores nothing."""
        panel, problem = read_panel(request.query_params, self._opened.settings.require_id)
        if problem:
            return self._page("message", 400, title="This link does not work", text=problem)
        token = self._opened.keys.token_of(panel.external) if panel else self._opened.keys.new_token()
        if panel and await run_in_threadpool(self._desk.knows, token):
            return self._go(f"/r/{token}")
        if not await run_in_threadpool(self._desk.has_room):
            return self._full()
        own = self._opened.texts.consent
        return self._page("consent", own=prose(own) if own else None, token=token, panel=panel)

    async def begin(self, request: Request) -> Response:
        """Take in who agreed."""
        form = await read_form(request)
        token = form.get("token", "")
        panel, problem = read_panel(form, self._opened.settings.require_id)
        if problem or not self._opened.keys.ours(token):
            return self._page("message", 400, title="This link does not work", text=problem or wording.BROKEN)
        if panel and token != self._opened.keys.token_of(panel.external):
            return self._page("message", 400, title="This link does not work", text=wording.BROKEN)
        if form.get("agree") != "yes":
            return self._go("/declined")
        if not await run_in_threadpool(self._desk.agree, token, panel):
            return self._full()
        return self._go(f"/r/{token}/instructions")

    async def declined(self, request: Request) -> Response:
        """Thank somebody who does not take part."""
        text = "Nothing about you was stored. You can close this page."
        return self._page("message", title="You do not take part", text=text)

    async def instructions(self, request: Request) -> Response:
        """Show the instructions, and who is judged for."""
        token = request.path_params["token"]
        view = await self._look(token)
        if view.state == "unknown":
            return self._unknown()
        if view.state == "full":
            return self._full(token)
        own = self._opened.texts.instructions
        return self._page("instructions", own=prose(own) if own else None, token=token, view=view)

    async def work(self, request: Request) -> Response:
        """Show what is next, or take an answer."""
        token = request.path_params["token"]
        if request.method == "POST":
            return await self._answer(token, await read_form(request))
        at = request.query_params.get("at", "")
        return await self._next(token, int(at) if re.fullmatch(r"\d{1,5}", at) else None)

    async def _answer(self, token: str, form: dict[str, str]) -> Response:
        numbers = [form.get(name, "") for name in ("item", "revision")]
        if not all(re.fullmatch(r"\d{1,9}", number) for number in numbers):
            return self._page("message", 400, title="This form is incomplete", text=wording.BROKEN)
        sent = await run_in_threadpool(
            self._desk.send, token, item_id=int(numbers[0]), revision=int(numbers[1]),
            form=form.get("form", ""), choice=form.get("choice", ""), reason=form.get("reason", ""),
        )  # fmt: skip
        if sent.outcome == "unknown":
            return self._unknown()
        if sent.outcome != "refused":
            return self._go(f"/r/{token}")
        return await self._next(token, None, sent.problem, form)

    async def _next(
        self, token: str, at: int | None, problem: str = "", form: Mapping[str, str] | None = None
    ) -> Response:
        view = await self._look(token, at)
        if view.state == "unknown":
            return self._unknown()
        if view.state == "full":
            return self._full(token)
        task = view.task
        if task is None:
            return self._page("done", token=token, view=view)
        # What was filled in stays, if it is about the question that is shown.
        kept = form if form and form.get("form") == task.form else {}
        return self._page(
            "pair" if task.is_pair else "survey", 422 if problem else 200, token=token, view=view, task=task,
            problem=problem, said=kept.get("choice", task.said), reason=kept.get("reason", task.reason),
        )  # fmt: skip

    async def withdraw(self, request: Request) -> Response:
        """Ask once more, then delete everything about a rater."""
        token = request.path_params["token"]
        if request.method == "GET":
            known = await run_in_threadpool(self._desk.knows, token)
            return self._page("withdraw", token=token) if known else self._unknown()
        form = await read_form(request)
        if form.get("sure") != "yes":
            return self._go(f"/r/{token}")
        try:
            await run_in_threadpool(self._desk.withdraw, token, _SHORT)
        except PopulaceError:  # the rows are gone; others read the database, so bytes are still in its files
            self.overwrite()
            return self._page("message", title="Your answers are deleted", text=wording.OWED)
        return self._page("message", title="Everything is deleted", text=wording.GONE)

    def overwrite(self) -> None:
        """Overwrite what is deleted as soon as nobody reads the database, beside everything else."""
        if self._overwriting is not None and self._overwriting.is_alive():
            return

        def work() -> None:
            with suppress(Exception):  # it stays owed, and the next start or withdrawal tries again
                self._opened.store.scrub(_LONG)

        self._overwriting = threading.Thread(target=work, name="overwrite", daemon=True)
        self._overwriting.start()

    # The researcher's pages

    async def progress(self, request: Request) -> Response:
        """Show how far the study is."""
        from populace.serve.judging.results import progress

        described = list(_TABLES.items())
        return await self._admin(
            request, "progress", lambda: {"now": progress(self._opened), "files": described}
        )

    async def agreement(self, request: Request) -> Response:
        """Show how far people, and models, agree."""
        from populace.serve.judging.agreement_page import agreement_view

        return await self._admin(request, "agreement", lambda: agreement_view(self._opened))

    async def export(self, request: Request) -> Response:
        """Send a table as a file."""
        from populace.serve.judging.results import FILES, KINDS, write_table

        what, _, form = request.path_params["name"].partition(".")
        if (
            not self._opened.keys.is_admin(request.path_params["key"])
            or what not in FILES
            or form not in KINDS
        ):
            return await self.missing(request, None)
        data = await run_in_threadpool(write_table, self._opened, what, form)
        named = {"Content-Disposition": f'attachment; filename="{what}.{form}"'}
        return Response(data, media_type=KINDS[form], headers=named)

    async def _admin(self, request: Request, template: str, view: Callable[[], dict[str, Any]]) -> Response:
        key = request.path_params["key"]
        if not self._opened.keys.is_admin(key):
            return await self.missing(request, None)
        try:
            values = await run_in_threadpool(view)
        except PopulaceError as error:
            return self._page("message", 422, title="This cannot be shown", text=str(error))
        return self._page(template, key=key, here=template, **values)

    # What all need

    async def static(self, request: Request) -> Response:
        """Send the style sheet or the script."""
        name = request.path_params["name"]
        if name not in _ASSETS:
            return await self.missing(request, None)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(asset(name), media_type=_ASSETS[name], headers=kept)

    async def health(self, request: Request) -> Response:
        """Say that the server and its database are there."""
        await run_in_threadpool(self._desk.has_room)
        return PlainTextResponse("ok")

    async def missing(self, request: Request, error: Exception | None) -> Response:
        """Say that there is no such page."""
        return self._page("message", 404, title="There is nothing here", text="Please use the link you got.")

    async def broken(self, request: Request, error: Exception | None) -> Response:
        """Say that something failed; what was sent before is stored."""
        return self._page("message", 500, title="Something went wrong", text=wording.FAILED)

    async def _look(self, token: str, at: int | None = None) -> View:
        if not self._opened.keys.ours(token):
            return View("unknown")
        return await run_in_threadpool(self._desk.look, token, at)

    def _page(self, template: str, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(self._pages.render(template, **values), status)

    def _go(self, path: str) -> Response:
        return RedirectResponse(self._root + path, 303)

    def _full(self, token: str | None = None) -> Response:
        return self._page("message", title="There is no free place just now", text=wording.FULL, token=token)

    def _unknown(self) -> Response:
        return self._page("message", 404, title="This link is not known", text=wording.UNKNOWN)
