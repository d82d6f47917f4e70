"""Declarations of a home's tables: what a row is, and the type of each column.

``LAKE`` declares the tables that are stored in Parquet; ``DATABASE`` in
`whatif_assets.home.database_tables` declares those of ``whatif.duckdb``. Every table
that is written or read has to be declared.
"""

from __future__ import annotations

from collections.abc import Iterable

from whatif_assets.domain.base.columns import (
    DAY,
    FLAG,
    JSON,
    NUMBER,
    STAMP,
    TEXT,
    WHOLE,
    Column,
    Table,
)
from whatif_assets.home.figure_columns import columns_of, figure_columns, metric_columns
from whatif_assets.home.forecast_tables import FORECAST_TABLES
from whatif_assets.home.model_tables import MODEL_TABLES, SEARCH_SCORES
from whatif_assets.home.shared_columns import (
    ACCOUNT,
    ALGORITHM,
    EXPOSURE,
    FILL,
    FORECAST,
    OF_CONFIGURATION,
    OF_STUDY,
    OF_VARIANT,
    PROFITS,
    RANKED,
    REJECTED,
    RESULTS,
    ROLE,
    SETTINGS,
    START_CASH,
    STRATEGY,
    SYMBOL,
    TS,
    VARIANT,
    WINNER,
)

SESSION, CONFIGURATION, STUDY = "session", "configuration", "study"
SIZED = "features_"  # prefix of the feature tables of larger bars; the size follows


def _by_name(tables: Iterable[Table]) -> dict[str, Table]:
    return {table.name: table for table in tables}


