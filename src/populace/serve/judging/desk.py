"""What a rater can do: agree, see what is next, send an answer, withdraw. Knows no HTTP.

Every action is one transaction. An answer is keyed by rater and item and carries a revision, so that sending
the same form again, from another tab or after a lost reply, stores it once.

A form never says which answer is the `first` of the files, nor in which order answers are shown: choices are
places on the page, and the order is found by the form's id, a keyed hash of it too. Neither people nor
programs that read the page can learn whose answer is whose.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from populace.report.text import plain
from populace.serve.judging import queries
from populace.serve.judging import tables as t
from populace.serve.judging.keys import Keys
from populace.serve.judging.plan import BACKWARD, FORWARD
from populace.serve.judging.settings import Settings
from populace.serve.judging.shown import Panel, Sent, Task, View, meant, place_of, values_of
from populace.serve.judging.store import PATIENCE, Store

__all__ = ["LONGEST_REASON", "Desk", "Panel", "Sent", "Task", "View"]

LONGEST_REASON = 4000
"""Characters of a reason that are kept."""
_OTHER = "You answered that question already, and differently. Go back to it to change the answer."


class Desk:
    """Raters' side of a study."""

    def __init__(
        self, store: Store, settings: Settings, keys: Keys, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._settings, self._keys, self._clock = store, settings, keys, clock

    def has_room(self) -> bool:
        """Whether somebody new would get a place now."""
        now = self._clock()
        with self._store.read() as c:
            free = queries.free_seat(c, now - 60 * self._settings.idle_minutes, None) is not None
            ahead = not free and queries.seen_later(c, now)
        if ahead:
            with self._store.write() as c:
                queries.take_turn(c)
                queries.put_back(c, now)
        return free

    def knows(self, token: str) -> bool:
        """Whether the owner of this link agreed to take part."""
        with self._store.read() as c:
            found = select(t.raters.c.rater).where(t.raters.c.rater == self._keys.rater(token))
            return c.execute(found).first() is not None

    def agree(self, token: str, panel: Panel | None = None) -> bool:
        """Note that somebody agreed and give them a place; False, and nothing stored, if there is none."""
        rater, now = self._keys.rater(token), self._clock()
        try:
            with self._store.write() as c:
                queries.take_turn(c)
                if queries.rater_row(c, rater) is not None:
                    return True
                seat = queries.free_seat(c, now - 60 * self._settings.idle_minutes, None)
                if seat is None:
                    return False
                row = {"rater": rater, "persona_id": seat.persona_id, "agreed": now, "seen": now}
                c.execute(insert(t.raters), row | self._panel(panel))
                queries.give(c, seat.seat, rater)
                return True
        except IntegrityError:  # agreed twice in one moment
            if not self.knows(token):
                raise
            return True

    def look(self, token: str, at: int | None = None) -> View:
        """Say what a rater is to see; `at` asks for an earlier place, to change its answer."""
        rater, now = self._keys.rater(token), self._clock()
        with self._store.write() as c:
            queries.take_turn(c)
            queries.put_back(c, now)
            row = queries.rater_row(c, rater)
            if row is None:
                return View("unknown")
            seat = self._seat(c, row, now)
            if seat is None:
                asked = queries.wanted_items(c, row.persona_id)
                answered = len(asked & queries.answers(c, rater).keys())
                state = "done" if row.finished else "full"
                return View(state, answered=answered, total=len(asked))
            tasks, given = queries.tasks(c, seat), queries.answers(c, rater)
            answered = sum(task.item_id in given for task in tasks)
            persona = queries.persona(c, row.persona_id)
            left = [place for place, task in enumerate(tasks) if task.item_id not in given]
            place = left[0] if left else None
            changing = at is not None and 1 <= at <= len(tasks) and not row.finished
            if at is not None and changing and tasks[at - 1].item_id in given:
                place = at - 1
            if place is None:
                return View("done", persona=persona, answered=answered, total=len(tasks))
            c.execute(update(t.raters).where(t.raters.c.rater == rater).values(seen=now, shown=now))
            shown = self._shown(rater, place, tasks[place], given.get(tasks[place].item_id))
            return View("task", shown, persona, answered, len(tasks))

    def send(
        self, token: str, *, item_id: int, revision: int, form: str, choice: str, reason: str = ""
    ) -> Sent:
        """Store an answer. It is on disk when this returns.

        Also where the rater's seat was given away meanwhile: what was asked and answered is kept.
        """
        rater, now = self._keys.rater(token), self._clock()
        order = next((o for o in (FORWARD, BACKWARD) if self._is(form, rater, item_id, revision, o)), None)
        if order is None:
            return Sent("refused", "This form is not one of yours. Please answer the one below.")
        try:
            with self._store.write() as c:
                queries.take_turn(c)
                row = queries.rater_row(c, rater)
                if row is None:
                    return Sent("unknown")
                item = c.execute(select(t.items).where(t.items.c.item_id == item_id)).one()
                values = {
                    "said": meant(item, order, choice),
                    "reason": plain(reason.replace("\r\n", "\n").strip()[:LONGEST_REASON]),
                    "revision": revision,
                }
                sent = self._stored(c, row, item, order, values, now)
                if sent.outcome == "stored":
                    # Also who lost the place with the last form open has done all that was asked.
                    done = queries.wanted_items(c, row.persona_id) <= queries.answers(c, rater).keys()
                    finished = row.finished or (now if done else None)
                    mine = update(t.raters).where(t.raters.c.rater == rater)
                    c.execute(mine.values(seen=now, finished=finished))
                return sent
        except IntegrityError:  # sent twice in one moment, or forgotten meanwhile
            with self._store.read() as c:
                if queries.rater_row(c, rater) is None:
                    return Sent("unknown")
                if item_id in queries.answers(c, rater):
                    return Sent("again")
            raise

    def withdraw(self, token: str, patience: float = PATIENCE) -> bool:
        """Delete everything about a rater; False if there was nothing. Raises as `forget` does."""
        return self.forget(self._keys.rater(token), patience)

    def forget(self, rater: str, patience: float = PATIENCE, *, overwrite: bool = True) -> bool:
        """Delete everything about a rater, for real; their place is free again. False if there was nothing.

        Whether or not there was, bytes still owed from another time are overwritten too; `overwrite=False`
        leaves that to the caller.

        Raises
        ------
        DataError
            If others read the database for longer than `patience` (seconds). The rows are gone all the same.
        """
        with self._store.write() as c:
            queries.take_turn(c)
            c.execute(update(t.seats).where(t.seats.c.rater == rater).values(rater=None))
            c.execute(delete(t.answers).where(t.answers.c.rater == rater))
            found = c.execute(delete(t.raters).where(t.raters.c.rater == rater)).rowcount
            if found:
                self._store.note_owed(c)
        if overwrite:
            self._store.scrub(patience)
        return bool(found)

    def _is(self, form: str, rater: str, item_id: int, revision: int, order: str) -> bool:
        return hmac.compare_digest(form.encode(), self._keys.form(rater, item_id, revision, order).encode())

    def _panel(self, panel: Panel | None) -> dict[str, str | None]:
        if panel is None:
            return {}
        if self._settings.keep_ids:
            return {"external": panel.external, "panel_study": panel.study, "panel_session": panel.session}
        return {"external": self._keys.hidden("external", panel.external)}

    def _seat(self, c: Connection, row: Any, now: float) -> int | None:
        """Give a rater's seat; one of the same persona if theirs was given away."""
        seat = c.execute(select(t.seats.c.seat).where(t.seats.c.rater == row.rater)).scalar()
        if seat is not None or row.finished:
            return seat
        free = queries.free_seat(c, now - 60 * self._settings.idle_minutes, row)
        if free is not None:
            queries.give(c, free.seat, row.rater)
        return None if free is None else free.seat

    def _stored(
        self, c: Connection, row: Any, item: Any, order: str, values: dict[str, Any], now: float
    ) -> Sent:
        mine = and_(t.answers.c.rater == row.rater, t.answers.c.item_id == item.item_id)
        stored = c.execute(select(t.answers).where(mine)).first()
        before = None if stored is None else stored.revision
        if stored is not None and stored.revision >= values["revision"]:
            same = (stored.said, stored.reason) == (values["said"], values["reason"])
            older = stored.revision > values["revision"]
            return Sent("again") if same or older else Sent("refused", _OTHER)
        if values["revision"] and (before is None or row.finished):
            return Sent("refused", "This answer cannot be changed any more.")
        problem = self._problem(item, values["said"], values["reason"])
        if problem:
            return Sent("refused", problem)
        if before is None:
            fixed = {
                "rater": row.rater,
                "item_id": item.item_id,
                "order": order,
                "seconds": None if row.shown is None else max(0.0, round(now - row.shown, 1)),
                "passed": None if item.expected is None else values["said"] == item.expected,
            }
            c.execute(insert(t.answers), fixed | values | {"sent": now})
        else:
            c.execute(update(t.answers).where(mine).values(**values, order=order, sent=now))
        return Sent("stored")

    def _problem(self, task: Any, said: str, reason: str) -> str:
        allowed = set(values_of(task.kind, json.loads(task.options)))
        allowed |= {"tie"} if self._settings.ties and task.kind.startswith("pair") else set()
        allowed |= {"unsure"} if self._settings.unsure else set()
        if said not in allowed:
            return (
                "Please choose an answer." if not said else "This choice does not exist. Please choose again."
            )
        if task.kind == "pair" and self._settings.reasons == "required" and not reason.strip():
            return "Please say in a few words why."
        return ""

    def _shown(self, rater: str, place: int, task: Any, before: Any) -> Task:
        texts = json.loads(task.options)
        if task.order != FORWARD:
            texts.reverse()
        revision = 0 if before is None else before.revision + 1
        return Task(
            item_id=task.item_id,
            kind=task.kind,
            place=place + 1,
            text=task.text,
            options=tuple((str(n), text) for n, text in enumerate(texts, start=1)),
            order=task.order,
            form=self._keys.form(rater, task.item_id, revision, task.order),
            revision=revision,
            said=None if before is None else place_of(task, before.said),
            reason="" if before is None else before.reason,
        )
