"""Words that claim something about a person, for the checks of `claims`: data, kept apart from the logic."""

from __future__ import annotations

from populace.population.codebook import load_codebook

__all__ = ["JOBS", "NAMES", "NATIONS", "POLITICS", "RELIGIONS", "STATES"]

STATES: tuple[str, ...] = tuple(load_codebook("acs_pums").variables["STATE"].labels.values())

_CHRISTIAN = ("Protestant", "Catholic", "Other Christian")
RELIGIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"catholic|rosary|parish|sunday mass|attending mass|confession booth", ("Catholic",)),
    (r"protestant|baptist|methodist|lutheran|presbyterian|pentecostal|evangelical", ("Protestant",)),
    (r"mormon|latter-day saint|orthodox christian", ("Protestant", "Other Christian")),
    (r"christian|church|bible|gospel|hymns?|jesus|christ|communion|saying grace|pastor", _CHRISTIAN),
    (r"jewish|synagogue|torah|shabbat|sabbath candles|kosher|hanukkah|passover|rabbi", ("Jewish",)),
    (r"muslim|islam\w*|mosque|qur'?an|koran|ramadan|\beid\b|halal|imam|hijab", ("Muslim",)),
    (r"hindu|puja|diwali|holi festival|bhagavad|mandir", ("Hindu",)),
    (r"buddhist|buddha|dharma|sangha|zen temple", ("Buddhist",)),
    (r"atheis\w+|agnostic|secular|non-?believer|not religious|godless", ("Unaffiliated",)),
    (
        r"prayers?|praying|worship\w*|god|scriptures?|faith community|religious services",
        (*_CHRISTIAN, "Jewish", "Muslim", "Buddhist", "Hindu", "Other"),
    ),
)
"""Pattern -> religions it fits; the first that matches decides."""

_LEFT, _RIGHT = ("Very liberal", "Liberal"), ("Very conservative", "Conservative")
POLITICS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"democrats?|democratic party", "political_views", ("Democrat",)),
    (r"republicans?|gop|maga", "political_views", ("Republican",)),
    (r"libertarian|green party|socialist party", "political_views", ("Other", "Independent")),
    (r"liberals?|progressives?|left-?wing|leftist", "ideology", _LEFT),
    (r"conservatives?|right-?wing", "ideology", _RIGHT),
)
"""Pattern, attribute it speaks of, values it fits."""

NATIONS: dict[str, str] = {
    "african american": "black",
    "asian": "asian",
    "hispanic": "hispanic|spaniard|mexican|puerto rican|cuban|american",
    "latin[ao]x?": "hispanic|mexican|puerto rican|cuban|dominican|colombian|american",
    "chicano": "mexican",
    "native american": "american indian|alaska native",
    "indigenous": "american indian|alaska native|native hawaiian",
    "pacific islander": "pacific islander",
    "black": "black",
    "white": "white",
    **{
        adjective: f"{adjective}|{country}"
        for adjective, country in (
            ("mexican", "mexico"),
            ("cuban", "cuba"),
            ("dominican", "dominican"),
            ("puerto rican", "puerto rico"),
            ("salvadoran", "el salvador"),
            ("guatemalan", "guatemala"),
            ("colombian", "colombia"),
            ("brazilian", "brazil"),
            ("chinese", "china"),
            ("taiwanese", "taiwan"),
            ("japanese", "japan"),
            ("korean", "korea"),
            ("vietnamese", "vietnam"),
            ("filipin[oa]", "philippines"),
            ("pakistani", "pakistan"),
            ("iranian", "iran"),
            ("arab", "arab"),
            ("lebanese", "lebanon"),
            ("nigerian", "nigeria"),
            ("ethiopian", "ethiopia"),
            ("haitian", "haiti"),
            ("jamaican", "jamaica"),
            ("irish", "ireland"),
            ("italian", "italy"),
            ("german", "germany"),
            ("polish", "poland"),
            ("russian", "russia"),
            ("ukrainian", "ukraine"),
            ("greek", "greece"),
            ("french", "france"),
            ("scottish", "scotland"),
            ("canadian", "canada"),
        )
    },
}
"""Pattern of a people -> what one of the person's own attributes must hold (a pattern, in lower case)."""

JOBS: dict[str, tuple[str, ...]] = {
    "nurse": ("MED", "HLS"),
    "doctor|physician|surgeon|dentist|pharmacist|veterinarian": ("MED",),
    "teacher|professor|librarian|tutor": ("EDU",),
    "lawyer|attorney|paralegal|judge": ("LGL",),
    "engineer|architect": ("ENG", "CMM", "MGR"),
    "programmer|software developer|coder": ("CMM",),
    "accountant|bookkeeper|banker": ("FIN", "OFF"),
    "chef|cook|waiter|waitress|bartender|barista|server": ("EAT",),
    "police officer|firefighter|security guard|detective": ("PRT",),
    "truck driver|bus driver|driver|pilot|courier": ("TRN", "OFF"),
    "carpenter|electrician|plumber|construction worker|roofer|mason": ("CON",),
    "mechanic|technician": ("RPR", "MED", "ENG", "SCI", "PRD", "EDU"),
    "welder|machinist|factory worker|baker|butcher|tailor": ("PRD",),
    "cashier|salesman|saleswoman|salesperson|realtor": ("SAL",),
    "secretary|receptionist|clerk": ("OFF", "SAL"),
    "farmer|rancher": ("FFF", "MGR"),
    "janitor|housekeeper|gardener|landscaper": ("CLN",),
    "hairdresser|barber|nanny|babysitter": ("PRS",),
    "journalist|musician|actor|actress|photographer|designer|novelist": ("ENT",),
    "social worker|counselor|therapist|pastor|priest": ("CMS", "MED", "SCI"),
    "scientist|chemist|biologist|psychologist|economist": ("SCI", "CMM"),
    "soldier|marine|sailor": ("MIL", "TRN"),
    "manager|executive|ceo|supervisor": (
        "MGR",
        "SAL",
        "OFF",
        "EAT",
        "PRD",
        "TRN",
        "CON",
        "RPR",
        "PRT",
        "CLN",
    ),
}
"""Pattern of a calling -> major groups of occupations it may stand for."""

_NAMES = """
James Robert John Michael David William Richard Joseph Thomas Charles Christopher Daniel Matthew
Anthony Steven Paul Andrew Joshua Kenneth Kevin Brian George Timothy Ronald Edward Jason Jeffrey
Ryan Jacob Gary Nicholas Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory
Alexander Patrick Jack Dennis Tyler Aaron Jose Carlos Luis Juan Miguel Omar Ahmed Mohammed Wei Raj
Ethan Noah Liam Lucas Mason Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen
Lisa Nancy Betty Sandra Margaret Ashley Kimberly Emily Donna Michelle Carol Amanda Melissa Deborah
Stephanie Rebecca Laura Helen Sharon Cynthia Kathleen Amy Angela Anna Ruth Brenda Pamela Nicole
Katherine Samantha Christine Emma Olivia Maria Rosa Carmen Fatima Aisha Priya Mei Sofia Isabella Mia
Maya Chloe Hannah Rachel Diane Julie Alice Martha Bob Bill Jim Tom Mike Dave Joe Steve Sam Ben Max
Kate Sue Jane Ann Annie Beth Molly Maggie
"""
NAMES = frozenset(_NAMES.split())
"""Given names, capitalised as they are: a text with one has invented a person."""
