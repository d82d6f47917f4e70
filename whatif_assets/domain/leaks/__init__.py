"""The leak gate: probes that find out whether a result knows the future.

Each probe is pure: it takes data and functions, and returns a `Finding`.
``recomputing`` has those of features and forecasts, ``training`` those of labels and
windows, ``filling`` those of orders. ``docs/leaks.md`` says what each alarm means.
"""

from whatif_assets.domain.leaks.filling import (
    FILLS_PROBE,
    fills_at_next_open,
    of_fills,
    repeats_itself,
    trades_see_no_future,
)
from whatif_assets.domain.leaks.finding import Admit, Finding, refuse_leak, together
from whatif_assets.domain.leaks.leakage_suspects import (
    FORETELLING_PROBE,
    columns_foretell_no_return,
)
from whatif_assets.domain.leaks.recomputing import (
    FEATURES_PROBE,
    FORECASTS_PROBE,
    INDICATORS_PROBE,
    facts_see_no_future,
    forecasts_see_no_future,
)
from whatif_assets.domain.leaks.training import (
    LABEL_PROBE,
    TRAINING_PROBE,
    label_looks_forward,
    training_stops_before_test,
)

PROBES = {
    FEATURES_PROBE: "Features of a session, computed again with later bars removed and "
    "replaced by noise, and with facts that became known later left out, are the same "
    "up to the cut.",
    LABEL_PROBE: "Labels lie ahead of their bars, at the label's horizon, and are no "
    "feature.",
    TRAINING_PROBE: "The embargo covers the horizon, and no row that is trained on has "
    "a label in the test window.",
    FORECASTS_PROBE: "Forecasts, computed again with later bars removed and replaced "
    "by noise, are the same up to the cut.",
    INDICATORS_PROBE: "Features that a rule computes for itself, computed again with "
    "later bars removed and replaced by noise, are the same up to the cut.",
    FORETELLING_PROBE: "Facts and columns of users' own functions do not foretell what "
    "comes next better than an honest one could: a question, which refuses nothing.",
    FILLS_PROBE: "Orders fill at the next bar's open, and replays in another future "
    "trade the same until it begins.",
}

__all__ = [
    "FEATURES_PROBE",
    "FILLS_PROBE",
    "FORECASTS_PROBE",
    "FORETELLING_PROBE",
    "INDICATORS_PROBE",
    "LABEL_PROBE",
    "PROBES",
    "TRAINING_PROBE",
    "Admit",
    "Finding",
    "columns_foretell_no_return",
    "facts_see_no_future",
    "fills_at_next_open",
    "forecasts_see_no_future",
    "label_looks_forward",
    "of_fills",
    "refuse_leak",
    "repeats_itself",
    "together",
    "trades_see_no_future",
    "training_stops_before_test",
]
