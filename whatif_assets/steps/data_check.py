"""Check of a market's data before a run: whether it can be read, and how much it is.

Nothing is written, and online services are not called.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whatif_assets.domain.base.errors import BadInput, did_you_mean
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.market import Market
from whatif_assets.settings.study import Study
from whatif_assets.sources import Source, load_bars
from whatif_assets.sources.online import Online

BYTES_OF_A_BAR = 30  # compressed, with its symbol and time
BYTES_OF_A_FEATURE = 8  # features hardly compress
COPIES = 4  # of a dataset, while a model is fitted
MEGABYTE = 1_000_000
# Bars of a variant that are evaluated in a second, on two cores.
BUILT_IN_RATE, OWN_RATE = 40_000_000, 10_000
HOUR = 3_600
LONGEST = 6 * HOUR  # seconds of backtests that are started without asking


@dataclass(frozen=True)
class Size:
    """The size of a study.

    Attributes
    ----------
    sessions, symbols, bars
        Numbers of the study; bars are those of the calendar's regular hours.
    configurations, variants
        Total numbers.
    disk, memory
        Estimated bytes of bars and features in the lake, and of the largest dataset in
        memory.
    seconds
        Estimated seconds of all backtests on two cores.
    """

    sessions: int
    symbols: int
    bars: int
    configurations: int
    variants: int
    disk: int
    memory: int
    seconds: float

    @property
    def concern(self) -> str:
        """Why to ask before a run is started; empty if there is no reason."""
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if self.memory > found:
            return (
                f"it needs roughly {_in_words(self.memory)} of memory, and this "
                f"machine has {_in_words(found)}"
            )
        if self.seconds > LONGEST:
            return f"its backtests take roughly {self.seconds / HOUR:,.0f} hours"
        return ""

    def __str__(self) -> str:
        """Describe the size in a few sentences."""
        return (
            f"{self.sessions:,} sessions of {self.symbols:,} symbols: up to "
            f"{self.bars:,} bars. {self.configurations:,} configurations with "
            f"{self.variants:,} variants. Roughly {_in_words(self.disk)} on disk and "
            f"{_in_words(self.memory)} of memory."
        )


def _in_words(size: int) -> str:
    """Write a number of bytes in MB or GB."""
    megabytes = max(1, round(size / MEGABYTE))
    return f"{megabytes:,} MB" if megabytes < 10_000 else f"{megabytes // 1000:,} GB"


def check_data(study: Study, market: Market, base: Path) -> list[str]:
    """Read the first session of a study, and find the files that cannot be read.

    Parameters
    ----------
    study, market
        The study and the market, both checked.
    base
        Folder that the market's relative paths refer to.

    Returns
    -------
    list of str
        The symbols that the study uses.

    Raises
    ------
    BadInput
        There is nothing at the path, files cannot be read (one line per kind of
        fault), a symbol is missing, or the first session has no bars of the market's
        bar size.
    """
    source = market.open_source(base)
    wanted = list(study.symbols or market.symbols or source.symbols())
    if isinstance(source, Online):
        return wanted
    _check_files(source)
    known = source.symbols()
    named = [("symbols", symbol) for symbol in wanted]
    named += [("benchmark", study.benchmark)] if study.benchmark else []
    for field, symbol in named:
        if symbol not in known:
            raise BadInput(
                f"{field}: {source.where} has no '{symbol}'; it has {len(known)} "
                f"symbols, such as {', '.join(known[:5])}.{did_you_mean(symbol, known)}"
            )
    _check_first_session(study, market, source, wanted)
    return wanted


def _check_first_session(
    study: Study, market: Market, source: Source, symbols: Sequence[str]
) -> None:
    """Read the bars of the first session as a run would."""
    first = study.sessions(market)[0]
    bars, report = load_bars(
        source,
        symbols,
        market.sessions,
        market.bar_size,
        first,
        first,
        market.hours,
        market.repairs,
        negative_prices=market.negative_prices,
        leave_out=True,
    )
    refused = [f"{s}: {error}" for s, error in report.refused.get(first, {}).items()]
    if refused:
        raise BadInput(f"Session {first}: " + "\n".join(refused))
    if bars.empty:
        raise BadInput(
            f"Session {first}, the first of the study: {source.where} has no bars of "
            f"{', '.join(symbols[:5])}. Is first_session before the data begins?"
        )

    once = bars["symbol"].value_counts().max() == 1
    if market.bar_size.timed and market.bars_per_session() > 1 and once:
        raise BadInput(
            f"Session {first}, the first of the study: {source.where} has one bar per "
            f"symbol, but base_bar is {market.bar_size}. Set base_bar to the size of "
            "the source's bars, such as 1day."
        )


def _check_files(source: Source) -> None:
    """Raise BadInput if files cannot be read, with one line per kind of fault."""
    faults: Mapping[Path, BadInput] = getattr(source, "faults", dict)()
    lines = grouped_faults((str(file), str(error)) for file, error in faults.items())
    if lines:
        raise BadInput("\n".join(lines))


def grouped_faults(faults: Iterable[tuple[str, str]]) -> list[str]:
    """Report a fault that several files share once: their number, and the first one.

    Parameters
    ----------
    faults
        Pairs of a file and its message, which may contain the file's name.
    """
    kinds: dict[str, list[str]] = {}
    for place, message in faults:
        kinds.setdefault(message.replace(place, ""), []).append(message)
    return [
        messages[0]
        if len(messages) == 1
        else f"In {len(messages)} files: {messages[0]}"
        for messages in kinds.values()
    ]


def size_of(
    study: Study,
    market: Market,
    symbols: Sequence[str],
    configurations: Sequence[Configuration],
) -> Size:
    """Estimate the size of a study."""
    sessions = len(study.sessions(market))
    bars = sessions * len(symbols) * market.most_bars_per_session()
    columns = {
        feature.column
        for one in configurations
        if one.algorithm is not None
        for feature in one.features_read
    }
    models = [one for one in configurations if one.algorithm is not None]
    evaluated = [
        (len(one.variant_ids()), OWN_RATE if ":" in one.strategy else BUILT_IN_RATE)
        for one in configurations
    ]
    widest = max((len(one.features) for one in models), default=0)
    return Size(
        sessions=sessions,
        symbols=len(symbols),
        bars=bars,
        configurations=len(configurations),
        variants=sum(variants for variants, _ in evaluated),
        disk=bars * (BYTES_OF_A_BAR + BYTES_OF_A_FEATURE * len(columns)),
        memory=bars * 8 * (10 + COPIES * widest),
        seconds=sum(bars * variants / rate for variants, rate in evaluated),
    )
