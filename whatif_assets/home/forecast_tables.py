"""Declarations of the tables about what forecasts are worth before any trading rule."""

from __future__ import annotations

from whatif_assets.domain.base.columns import DAY, NUMBER, TEXT, WHOLE, Column, Table
from whatif_assets.home.shared_columns import CONFIGURATION

RETURNS_FROM = Column(
    "returns_from",
    TEXT,
    "label_price or next_open: the price from which returns are measured; only the "
    "next open can be traded at",
)
HORIZON = Column("horizon", WHOLE, "bars from the forecast to its return")
IC = Column("ic", NUMBER, "information coefficient: correlation with returns")
RANK_IC = Column("rank_ic", NUMBER, "the same of ranks (Spearman)")
HIT_RATE = Column("hit_rate", NUMBER, "part of returns with the sign of the forecast")
OBSERVATIONS = Column("observations", WHOLE, "forecasts whose return is known")
SESSIONS = Column("sessions", WHOLE, "number of sessions with a rank_ic")
_MEANS = tuple(
    Column(f"{name}_{suffix}", NUMBER, about)
    for name in ("ic", "rank_ic")
    for suffix, about in (
        ("std", f"standard deviation of {name} between sessions"),
        ("t", f"t value of {name}, corrected for returns that overlap"),
        ("p", f"two-sided p value of {name}"),
    )
)
_COEFFICIENTS = (
    HORIZON,
    IC,
    *_MEANS[:3],
    RANK_IC,
    *_MEANS[3:],
    SESSIONS,
    Column("lag", WHOLE, "later sessions whose returns overlap with those of one"),
    Column("why_none", TEXT, "why a figure is missing; empty if none is"),
)
_STEADINESS = (
    Column("rank_autocorrelation", NUMBER, "correlation of ranks with the next bar's"),
    Column("turnover_top", NUMBER, "part of the top bin that was not in it a bar ago"),
    Column("turnover_bottom", NUMBER, "the same for the bottom bin"),
)

FORECAST_TABLES = (
    Table(
        "forecast_quality",
        "what the forecasts of a configuration are worth at the label's horizon",
        (
            RETURNS_FROM,
            *_COEFFICIENTS,
            Column("compares", TEXT, "what is compared: symbols at a time, or bars"),
            OBSERVATIONS,
            Column(
                "bins", WHOLE, "number of bins of forecasts; 0 if there are too few"
            ),
            Column("spread", NUMBER, "return after the top bin less the bottom bin"),
            Column("spread_std", NUMBER, "standard deviation of spread by session"),
            Column("spread_t", NUMBER, "t value of spread, corrected for overlap"),
            Column("spread_p", NUMBER, "two-sided p value of spread"),
            HIT_RATE,
            Column(
                "slope",
                NUMBER,
                "slope of returns on forecasts; 1 if calibrated; null for scores",
            ),
            Column("intercept", NUMBER, "return where the forecast is 0"),
            *_STEADINESS,
        ),
        axis=CONFIGURATION,
        beside=(
            "forecast_decay",
            "forecast_sessions",
            "forecast_bins",
            "forecast_parts",
        ),
    ),
    Table(
        "forecast_decay",
        "the information coefficient of a forecast, or of a feature, at a horizon",
        (
            Column("signal", TEXT, "`forecast`, or the column of a feature"),
            RETURNS_FROM,
            *_COEFFICIENTS,
        ),
        axis=CONFIGURATION,
    ),
    Table(
        "forecast_sessions",
        "the quality of the forecasts of a session at the label's horizon",
        (
            Column("session", DAY, "date of the session"),
            RETURNS_FROM,
            IC,
            RANK_IC,
            OBSERVATIONS,
            HIT_RATE,
            Column("spread", NUMBER, "what the session adds to the mean spread"),
            *_STEADINESS,
            Column("volatility", NUMBER, "volatility of a bar (Parkinson)"),
            Column("regime", TEXT, "volatility before: low, middle, high; or empty"),
        ),
        axis=CONFIGURATION,
    ),
    Table(
        "forecast_bins",
        "a bin of forecasts of similar size, and what came true",
        (
            RETURNS_FROM,
            Column(
                "bin",
                WHOLE,
                "1 for the lowest forecasts; edges are known before a session",
            ),
            Column("mean_forecast", NUMBER, "mean forecast return"),
            Column("mean_return", NUMBER, "mean return that came true"),
            OBSERVATIONS,
        ),
        axis=CONFIGURATION,
    ),
    Table(
        "forecast_parts",
        "the quality of a part of the forecasts at the label's horizon",
        (
            Column("kind", TEXT, "kind of part: symbol, hour or volatility"),
            Column("part", TEXT, "symbol, hour of the exchange's clock, or regime"),
            RETURNS_FROM,
            IC,
            RANK_IC,
            HIT_RATE,
            OBSERVATIONS,
        ),
        axis=CONFIGURATION,
    ),
)
