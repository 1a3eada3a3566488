"""What each study will be able to say of a client, told from the tables and parameters before anything is run.

A part stands for sections of a notebook, its gates for what these need; ``tests/studies/test_readiness.py`` holds them
to the notebooks. That the data are there does not say that a model finds something in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cam.data import Prepared
from cam.data.profile import Profile
from cam.data.warehouse import open_engine, put_tables
from cam.estimate import CannotSay
from cam.params import Params
from cam.studies import gates
from cam.studies.gates import Gate
from cam.studies.study import Study

#: As the studies' own limits; of fewer customers nothing is said anyway.
_FEWEST, _FEWEST_IN_CLUSTERS = 30, 50
_SCORES = ("nps", "csat", "ces")


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a study says.

    Attributes
    ----------
    name : str
        English; looked up in the catalogue.
    sections : tuple of str
        Headings of the notebook.
    needs : tuple of Gate
        Without any of them nothing is said.
    wants : tuple of Gate
        Without one of them it is said in part.
    applies : callable
        Whether the client is one to whom this part speaks at all.
    """

    name: str
    sections: tuple[str, ...]
    needs: tuple[Gate, ...]
    wants: tuple[Gate, ...] = ()
    applies: Callable[[Study], bool] = lambda study: True


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a part can be said.

    Attributes
    ----------
    study, part : str
        Names.
    state : {"ready", "partly", "not"}
        Whether the data are there.
    said : CannotSay or None
        What is missing, and the cure.
    """

    study: str
    part: str
    state: str
    said: CannotSay | None


def answers(params: Params, prepared: Prepared, seen: Profile) -> list[Answer]:
    """Say of every part of every study whether its data are there.

    Parameters
    ----------
    params : Params
        The client's parameters.
    prepared : Prepared
        The client's checked tables.
    seen : Profile
        What they look like.

    Returns
    -------
    list of Answer
        In the order of the studies and their parts.
    """
    engine = open_engine()
    study = Study("check", params, prepared, put_tables(engine, prepared), engine, Path(), False)
    found = [answer for name in PARTS for answer in answers_of(study, name, seen)]
    engine.disconnect()
    return found


def answers_of(study: Study, name: str, seen: Profile) -> list[Answer]:
    """Say of every part of one study whether its data are there.

    Parameters
    ----------
    study : Study
        The client's parameters and tables.
    name : str
        The notebook's name; of one that is not ours nothing is known.
    seen : Profile
        What the tables look like.

    Returns
    -------
    list of Answer
        In the order of its parts.
    """
    found = []
    for part in PARTS.get(name, ()):
        if not part.applies(study):
            continue
        missing = _first(part.needs, study, seen)
        lesser = missing or _first(part.wants, study, seen)
        state = "not" if missing else "partly" if lesser else "ready"
        found.append(Answer(name, part.name, state, lesser))
    return found


def _first(asked: tuple[Gate, ...], study: Study, seen: Profile) -> CannotSay | None:
    return next((said for gate in asked if (said := gate(study, seen))), None)


# --- the parts ----------------------------------------------------------------------------------

_ORDERS = (gates.has("transactions"), gates.bought)
_AHEAD = (gates.setting, gates.margin)

#: Sections that tell by themselves whether they apply: nothing in tables or parameters could be missing.
UNTOLD = ("Who will come to the next occasion?",)

PARTS: dict[str, tuple[Part, ...]] = {
    "01_segmentation": (
        Part("repeat purchases", ("Do customers come back?",), _ORDERS),
        Part(
            "RFM segments",
            (
                "How recent, how frequent, how valuable?",
                "Which segments carry the business?",
                "Where do customers stand?",
            ),
            (*_ORDERS, gates.value_measure),
        ),
        Part(
            "value and potential",
            ("Who has brought much, and with whom is there more to win?",),
            (gates.setting, *_ORDERS, gates.either(gates.margin, gates.has("customers", "wallet"))),
            (gates.margin,),
        ),
        Part(
            "profit and loyalty",
            ("Which customers are worth what effort?",),
            (gates.setting, *_ORDERS, gates.margin),
        ),
        Part(
            "what to do with whom",
            ("What to do with each group, and what is at stake",),
            (gates.setting, *_ORDERS),
            (gates.margin,),
        ),
        Part("moves between segments", ("Where did customers go?",), (*_ORDERS, gates.two_windows)),
        Part(
            "buying habits",
            ("How do customers buy?",),
            (*_ORDERS, gates.has_any("transactions", "channel", "category", "discount")),
        ),
        Part("days and hours", ("When do they buy?",), _ORDERS, (gates.hours,)),
        Part("order values and gaps", ("How large are orders, and how soon comes the next?",), _ORDERS),
        Part(
            "profiles of segments",
            ("Who are the customers of each segment?",),
            (*_ORDERS, gates.has("customers")),
            (gates.places,),
        ),
        Part("attitudes", ("What do customers think?",), (*_ORDERS, gates.has("customers"), gates.attitudes)),
        Part(
            "clusters", ("Are there groups, or one crowd?",), (*_ORDERS, gates.customers(_FEWEST_IN_CLUSTERS))
        ),
    ),
    "02_lifecycle": (
        Part(
            "leads",
            ("How many leads become customers, and how soon?",),
            (gates.has("leads"),),
            (
                gates.has("leads", "customer_id"),
                gates.either(gates.has("transactions"), gates.has("contracts")),
            ),
        ),
        Part(
            "repeat and retention",
            (
                "Who comes back at all?",
                "Do each month's new customers keep coming?",
                "How fast do they drift away?",
            ),
            _ORDERS,
        ),
        Part(
            "four rates",
            ("Four rates, one sum: who stayed, left, came back and came new",),
            (gates.either(gates.has("transactions"), gates.has("contracts")), gates.bought),
        ),
        Part(
            "stages of life",
            ("Where do customers stand?", "Where do they go from there?", "What is a stage worth?"),
            _ORDERS,
        ),
        Part(
            "revenue of cohorts",
            ("Does the revenue of a cohort stay?", "What has a new customer brought by when?"),
            _ORDERS,
            (gates.has("customers"), gates.compared_by),
        ),
        Part(
            "second purchase", ("How soon comes the second purchase?",), (*_ORDERS, gates.customers(_FEWEST))
        ),
        Part(
            "how long customers stay",
            ("How long do customers stay?",),
            (
                gates.either(
                    gates.has("transactions"), gates.contracts_end, gates.has("snapshot", "tenure_months")
                ),
            ),
        ),
        Part(
            "what goes with leaving",
            ("What goes with leaving?",),
            (
                gates.either(
                    gates.has("transactions"), gates.contracts_end, gates.has("snapshot", "tenure_months")
                ),
                gates.either(gates.has("customers"), gates.has("snapshot")),
            ),
            (gates.compared_by,),
        ),
        Part(
            "what goes with a complaint",
            ("What goes with a complaint?",),
            (gates.either(gates.has("transactions"), gates.has("contracts")), gates.touched),
            (gates.has("tickets", "customer_id"),),
        ),
    ),
    "03_clv_cac": (
        Part(
            "earned so far",
            (
                "How do customers leave?",
                "What has a customer brought so far?",
                "How far does revenue hang on few customers?",
            ),
            (gates.setting,),
        ),
        Part(
            "profit by customer",
            ("What is left after serving?", "Who earns the profit, and who takes it away?"),
            (gates.setting, gates.margin),
        ),
        Part(
            "repeat buying",
            ("Who will still buy?", "What does a customer spend per purchase?"),
            (gates.setting, *_ORDERS, gates.customers(_FEWEST)),
            (gates.hold_out,),
            applies=gates.is_free,
        ),
        Part(
            "value ahead (CLV)",
            ("What will today's customers still bring?",),
            (gates.setting, *_ORDERS, gates.customers(_FEWEST), gates.margin, gates.hold_out),
            applies=gates.is_free,
        ),
        Part(
            "value of contracts",
            ("What will the contracts still bring?",),
            (gates.setting, gates.renewals, gates.has("contracts", "monthly_fee"), gates.margin),
            applies=gates.is_contractual,
        ),
        Part("value by segment", ("Which customers hold the value?",), (gates.setting, *_ORDERS)),
        Part(
            "value by attribute",
            ("Does anything known about customers tell what they will bring?",),
            (gates.setting, gates.has("customers")),
        ),
        Part("profit and loyalty", ("Which customers are worth what effort?",), _AHEAD),
        Part(
            "cost of a new customer",
            ("What does a new customer cost?",),
            (gates.has("spend"), gates.cost),
            (gates.cost_by_channel,),
        ),
        Part(
            "payback",
            ("When has a new customer paid for itself?",),
            (gates.has("spend"), gates.cost, *_AHEAD, gates.has("transactions")),
        ),
        Part(
            "cost of the next customer",
            ("What would the next customer cost?",),
            (gates.has("spend"), gates.cost, gates.response),
        ),
        Part(
            "CLV to CAC",
            ("Is a new customer worth its cost?",),
            (
                gates.has("spend"),
                gates.cost_by_channel,
                *_AHEAD,
                gates.has("customers", "acquisition_channel"),
            ),
        ),
        Part(
            "customer equity", ("What are all customers worth?",), (gates.has("spend"), gates.cost, *_AHEAD)
        ),
    ),
    "04_satisfaction_nps": (
        Part(
            "scores",
            ("Would customers recommend us?", "How sure is the score?", "Which groups differ?"),
            (gates.has_any("responses", *_SCORES), gates.answered),
            (gates.has("responses", "nps"),),
        ),
        Part("change over waves", ("Has it moved?",), (gates.has("responses", "wave"),)),
        Part(
            "who answered",
            ("Who answered, and does it matter?",),
            (gates.low_answers, gates.either(gates.has("transactions"), gates.has("customers"))),
        ),
        Part("drivers", ("What drives it?",), (gates.has("responses"), gates.surveys)),
        Part("comments", ("What do they write?",), (gates.has("responses", "comment"),), (gates.comments,)),
        Part(
            "complaints",
            ("How are complaints handled?",),
            (gates.has("tickets"),),
            (
                gates.has("tickets", "closed"),
                gates.has("tickets", "first_reply"),
                gates.has("tickets", "customer_id"),
            ),
        ),
        Part(
            "what satisfaction is worth", ("What is satisfaction worth?",), (gates.low_answers, gates.setting)
        ),
        Part("whom to call back", ("Whom to call back?",), (gates.low_answers,)),
    ),
    "05_churn": (
        Part("churn rate", ("What counts as leaving?",), (gates.label,)),
        Part(
            "how firm it is",
            ("How firm is the label?", "Does a long silence tell who leaves?"),
            (gates.has("transactions"), gates.silence),
        ),
        Part("churn over time", ("Do more customers leave than before?",), (gates.dated, gates.label)),
        Part(
            "who will leave, and why",
            (
                "What was known, and when?",
                "Does a column know the answer?",
                "Can it be foreseen?",
                "Are the probabilities right?",
                "How much better than chance is the list?",
                "What the readable model says",
                "Why do they leave?",
            ),
            (gates.label,),
        ),
        Part(
            "does calling pay", ("Does calling pay?",), (gates.label, gates.offer, gates.tested, gates.worth)
        ),
        Part("retention list", ("Whom to call?",), (gates.label, gates.offer, gates.worth)),
        Part(
            "the finished test",
            ("Would a call keep them? What a test says", "Does it work where the risk is?"),
            (gates.has("experiment"), gates.experiment),
        ),
        Part("size of the next test", ("How large must the next test be?",), (gates.label,)),
    ),
}
