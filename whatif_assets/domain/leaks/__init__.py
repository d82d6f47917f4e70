"""The leak gate: probes that detect look-ahead, that is, knowledge of the future.

Each probe is a pure function: it takes data and functions, and returns a `Finding`.
``recomputing`` has the probes of features and forecasts, ``labels`` that of labels,
``training`` that of training windows, ``filling`` those of orders, and
``leakage_suspects`` that of facts and users' columns. ``docs/leaks.md`` explains each
alarm.
"""

from whatif_assets.domain.leaks.filling import (
    FILLS_PROBE,
    executions_of_fills,
    fills_at_next_open,
    repeats_itself,
    trades_see_no_future,
)
from whatif_assets.domain.leaks.finding import (
    Admit,
    Finding,
    merge_findings,
    refuse_leak,
)
from whatif_assets.domain.leaks.labels import LABEL_PROBE, label_looks_forward
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
    TRAINING_PROBE,
    training_stops_before_test,
)

PROBES = {
    FEATURES_PROBE: "Features of a session are unchanged up to a cut when they are "
    "computed again with later bars removed or replaced by noise, and without facts "
    "that became known later.",
    LABEL_PROBE: "Labels lie after their bars, are those of the study's definition, "
    "depend on no bar after the end that they state, and no feature equals the label.",
    TRAINING_PROBE: "The embargo covers the horizon, and no training row has a label "
    "in the test window.",
    FORECASTS_PROBE: "Forecasts are unchanged up to a cut when they are computed again "
    "with later bars removed or replaced by noise.",
    INDICATORS_PROBE: "Features that only a rule reads are unchanged up to a cut when "
    "they are computed again with later bars removed or replaced by noise.",
    FORETELLING_PROBE: "Facts and columns of users' functions do not predict returns "
    "better than is plausible. If they do, this only asks a question and refuses "
    "nothing.",
    FILLS_PROBE: "Orders fill at the next bar's open, and replays with another future "
    "trade the same until that future begins.",
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
    "executions_of_fills",
    "facts_see_no_future",
    "fills_at_next_open",
    "forecasts_see_no_future",
    "label_looks_forward",
    "merge_findings",
    "refuse_leak",
    "repeats_itself",
    "trades_see_no_future",
    "training_stops_before_test",
]
