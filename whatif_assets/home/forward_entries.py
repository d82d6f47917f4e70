"""Entries of the ledger about frozen winners and their forward records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Frozen:
    """A winner that was frozen when a verdict was given.

    Attributes
    ----------
    study, configuration, variant
        Name of the study, key of the configuration and id of the variant.
    market
        Identity of the market data.
    winner
        Identity of the frozen winner: what it is, and what was known when it was
        frozen. It names the folder with its copy.
    settings
        Hash of what it is, alone.
    verdict
        Headline of the verdict.
    known_until
        ISO date of the last session of which any data was known. Only later sessions
        are forward.
    code, data
        Versions of the code that evaluates it, and of the data that it was made of.
    content
        Hash of the copy: study file, code, models, returns of the backtest.
    """

    study: str
    configuration: str
    variant: str
    market: str
    winner: str
    settings: str
    verdict: str
    known_until: str
    code: str
    data: str
    content: str


@dataclass(frozen=True)
class Forward:
    """A session that a frozen winner traded.

    Attributes
    ----------
    winner, market, session
        The frozen winner, the identity of the market data, and an ISO date.
    pnl
        Profit of the session.
    session_return
        Return of the session, of the account's value at the end of the one before.
    known_later
        Number of later sessions that were known when this one was recorded.
    corrected
        Whether an entry of this session exists already, of other bars.
    code, data
        Versions of the code that evaluated it, and of the session's bars.
    """

    winner: str
    market: str
    session: str
    pnl: float
    session_return: float
    known_later: int
    corrected: bool
    code: str
    data: str
