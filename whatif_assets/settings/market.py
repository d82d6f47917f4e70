"""Settings of the market of a home: source, symbols, sessions and bars."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, field_validator

from whatif_assets.domain.accounts.sleeve import NO_GROUP
from whatif_assets.domain.bars.bar_size import ALLOWED, BarSize
from whatif_assets.domain.bars.repairs import check_repairs
from whatif_assets.domain.bars.sessions import Sessions
from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.domain.base.settings import Settings
from whatif_assets.domain.features import Feature
from whatif_assets.domain.models.labels import Label
from whatif_assets.domain.quality import Rule, parse_rules
from whatif_assets.domain.quality.losses import MAY_LOSE, MayLose, parse_may_lose
from whatif_assets.settings.groups import Groups, groups_hash
from whatif_assets.settings.lake_url import LakeUrl
from whatif_assets.settings.spec import YamlDocument, parse, read_yaml
from whatif_assets.sources import (
    SOURCES,
    Source,
    check_bar_size,
    open_source,
)
from whatif_assets.sources.facts import FactOptions, check_fact_names

MARKET_FILE = "market.yaml"
BARS_AT_A_TIME = 400_000


class Market(Settings):
    """Settings in ``market.yaml``.

    A home has one market. The first session must never change, because it is a part
    of the definition of the session partitions.
    """

    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="Prefix of the asset keys, for a second home in the same UI.",
    )
    source: str = Field(description="Name of the source of bars.")
    path: str | None = Field(default=None, description="File, folder or glob.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Further options of the source."
    )
    symbols: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Symbols of the market. Default: all symbols of the source.",
    )
    calendar: str = Field(
        default="XNYS", description="Name of a calendar of exchange_calendars."
    )
    first_session: date = Field(description="First session; must not change in a home.")
    last_session: date | None = Field(
        default=None, description="Last session. Default: none, the market continues."
    )
    base_bar: str = Field(default="1min", description=f"Size of the bars: {ALLOWED}.")
    hours: Literal["all", "regular"] = Field(
        default="all",
        description="all: keep all bars. regular: keep only bars in the calendar's "
        "trading hours.",
    )
    repairs: tuple[str, ...] = Field(
        default=(),
        description="Repairs to make, which are counted: drop_duplicates (rows that "
        "repeat a bar), forward_fill (missing bars of a session). Default: none.",
    )
    adjust: Literal["none", "splits", "all"] = Field(
        default="all",
        description="Corporate actions for which prices are adjusted: none, splits, or "
        "all (splits and dividends). Bars are stored in the lake without adjustment.",
    )
    actions: str | None = Field(
        default=None,
        description="File, folder or glob (CSV, Parquet) of splits and dividends, with "
        "the columns symbol, date (the ex-date), split (new shares per old share) and "
        "dividend (money per share). Replaces the actions of the source; only the "
        "source lean has any.",
    )
    multiplier: float | dict[str, float] = Field(
        default=1.0,
        description="Contract multiplier, the money per point of the price of one "
        "unit: 1 for shares, 10 for a future on the EURO STOXX 50. A number for all "
        "symbols, or a mapping of symbols to numbers; 1 for symbols not listed.",
    )
    groups: Groups = Field(
        default_factory=dict,
        description="Symbols of each group, such as an industry, by the name of the "
        "group. A symbol is in one group at most; symbols in none form the group "
        f"{NO_GROUP}.",
    )
    lake: LakeUrl = None
    quality: dict[str, Any] = Field(
        default_factory=dict,
        description="Severity of findings about bars, by check: error (leaves the "
        "symbol out of the session), warning, note or off, or a mapping of severity "
        "and limits. Also may_lose: the data that studies may lack; see below.",
    )
    facts: Annotated[dict[str, FactOptions], BeforeValidator(check_fact_names)] = Field(
        default_factory=dict,
        description="Facts (data other than prices) by name, joined to bars as of the "
        "time from which they were known; see below.",
    )

    @field_validator("base_bar")
    @classmethod
    def _normal_form(cls, value: str) -> str:
        """Write equal sizes, such as 60min and 1h, as the same text."""
        return str(BarSize.parse(value))

    @field_validator("multiplier", mode="before")
    @classmethod
    def _number_or_mapping(cls, value: Any) -> Any:
        for number in value.values() if isinstance(value, dict) else [value]:
            if number is None or isinstance(number, (list, dict)):
                raise ValueError(
                    f"found {number!r}; write a number for all symbols, or a "
                    "mapping of symbols to numbers."
                )
        return value

    @field_validator("multiplier")
    @classmethod
    def _above_zero(cls, value: float | dict[str, float]) -> float | dict[str, float]:
        for symbol, number in _by_symbol(value).items():
            if not (math.isfinite(number) and number > 0):
                of_symbol = f" for {symbol}" if symbol else ""
                raise ValueError(
                    f"found {number}{of_symbol}; a multiplier is a finite number "
                    "above 0, such as 10."
                )
        return value

    def groups_of(self, symbols: Iterable[str]) -> dict[str, str]:
        """Return the name of the group of each symbol; ``other`` for symbols in none.

        Parameters
        ----------
        symbols
            Symbols of the market, in any order.
        """
        known = {name: group for group, names in self.groups.items() for name in names}
        return {symbol: known.get(symbol, NO_GROUP) for symbol in symbols}

    def groups_read(
        self, features: Iterable[Feature], label: Label | None = None
    ) -> dict[str, str]:
        """Return a hash of the groups as a part of inputs; empty if nothing reads them.

        Parameters
        ----------
        features, label
            Features and a label that may compare symbols by group.
        """
        read = any(feature.reads_groups for feature in features)
        read |= label is not None and label.relative_to == "group"
        return {"groups": groups_hash(self.groups)} if read else {}

    @property
    def key_prefix(self) -> list[str]:
        """Prefix of the market's asset keys: its name, if it has one."""
        return [self.name] if self.name else []

    @property
    def prefix(self) -> str:
        """Prefix of the names of its jobs, sensors and partitions."""
        return "".join(f"{name}_" for name in self.key_prefix)

    @property
    def symbols_named(self) -> list[tuple[tuple[str, ...], str]]:
        """Field and symbol of each place where the settings name a symbol."""
        multiplied = self.multiplier if isinstance(self.multiplier, dict) else {}
        return [
            *((("symbols",), symbol) for symbol in self.symbols or ()),
            *((("multiplier", symbol), symbol) for symbol in multiplied),
            *((("groups", name), s) for name, of in self.groups.items() for s in of),
        ]

    def multipliers(self, symbols: Iterable[str]) -> dict[str, float]:
        """Return the contract multiplier (money per point of one unit) by symbol."""
        known = _by_symbol(self.multiplier)
        return {name: known.get(name, known.get("", 1.0)) for name in symbols}

    def multipliers_read(self, symbols: Sequence[str] | None) -> dict[str, float]:
        """Return the multipliers other than 1 on which results depend, by symbol.

        Parameters
        ----------
        symbols
            Traded symbols; None for all. A single number for all symbols has the
            empty name then.
        """
        known = _by_symbol(self.multiplier)
        read = known if symbols is None else self.multipliers(symbols)
        return {name: number for name, number in read.items() if number != 1}

    @property
    def bar_size(self) -> BarSize:
        """Size of the bars in `base_bar`."""
        return BarSize.parse(self.base_bar)

    @property
    def knows_actions(self) -> bool:
        """Whether prices are adjusted and there is a source of corporate actions."""
        known = self.actions is not None or hasattr(SOURCES[self.source], "actions")
        return self.adjust != "none" and known

    @property
    def rules(self) -> dict[str, Rule]:
        """Rules of the quality checks, by check."""
        return parse_rules(self.quality)

    @property
    def may_lose(self) -> MayLose:
        """Data that studies may lack."""
        return parse_may_lose(self.quality.get(MAY_LOSE, "nothing"))

    @property
    def negative_prices(self) -> bool:
        """Whether prices of 0 and below are allowed."""
        return self.rules["negative_price"].severity != "error"

    @property
    def sessions(self) -> Sessions:
        """Sessions of the market on its exchange calendar."""
        return Sessions(self.calendar, self.first_session, self.last_session)

    def bars_per_session(self, size: BarSize | None = None) -> int:
        """Return the number of bars in a regular session, by the size of a bar.

        For bars of volume, money or ticks the number is not known in advance; the
        result is 1, the minimum, so that features look back over enough sessions.

        Parameters
        ----------
        size
            Size of the bars. Default: that of the market.
        """
        size = size or self.bar_size
        return max(1, self._minutes() // int(size.amount)) if size.timed else 1

    def most_bars_per_session(self, size: BarSize | None = None) -> int:
        """Estimate the largest number of bars in a regular session.

        The estimate limits how many sessions are read together. For bars of volume,
        money or ticks, one bar per second is assumed.

        Parameters
        ----------
        size
            Size of the bars. Default: that of the market.
        """
        size = size or self.bar_size
        return 60 * self._minutes() if size.by_activity else self.bars_per_session(size)

    def sessions_at_a_time(self, symbols: int, size: BarSize | None = None) -> int:
        """Return how many sessions of some symbols to read together, at least one."""
        return max(1, BARS_AT_A_TIME // (self.most_bars_per_session(size) * symbols))

    def _minutes(self) -> int:
        """Return the trading minutes of a regular session."""
        return _minutes_of(self.sessions)

    def sessions_per_year(self) -> float:
        """Return the sessions per year of the calendar, for annualised metrics."""
        return sessions_per_year(self.calendar)

    def open_source(self, base: Path) -> Source:
        """Open the source; relative paths start from ``base``, then from the cwd."""
        options = dict(self.options)
        if self.path is not None:
            options["path"] = self.path
        return open_source(self.source, options, base)


def _by_symbol(multiplier: float | dict[str, float]) -> dict[str, float]:
    """Return multipliers by symbol; a number for all symbols has the empty name."""
    return multiplier if isinstance(multiplier, dict) else {"": multiplier}


@functools.lru_cache(maxsize=32)
def _minutes_of(sessions: Sessions) -> int:
    """Return the trading minutes of a regular session, from the first sessions."""
    first = sessions.dates()[:20]
    return int(sessions.schedule(first)["minutes"].max()) if first else 390


def parse_market(document: YamlDocument, base: Path) -> Market:
    """Validate a market and the options of its source.

    Parameters
    ----------
    document
        The content of ``market.yaml``, or the ``market:`` block of a study.
    base
        Folder that relative paths start from.

    Raises
    ------
    BadInput
        A field is wrong, the calendar or the source is unknown, an option of the
        source is wrong, or the first session is not a session.
    """
    market = parse(Market, document)
    try:
        market.sessions.check(market.first_session)
        source = market.open_source(base)
        check_bar_size(source, market.bar_size)
        check_repairs(market.repairs, market.bar_size, source.of_trades)
        parse_rules(market.quality)
        _ = market.may_lose
    except BadInput as error:
        raise BadInput(f"{document.where(error.field)}: {error}") from None
    _check_symbols_named(market, document)
    last = market.last_session
    if last is not None and last < market.first_session:
        raise BadInput(
            f"{document.where(('last_session',))}: {last} is before the first "
            f"session, {market.first_session}."
        )
    return market


def _check_symbols_named(market: Market, document: YamlDocument) -> None:
    """Raise for a multiplier or a group of a symbol that is not in the market."""
    known = market.symbols
    for field, symbol in market.symbols_named:
        if known is not None and symbol not in known:
            raise BadInput(
                f"{document.where(field)}: the market has no symbol '{symbol}'; its "
                f"symbols are {', '.join(known)}.{did_you_mean(symbol, known)}"
            )


@functools.cache
def sessions_per_year(calendar: str) -> float:
    """Return the mean number of sessions per year, from 2000 to 2019."""
    years = Sessions(calendar, date(2000, 1, 1), date(2019, 12, 31)).dates()
    return float(round(len(years) / 20))


def read_market(home: Path) -> Market:
    """Read ``market.yaml`` of a home.

    Raises
    ------
    BadInput
        The file does not exist or is wrong, see `parse_market`.
    """
    path = home / MARKET_FILE
    if not path.exists():
        raise BadInput(
            f"{path}: there is no such file, so {home} is not a home yet. Run a study "
            f"that has a 'market:' block with --home {home}, or write the file."
        )
    return parse_market(read_yaml(path), home)


def market_yaml(market: Market) -> str:
    """Write a market as the text of ``market.yaml``."""
    content = market.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def list_differences(ours: Market, theirs: Market) -> list[str]:
    """List the fields in which two markets differ, with both values.

    If the study does not set quality, adjust, actions, multiplier, groups or lake, the
    values of the home apply and do not count as a difference: they do not change the
    stored bars.

    Parameters
    ----------
    ours
        Market of the home.
    theirs
        Market of a study.
    """
    fields = dict(Market.model_fields)
    optional = {"quality", "adjust", "actions", "multiplier", "groups", "lake"}
    for field in optional - theirs.model_fields_set:
        del fields[field]
    return [
        f"{field}: the home has {getattr(ours, field)!r}, "
        f"the study asks for {getattr(theirs, field)!r}"
        for field in fields
        if getattr(ours, field) != getattr(theirs, field)
    ]
