"""A sweep in blocks of variants: memory is bounded, and finished blocks are kept.

Each block's metrics and daily profits are written as soon as they are known. A sweep
that was interrupted goes on with the blocks that are missing, as long as nothing that
it depends on has changed since.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from whatif_assets.domain.accounts.metrics import METRICS, measure
from whatif_assets.domain.base.arrays import FloatArray
from whatif_assets.engines.backtest import (
    VARIANTS_PER_BLOCK,
    Sleeve,
    Variant,
    sweep,
)
from whatif_assets.home.damage import DamagedFile, tell
from whatif_assets.home.lake import AGAIN, Lake
from whatif_assets.home.parquet import read_parquet, write_parquet

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
    folder
        Where blocks are kept; another folder for other inputs.
    size
        Variants of a block.
    benchmark
        Returns of buy-and-hold, which beta and alpha are measured against.
    """

    sleeves: Sequence[Sleeve]
    strategy: str
    variants: Sequence[Variant]
    base: Path
    sessions: Sequence[date]
    sessions_per_year: float
    folder: Path
    size: int = VARIANTS_PER_BLOCK
    benchmark: FloatArray | None = None

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
        metrics = [*METRICS, "start_cash", "rejected_orders", "account"]
        days = [day.isoformat() for day in self.sessions]
        return whole[["variant", *metrics]], whole[["variant", *days]]

    def _blocks(self, progress: Progress | None) -> Iterator[pd.DataFrame]:
        for first in range(0, len(self.variants), self.size):
            path = self.folder / f"{first:09d}.parquet"
            block = _finished(path)
            if block is None:
                some = self.variants[first : first + self.size]
                write_parquet(path, self._block(some), TABLE)
                block = read_parquet(path, TABLE)
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
        rows = measure(accounts, self.sessions_per_year, self.benchmark)
        rows["start_cash"] = accounts.start_cash
        rows["rejected_orders"] = accounts.rejected
        rows["account"] = accounts.faults or ""
        days = [day.isoformat() for day in self.sessions]
        return pd.concat([rows, pd.DataFrame(accounts.pnl, columns=days)], axis=1)


def _finished(path: Path) -> pd.DataFrame | None:
    """Read a block; None where it is still to be computed."""
    try:
        return read_parquet(path, TABLE)
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        tell(path, error.fault, AGAIN)
        return None


def sweep_folder(lake: Lake, key: str, inputs: str) -> Path:
    """Where the blocks of a configuration's sweep are kept while it runs.

    Blocks of earlier sweeps that other inputs made useless are removed.

    Parameters
    ----------
    inputs
        Hash of all that the sweep depends on, and below it, after a slash, which
        of several sweeps with the same inputs it is.
    """
    folder = _folder(lake, key)
    for other in folder.glob("*"):
        if other.name != inputs.partition("/")[0]:
            shutil.rmtree(other, ignore_errors=True)
    return folder / inputs


def drop_blocks(lake: Lake, key: str) -> None:
    """Remove the blocks of a configuration, once all its results are known."""
    shutil.rmtree(_folder(lake, key), ignore_errors=True)


def _folder(lake: Lake, key: str) -> Path:
    return lake.folder(TABLE) / quote(key, safe="~+")
