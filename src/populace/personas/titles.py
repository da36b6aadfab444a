"""An occupation as one person's: `Janitors And Building Cleaners` becomes *a janitor or building cleaner*.

Census labels name groups of people in the plural. What they add for the coder's sake (`Except ...`,
`All Other`) is dropped, since it says nothing of the person.
"""

from __future__ import annotations

import functools
import re

__all__ = ["job_title"]

# Endings that no plural rule covers, and plurals that are none.
_SINGULAR = {
    "mechanics": "mechanic",
    "paramedics": "paramedic",
    "salespersons": "salesperson",
    "clergy": "member of the clergy",
    "police": "police officer",
    "announcers": "announcer",
    "personnel": "personnel worker",
    "staff": "staff member",
    "bus": "bus",
    "men": "man",
    "women": "woman",
    "crew": "crew member",
    "help": "helper",
}
# Labels that the rules below would read wrongly.
_EXACT = {
    "public relations and fundraising managers": "a public relations and fundraising manager",
    "compensation, benefits, and job analysis specialists": "a compensation, benefits, and job analysis"
    " specialist",
    "directors, religious activities and education": "a director of religious activities and education",
    "entertainers and performers, sports and related workers, all other": "an entertainer or performer",
    "nurse practitioners, and nurse midwives": "a nurse practitioner or nurse midwife",
    "miscellaneous first-line supervisors, protective service workers": "a first-line supervisor of"
    " protective service workers",
    "securities, commodities, and financial services sales agents": "a securities, commodities, and financial"
    " services sales agent",
    "door-to-door sales workers, news and street vendors, and related workers": "a door-to-door sales worker"
    " or street vendor",
    "eligibility interviewers, government programs": "an eligibility interviewer for government programs",
    "meter readers, utilities": "a meter reader",
    "insurance claims and policy processing clerks": "an insurance claims and policy processing clerk",
    "graders and sorters, agricultural products": "a grader or sorter of agricultural products",
    "helpers, construction trades": "a construction helper",
    "heating, air conditioning, and refrigeration mechanics and installers": "a heating, air conditioning,"
    " and refrigeration mechanic or installer",
    "helpers--installation, maintenance, and repair workers": "a helper in installation, maintenance, and"
    " repair",
    "water and wastewater treatment plant and system operators": "a water and wastewater treatment plant"
    " operator",
    "military enlisted tactical operations and air/weapons specialists and crew members": "an enlisted"
    " military crew member or specialist",
    "military officer special and tactical operations leaders": "a military officer",
    "first-line enlisted military supervisors": "an enlisted military supervisor",
    "carpet, floor, and tile installers and finishers": "a carpet, floor, or tile installer",
    "bus and truck mechanics and diesel engine specialists": "a bus, truck, or diesel mechanic",
    "heavy vehicle and mobile equipment service technicians and mechanics": "a heavy vehicle mechanic",
    "laborers and freight, stock, and material movers, hand": "a laborer or material mover",
    "butchers and other meat, poultry, and fish processing workers": "a butcher or meat processing worker",
    "brickmasons, blockmasons, stonemasons, and reinforcing iron and rebar workers": "a mason",
    "reservation and transportation ticket agents and travel clerks": "a ticket agent or travel clerk",
    "dining room and cafeteria attendants and bartender helpers": "a dining room attendant",
    "television, video, and film camera operators and editors": "a camera operator or film editor",
    "educational, guidance, and career counselors and advisors": "an educational or career counselor",
    "occupational health and safety specialists and technicians": "an occupational health and safety"
    " specialist",
    "electrical and electronic engineering technologists and technicians": "an electrical or electronic"
    " engineering technician",
    "fish and game wardens and parking enforcement officers": "a game warden or parking enforcement officer",
    "elevator and escalator installers and repairers": "an elevator installer or repairer",
    "packaging and filling machine operators and tenders": "a packaging and filling machine operator",
    "jewelers and precious stone and metal workers": "a jeweler or precious metal worker",
    "ship and boat captains and operators": "a ship or boat captain",
    "radio and telecommunications equipment installers and repairers": "a telecommunications equipment"
    " installer or repairer",
    "control and valve installers and repairers": "a control and valve installer or repairer",
    "pressers, textile, garment, and related materials": "a textile presser",
    "derrick, rotary drill, and service unit operators, and roustabouts, oil and gas": "an oil and gas"
    " drilling worker",
}
_CODER = re.compile(
    r",? \(?(including|except|n\.e\.c\.|not elsewhere|all other|not specified|nec)\b.*$"
    r"|, (hand|other|general|general and operations|recordkeeping|private household|outside .*"
    r"|farm products|metal and plastic)$"
)
_OTHER = re.compile(r"^(other|miscellaneous|misc\.) ")
_COMPLEMENT = re.compile(r" (of|for|in|on|to|at|and tenders) |, (?=farm|metal|nonfarm)")


@functools.lru_cache(maxsize=2048)
def job_title(label: str) -> str | None:
    """Name one person of an occupation, with the article; None where the label names no people.

    Examples
    --------
    >>> job_title("Janitors And Building Cleaners"), job_title("Economists")
    ('a janitor or building cleaner', 'an economist')
    >>> job_title("Transportation, Storage, And Distribution Managers")
    'a transportation, storage, and distribution manager'
    >>> job_title("Other Managers"), job_title("Legal occupations")
    ('a manager', None)
    """
    if exact := _EXACT.get(label.lower()):
        return exact
    text = _OTHER.sub("", _CODER.sub("", label.lower().strip()))
    split = _COMPLEMENT.search(text)
    people, rest = (text[: split.start()], text[split.start() :]) if split else (text, "")
    parts = [part for part in re.split(r", and |, or | and | or |, ", people) if part]
    while len(parts) > 1 and _singular(parts[-1]) is None and _singular(parts[0]) is not None:
        parts.pop()
    single = [_singular(part) for part in parts]
    if not parts or single[-1] is None or "occupations" in text:
        return None
    if all(single):
        title = _joined([part for part in single if part], "or")
    elif any(single[:-1]):
        return None
    else:
        title = _joined([*parts[:-1], single[-1]], "and")
    article = "an" if title[0] in "aeio" or re.match(r"u(?!ni|ti|se )", title) else "a"
    return f"{article} {title}{rest}"


def _singular(words: str) -> str | None:
    """Turn the last word into the singular; None if it is no plural."""
    *before, last = words.split()
    if last in _SINGULAR:
        one = _SINGULAR[last]
    elif last.endswith("ies") and len(last) > 4:
        one = last[:-3] + "y"
    elif last.endswith(("sses", "shes", "ches", "xes")):
        one = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "ics", "us", "is", "sales")):
        one = last[:-1]
    elif last.endswith(("men", "women")):
        one = last[:-2] + "an"
    else:
        return None
    return " ".join([*before, one])


def _joined(words: list[str], conjunction: str) -> str:
    if len(words) < 3:
        return f" {conjunction} ".join(words)
    return f"{', '.join(words[:-1])}, {conjunction} {words[-1]}"
