"""Declarations of the tables of the DuckDB database, which the report writes."""

from __future__ import annotations

import dataclasses

from whatif_assets.domain.base.columns import (
    DATE,
    DAY,
    NUMBER,
    STAMP,
    TEXT,
    WHOLE,
    Column,
    Table,
)
from whatif_assets.home.figure_columns import columns_of
from whatif_assets.home.forecast_tables import FORECAST_TABLES
from whatif_assets.home.forward_tables import FORWARD_TABLES
from whatif_assets.home.model_tables import MODEL_TABLES, SEARCH_SCORES
from whatif_assets.home.shared_columns import (
    ALGORITHM,
    BECAUSE,
    EFFECT,
    FAMILY,
    FILL,
    OF_CONFIGURATION,
    OF_STUDY,
    OF_VARIANT,
    SETTINGS,
    STATE,
    STRATEGY,
    SYMBOL,
    TS,
    VARIANT,
)
from whatif_assets.home.tables import (
    CONFIGURATION,
    FORECASTS,
    LAKE,
    PRICE_BARS,
    SESSION,
    _by_name,
)

_MODELS = (LAKE["trained_models"], SEARCH_SCORES, *MODEL_TABLES)
_SESSION = Column("session", DATE, "date of the session")


def _of_finalists(name: str, about: str) -> Table:
    """Declare a table of the lake for the finalists of all studies."""
    own = [part for part in LAKE[name].parts if part is not VARIANT]
    return Table(name, about, (*OF_VARIANT, *own))


DATABASE = _by_name(
    (
        Table("price_bars", PRICE_BARS.about, (_SESSION, *PRICE_BARS.parts), SESSION),
        Table(
            "features",
            LAKE["features"].about,
            (_SESSION, SYMBOL, TS),
            SESSION,
            NUMBER,
        ),
        Table(
            "forecasts",
            FORECASTS.about,
            (OF_CONFIGURATION, *FORECASTS.parts),
            CONFIGURATION,
        ),
        *(
            Table(one.name, one.about, (OF_STUDY, OF_CONFIGURATION, *one.parts))
            for one in (*_MODELS, *FORECAST_TABLES)
        ),
        Table(
            "configurations",
            "a configuration of a study",
            (
                OF_STUDY,
                OF_CONFIGURATION,
                STRATEGY,
                ALGORITHM,
                Column("variants", WHOLE, "number of variants"),
                SETTINGS,
                STATE,
                BECAUSE,
            ),
        ),
        dataclasses.replace(LAKE["leaderboard"], axis=None),
        dataclasses.replace(LAKE["best_configuration"], axis=None),
        dataclasses.replace(LAKE["verdicts"], axis=None),
        dataclasses.replace(LAKE["edge_parts"], axis=None),
        dataclasses.replace(LAKE["capacity"], axis=None),
        Table(
            "states",
            "the state of a table for a study",
            (OF_STUDY, Column("part", TEXT, "name of the table"), STATE, BECAUSE),
        ),
        Table(
            "equity",
            "the account of a finalist at the end of a session",
            (
                *OF_VARIANT,
                Column("session", DAY, "date of the session"),
                Column("equity", NUMBER, "value of the account"),
                Column("pnl", NUMBER, "profit since the start"),
            ),
        ),
        Table("fills", "a fill of a finalist", (*OF_VARIANT, *FILL)),
        _of_finalists("path_results", "the result of a finalist on a path"),
        _of_finalists("positions", "what a finalist holds at the end of a session"),
        _of_finalists("exposures", "what a finalist's account holds in a session"),
        _of_finalists("refused_orders", "an order of a finalist that was refused"),
        Table(
            "trades",
            "a closed trade of a finalist",
            (
                *OF_VARIANT,
                SYMBOL,
                Column("opened", STAMP, "bar of the first fill"),
                Column("closed", STAMP, "bar of the last fill"),
                Column("size", NUMBER, "units, negative for a short trade"),
                *columns_of(NUMBER, "entry", "exit"),
                Column("gross", NUMBER, "profit before commission"),
                *columns_of(NUMBER, "commission", "pnl"),
            ),
        ),
        Table(
            "contributions",
            "a part of the profit of the first in rank of a study",
            (
                *OF_VARIANT,
                Column("kind", TEXT, "kind of part: symbol, group, leg or hour"),
                Column("part", TEXT, "its name; all parts of a kind are the profit"),
                Column("pnl", NUMBER, "profit out of sample, after costs"),
            ),
        ),
        Table(
            "sensitivity",
            "a value of an axis of a family, and the results of its variants",
            (*FAMILY, *columns_of(TEXT, "axis", "value"), *EFFECT),
        ),
        Table(
            "sensitivity_pairs",
            "two values of two axes of a family, and the results of their variants",
            (
                *FAMILY,
                *columns_of(TEXT, "axis_x", "value_x", "axis_y", "value_y"),
                *EFFECT,
            ),
        ),
        dataclasses.replace(LAKE["placebo_results"], name="placebos", axis=None),
        LAKE["trials"],
        LAKE["holdout_openings"],
        *FORWARD_TABLES,
        LAKE["facts"],
        Table(
            "adjustments",
            "a split or a dividend that prices are adjusted for",
            (
                _SESSION,
                SYMBOL,
                Column("split", NUMBER, "new shares per old share"),
                Column("dividend_factor", NUMBER, "1 if there is only a split"),
            ),
        ),
        Table(
            "data_quality",
            LAKE["data_quality"].about,
            (_SESSION, *LAKE["data_quality"].parts),
            SESSION,
        ),
        Table(
            "left_out",
            LAKE["left_out"].about,
            (_SESSION, *LAKE["left_out"].parts),
            SESSION,
        ),
        LAKE["runs"],
    )
)