LAKE = _by_name(
    (
        Table(
            "price_bars",
            "a bar of a symbol",
            (
                SYMBOL,
                TS,
                *columns_of(NUMBER, "open", "high", "low", "close"),
                Column("volume", NUMBER, "units traded"),
                Column("vwap", NUMBER, "volume-weighted average price"),
                Column("trade_count", WHOLE, "number of trades; null if not known"),
                Column("vwap_is_typical", FLAG, "vwap is (high + low + close) / 3"),
            ),
            axis=SESSION,
            beside=("data_quality", "left_out"),
        ),
        Table(
            "data_quality",
            "a finding of a check in the bars of a session",
            (
                Column("check", TEXT, "name of the check"),
                Column("severity", TEXT, "error, warning or note"),
                Column("symbol", TEXT, "symbol concerned; null for the whole session"),
                Column("first_ts", STAMP, "start of the first bar concerned, UTC"),
                Column("count", WHOLE, "number of bars, rows or symbols concerned"),
                Column("value", NUMBER, "largest value that was found"),
                Column("example", TEXT, "the first case in words"),
            ),
            axis=SESSION,
        ),
        Table(
            "left_out",
            "bars of a session that were refused",
            (
                Column("symbol", TEXT, "symbol concerned; null for the whole session"),
                Column("why", TEXT, "the check that refused them, and what it found"),
            ),
            axis=SESSION,
        ),
        Table(
            "features",
            "the features of a bar, one column each",
            (SYMBOL, TS),
            axis=SESSION,
            others=NUMBER,
        ),
        Table(
            "trained_models",
            "the model of a configuration in a fold, for all symbols or for a part of "
            "them",
            (
                Column("fold", WHOLE),
                Column("part", TEXT, "all, or the symbol or group of the model"),
                *columns_of(DAY, "train_first", "train_last"),
                Column("train_rows", WHOLE),
                Column("train_rmse", NUMBER, "root mean squared error in training"),
                Column("settings", JSON, "settings that the model was fitted with"),
                Column("not_fitted", TEXT, "why there is no model; null if there is"),
            ),
            axis=CONFIGURATION,
            beside=("search_scores",),
        ),
        SEARCH_SCORES,
        Table(
            "forecasts",
            "an out-of-sample forecast at a bar",
            FORECAST,
            axis=CONFIGURATION,
            beside=("in_sample_forecasts",),
        ),
        Table(
            "in_sample_forecasts",
            "an in-sample forecast, at a bar that the model was trained on",
            FORECAST,
            axis=CONFIGURATION,
        ),
        *FORECAST_TABLES,
        *MODEL_TABLES,
        Table(
            "backtest_results",
            "the result of a variant over the study's test windows",
            (VARIANT, ROLE, STRATEGY, ALGORITHM, *RESULTS),
            axis=CONFIGURATION,
            others=NUMBER,  # metrics of installed packages, by which the study ranks
            beside=(
                "daily_pnl",
                "in_sample_pnl",
                "path_results",
                "fills",
                "positions",
                "exposures",
                "refused_orders",
            ),
        ),
        Table("daily_pnl", PROFITS, (VARIANT,), CONFIGURATION, NUMBER),
        Table("in_sample_pnl", PROFITS, (VARIANT,), CONFIGURATION, NUMBER),
        Table(
            "path_results",
            "the result of a variant on a path of combinatorial cross-validation",
            (
                VARIANT,
                Column("path", WHOLE, "number of the path; other tables show path 0"),
                metric_columns(),
                Column("ranked_value", NUMBER, "value that the study ranks by"),
            ),
            axis=CONFIGURATION,
        ),
        Table(
            "fills",
            "a fill of one of the configuration's best variants",
            (
                VARIANT,
                *FILL,
                Column("value", NUMBER, "size times price times multiplier, positive"),
                Column("closing", NUMBER, "part of the commission for the closing"),
            ),
            axis=CONFIGURATION,
        ),
        Table(
            "positions",
            "what one of the configuration's best variants holds at a session's end",
            (
                VARIANT,
                Column("session", DAY, "date of the session"),
                SYMBOL,
                Column("units", NUMBER, "units held; negative for a short position"),
                Column("close", NUMBER, "close of the symbol's last bar until then"),
                Column("value", NUMBER, "value of the position; negative if short"),
                Column("weight", NUMBER, "value as a part of all equity"),
            ),
            axis=CONFIGURATION,
        ),
        Table(
            "exposures",
            "what the account of one of the configuration's best variants holds and "
            "trades in a session",
            (VARIANT, *EXPOSURE),
            axis=CONFIGURATION,
        ),
        Table(
            "refused_orders",
            "an order of one of the best variants that a shared account did not carry",
            (
                VARIANT,
                SYMBOL,
                Column("ts", STAMP, "time of the refusal, UTC"),
                Column("size", NUMBER, "units to buy; negative to sell"),
                Column("reason", TEXT, "why the order was refused"),
            ),
            axis=CONFIGURATION,
        ),
        Table(
            "blocks",
            "metrics and daily profits of a variant, while a sweep runs",
            (VARIANT, metric_columns(), START_CASH, REJECTED, ACCOUNT),
            others=NUMBER,
        ),
        Table(
            "trials",
            "a variant that was ever evaluated in a study",
            (
                OF_STUDY,
                Column("trial", TEXT, "hash of settings, code and windows"),
                OF_CONFIGURATION,
                VARIANT,
                ROLE,
                Column("sessions", WHOLE, "number of sessions it was evaluated on"),
                *columns_of(TEXT, "first_session", "last_session"),
                START_CASH,
                *columns_of(NUMBER, "pnl", "sharpe"),
            ),
        ),
        Table(
            "ledger_marks",
            "a hash of a symbol's price moves in a session, to recognise its bars",
            (SYMBOL, Column("session", TEXT, "ISO date"), Column("mark", WHOLE)),
        ),
        Table(
            "placebo_results",
            "the result of a placebo that trades at the size of the winner",
            (
                OF_STUDY,
                Column("placebo", TEXT, "kind of placebo"),
                VARIANT,
                STRATEGY,
                SETTINGS,
                Column("configuration", TEXT, "configuration of the winner"),
                Column("winner_variant", TEXT, "variant of the winner"),
                metric_columns(),
                Column("ranked_value", NUMBER, "value that the study ranks by"),
                Column("above_winner", FLAG, "whether it ranks above the winner"),
            ),
            axis=STUDY,
            others=NUMBER,
            beside=("placebo_pnl",),
        ),
        Table(
            "placebo_pnl",
            PROFITS,
            (Column("placebo", TEXT, "kind of placebo"), VARIANT),
            axis=STUDY,
            others=NUMBER,
        ),
        Table(
            "holdout_results",
            "the result of the winner on the holdout",
            (VARIANT, metric_columns(), ACCOUNT, metric_columns("buy_and_hold_")),
            axis=STUDY,
            others=NUMBER,
            beside=("holdout_pnl",),
        ),
        Table(
            "holdout_pnl",
            "profit since the start of the holdout, at the end of a session",
            (
                Column("session", TEXT, "ISO date"),
                *columns_of(NUMBER, "pnl", "buy_and_hold_pnl", "start_cash"),
            ),
            axis=STUDY,
        ),
        Table(
            "holdout_openings",
            "a look at a holdout",
            (
                OF_STUDY,
                Column("opening", WHOLE, "1 for the first look"),
                OF_CONFIGURATION,
                VARIANT,
                *columns_of(TEXT, "first_session", "last_session"),
                Column("sessions", WHOLE, "number of sessions of the holdout"),
                Column("inputs", TEXT, "hash of the trial and the data looked at"),
                Column("run_id", TEXT, "id of the Dagster run"),
                Column("opened_at", TEXT, "time of the look, UTC"),
            ),
        ),
        Table(
            "verdicts",
            "the verdict on the winner of a study",
            (
                *OF_VARIANT,
                Column("verdict", TEXT, "the headline"),
                Column("in_words", TEXT, "the headline with its limits"),
                Column("names_winner", FLAG, "whether the verdict names a winner"),
                Column("reasons", TEXT, "reasons, one sentence per line"),
                figure_columns,
            ),
            axis=STUDY,
            beside=("verdict_logits", "edge_parts", "capacity"),
        ),
        Table(
            "verdict_logits",
            "a split of the sessions into two halves",
            (Column("logit", NUMBER, "rank of the best trial in the other half"),),
            axis=STUDY,
        ),
        Table(
            "edge_parts",
            "a part of the return of a study's winner",
            (
                *OF_VARIANT,
                Column("kind", TEXT, "kind of part: period, market or symbol"),
                Column("part", TEXT, "dates, kind of sessions, or symbol of the part"),
                Column("sessions", WHOLE, "number of sessions; null for a symbol"),
                Column("trades", WHOLE, "closed trades of a symbol; else null"),
                Column("total_return", NUMBER, "after costs, over the starting cash"),
                Column("sharpe", NUMBER, "annual Sharpe ratio beyond buy-and-hold"),
            ),
            axis=STUDY,
        ),
        Table(
            "capacity",
            "the result of a finalist at another capital, with sizes that grow with it",
            (
                *OF_VARIANT,
                Column("rank", WHOLE, "rank at the study's own capital"),
                Column("capital", NUMBER, "cash at the start, of all symbols together"),
                *columns_of(NUMBER, "pnl", "total_return", "sharpe"),
                Column("ranked_value", NUMBER, "what the study ranks by"),
                REJECTED,
                Column("best", FLAG, "whether it is the best finalist at this capital"),
            ),
            axis=STUDY,
        ),
        Table(
            "facts",
            "a value of a series, or an event",
            (
                Column("fact", TEXT, "name of the series"),
                Column("symbol", TEXT, "symbol concerned; null for all symbols"),
                Column("event_ts", STAMP, "time that the fact is about, UTC"),
                Column("available_ts", STAMP, "time from which it was known, UTC"),
                Column("value", NUMBER, "null for an event"),
            ),
        ),
        Table(
            "leaderboard",
            "a ranked variant of a study",
            (
                OF_STUDY,
                Column("rank", WHOLE, "1 for the best"),
                OF_CONFIGURATION,
                VARIANT,
                ROLE,
                *RANKED,
            ),
            axis=STUDY,
            others=NUMBER,
        ),
        Table("best_configuration", "the winner of a study", WINNER, STUDY, NUMBER),
        Table(
            "runs",
            "a partition that a run processed",
            (
                Column("run_id", TEXT, "id of the Dagster run"),
                Column("asset", TEXT, "name of the asset"),
                Column("partition", TEXT, "session, configuration or study"),
                Column("status", TEXT, "computed, unchanged, reused or failed"),
                Column("why_computed", TEXT, "what changed"),
                Column("code_version", TEXT),
                Column("data_version", TEXT, "hash of the content"),
                Column("rows", WHOLE),
                Column("seconds", NUMBER),
                Column("finished_at", TEXT, "time of completion, UTC"),
                *columns_of(TEXT, "study", "study_hash"),
                Column("ran_by", TEXT, "name of the user who ran it"),
            ),
        ),
    )
)

PRICE_BARS, FORECASTS = LAKE["price_bars"], LAKE["forecasts"]


def in_lake(name: str) -> Table:
    """Return the declaration of a lake table, including feature tables of any size.

    Raises
    ------
    KeyError
        The table is not declared.
    """
    return LAKE["features" if name.startswith(SIZED) else name]
