"""A sweep in blocks of variants: memory is bounded, and finished blocks are kept.

Each block's metrics and daily profits are written as soon as they are known. A sweep
that was interrupted goes on with the blocks that are missing, as long as nothing that
it depends on has changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from whatif_assets.domain.accounts.accounts import NO_BENCHMARKS, Benchmarks
from whatif_assets.domain.accounts.metrics import METRICS, measure
from whatif_assets.engines.backtest import (
    VARIANTS_PER_BLOCK,
    Sleeve,
    Variant,
    sweep,
)
from whatif_assets.home.damage import DamagedFile, tell
from whatif_assets.home.lake import AGAIN, Lake

TABLE = "blocks"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sweep:
    """What to sweep, and where its blocks are kept.

    Attributes
    ----------
    sleeves, strategy, variants, base
        As for :func:`whatif_assets.engines.backtest.sweep`.
    sessions
        Sessions of the backtest, oldest first.
    sessions_per_year
        For annualised metrics.
    lake, folder
        The lake that keeps the blocks, and their folder in it; see `sweep_folder`.
    size
        Variants of a block.
    beside
        What betas and alphas are measured against.
    further
        Metrics of installed packages that the study ranks by.
    """

    sleeves: Sequence[Sleeve]
    strategy: str
    variants: Sequence[Variant]
    base: Path
    sessions: Sequence[date]
    sessions_per_year: float
    lake: Lake
    folder: str
    size: int = VARIANTS_PER_BLOCK
    beside: Benchmarks = NO_BENCHMARKS
    further: Sequence[str] = ()

    def run(
        self, progress: Progress | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Run the blocks that are missing and put all of them together.

        Returns
        -------
        metrics : pandas.DataFrame
            ``variant``, a column per metric, ``start_cash``, ``rejected_orders`` and
            ``account``.
        daily : pandas.DataFrame
            ``variant``, and a column per session (ISO date): profit since the start.
        """
        whole = pd.concat(list(self._blocks(progress)), ignore_index=True)
        metrics = [*METRICS, *self.further, "start_cash", "rejected_orders", "account"]
        days = [day.isoformat() for day in self.sessions]
        return whole[["variant", *metrics]], whole[["variant", *days]]

    def _blocks(self, progress: Progress | None) -> Iterator[pd.DataFrame]:
        for first in range(0, len(self.variants), self.size):
            piece = f"{self.folder}/{first:09d}.parquet"
            block = self._finished(piece)
            if block is None:
                some = self.variants[first : first + self.size]
                self.lake.write_piece(TABLE, self._block(some), piece)
                block = self.lake.read_piece(TABLE, piece)
            if progress:
                progress(min(first + self.size, len(self.variants)), len(self.variants))
            yield block

    def _block(self, variants: Sequence[Variant]) -> pd.DataFrame:
        (accounts,) = sweep(
            self.sleeves,
            self.strategy,
            variants,
            n_sessions=len(self.sessions),
            base=self.base,
            block=len(variants),
        )
        rows = measure(accounts, self.sessions_per_year, self.beside, self.further)
        rows["start_cash"] = accounts.start_cash
        rows["rejected_orders"] = accounts.rejected
        rows["account"] = accounts.faults or ""
        days = [day.isoformat() for day in self.sessions]
        return pd.concat([rows, pd.DataFrame(accounts.pnl, columns=days)], axis=1)

    def _finished(self, piece: str) -> pd.DataFrame | None:
        """Read a block; None where it is still to be computed."""
        try:
            return self.lake.read_piece(TABLE, piece)
        except FileNotFoundError:
            return None
        except DamagedFile as error:
            tell(error.path, error.fault, AGAIN)
            return None


def sweep_folder(lake: Lake, key: str, inputs: str) -> str:
    """Return the folder of the blocks of a configuration's sweep while it runs.

    Blocks of earlier sweeps, which had other inputs, are removed.

    Parameters
    ----------
    inputs
        Hash of all that the sweep depends on, and below it, after a slash, which
        of several sweeps with the same inputs it is.
    """
    lake.remove_pieces(TABLE, _folder(key), keep=inputs.partition("/")[0])
    return f"{_folder(key)}/{inputs}"


def drop_blocks(lake: Lake, key: str) -> None:
    """Remove the blocks of a configuration, once all its results are known."""
    lake.remove_pieces(TABLE, _folder(key))


def _folder(key: str) -> str:
    return quote(key, safe="~+")
