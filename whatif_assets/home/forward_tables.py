"""Declarations of the tables about frozen winners and their forward records."""

from __future__ import annotations

from whatif_assets.domain.base.columns import (
    DATE,
    FLAG,
    NUMBER,
    STAMP,
    TEXT,
    WHOLE,
    Column,
    Table,
)
from whatif_assets.home.shared_columns import OF_VARIANT

_WINNER = Column("winner", TEXT, "identity of the frozen winner")
_CODE = Column("code", TEXT, "version of the code that trades it")
_DATA = Column("data", TEXT, "version of the data")
_STATE = "as promised, worse than promised, too early, or nothing promised"

FORWARD_TABLES = (
    Table(
        "frozen_winners",
        "a winner that was frozen when a verdict was given",
        (
            *OF_VARIANT,
            _WINNER,
            Column("verdict", TEXT, "headline of the verdict"),
            Column("frozen_at", STAMP, "time of the ledger's entry"),
            Column("known_until", DATE, "last session that was known then"),
            Column("is_latest", FLAG, "whether the study's record continues with it"),
            Column("expected", NUMBER, "promised mean return per session", True),
            Column(
                "sessions_needed",
                WHOLE,
                "sessions within which an edge that is gone is called; null if more "
                "than 1,000",
                True,
            ),
            Column("sessions", WHOLE, "sessions recorded", True),
            Column("state", TEXT, _STATE, True),
            Column("in_words", TEXT, "the state in a sentence"),
            _CODE,
            _DATA,
        ),
    ),
    Table(
        "forward_results",
        "a session that a frozen winner traded, or its correction",
        (
            *OF_VARIANT,
            _WINNER,
            Column("session", DATE, "date of the session"),
            Column("pnl", NUMBER, "profit of the session"),
            Column("session_return", NUMBER, "return of the session"),
            Column("cumulative", NUMBER, "sum of the returns; null if corrected", True),
            Column("band_low", NUMBER, "lower end of the promised band", True),
            Column("band_high", NUMBER, "upper end of the promised band", True),
            Column(
                "alarm_below",
                NUMBER,
                "a sum of returns below this is worse than promised",
                True,
            ),
            Column("state", TEXT, _STATE, True),
            Column("corrected", FLAG, "whether it is a second row, of corrected bars"),
            Column(
                "replayed", FLAG, "whether its date is not after the day of freezing"
            ),
            Column(
                "known_later", WHOLE, "later sessions that were known when recorded"
            ),
            Column("recorded_at", STAMP, "time of the ledger's entry"),
            _CODE,
            Column("code_changed", FLAG, "whether the code is not that of freezing"),
            _DATA,
        ),
    ),
)
