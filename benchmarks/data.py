"""How fast data comes in and becomes features: against plain libraries.

Run ``python benchmarks/data.py`` with the package and its extra ``benchmarks``
installed, and real minutes in ``$WHATIF_MARKET_DATA`` (or ``../shared/market_data``).

The minutes are written as one CSV file per symbol, as vendors give them, stamped with
the end of the bar in New York. Each way makes of them one Parquet file per session,
compressed by zstd and sorted by (symbol, ts): the lake by source, checks and ``write``,
as the asset `price_bars` does; DuckDB and polars by a query each, on all cores, without
any check. Then 20 indicators are computed over the bars in memory, here and by TA-Lib
called in a bare loop over the symbols. What a way makes is compared with what we make:
bars bit by bit, indicators to 1e-9.

The ways take turns, and each one's shortest time counts. CPU seconds are those of all
threads; on a machine that does other things they say more than seconds.
"""

from __future__ import annotations

import argparse
import functools
import gc
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import talib
from measuring import parquet_file, peak_memory

from whatif_assets.domain.bars.schema import BAR_COLUMNS
from whatif_assets.domain.bars.tidy import with_vwap
from whatif_assets.domain.features import compute_features, parse_feature
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import Manifest
from whatif_assets.orchestration.assets.price_bars import ingest
from whatif_assets.steps.ingest import SessionBars
from whatif_assets.steps.session_features import SessionFeatures

NEW_YORK = "America/New_York"
PRICES = ("open", "high", "low", "close")
MARKET = """\
source: csv
path: {files}
options: {{profile: alphavantage}}
calendar: XNYS
first_session: 2018-02-16
last_session: 2018-03-29
base_bar: 1min
"""
OURS = "whatif_assets"
TURNS = 3

GROWTH_SYMBOLS = (29, 69, 109)
GROWTH_SESSIONS = (1, 5, 15, 29)

# Ours as a study writes it, and TA-Lib's call over the columns of one symbol.
HLC = ("high", "low", "close")
INDICATORS: dict[str, tuple[str, tuple[str, ...], tuple[Any, ...], int | None]] = {
    "sma+timeperiod=30": ("SMA", ("close",), (30,), None),
    "ema+timeperiod=10": ("EMA", ("close",), (10,), None),
    "wma+timeperiod=30": ("WMA", ("close",), (30,), None),
    "tema+timeperiod=30": ("TEMA", ("close",), (30,), None),
    "kama+timeperiod=30": ("KAMA", ("close",), (30,), None),
    "macd": ("MACD", ("close",), (12, 26, 9), 0),
    "trix+timeperiod=30": ("TRIX", ("close",), (30,), None),
    "aroonosc+timeperiod=14": ("AROONOSC", ("high", "low"), (14,), None),
    "adx+timeperiod=14": ("ADX", HLC, (14,), None),
    "plus_di+timeperiod=14": ("PLUS_DI", HLC, (14,), None),
    "roc+timeperiod=10": ("ROC", ("close",), (10,), None),
    "rsi+timeperiod=14": ("RSI", ("close",), (14,), None),
    "cci+timeperiod=14": ("CCI", HLC, (14,), None),
    "willr+timeperiod=14": ("WILLR", HLC, (14,), None),
    "stoch_k": ("STOCH", HLC, (5, 3, 0, 3, 0), 0),
    "atr+timeperiod=14": ("ATR", HLC, (14,), None),
    "bbands_upper+timeperiod=20": ("BBANDS", ("close",), (20, 2.0, 2.0, 0), 0),
    "midprice+timeperiod=14": ("MIDPRICE", ("high", "low"), (14,), None),
    "efi+timeperiod=13": ("EFI", ("close", "volume"), (13,), None),
    "linearreg_slope+timeperiod=14": ("LINEARREG_SLOPE", ("close",), (14,), None),
}


@dataclass(frozen=True)
class Taken:
    """What a piece of work took.

    Attributes
    ----------
    seconds, cpu_seconds
        By the clock, and of all threads.
    """

    seconds: float
    cpu_seconds: float


@functools.cache
def minutes() -> pd.DataFrame:
    """Read all one-minute bars, and the session of each."""
    names = ("us1m_2018_av", "us1m_2018_av_bench")
    bars = pd.concat([pd.read_parquet(parquet_file(name)) for name in names])
    bars["session"] = bars["ts"].dt.tz_convert(NEW_YORK).dt.date
    return bars.sort_values(["symbol", "ts"], ignore_index=True)


def some_minutes(symbols: int, sessions: int) -> pd.DataFrame:
    """Take the bars of some symbols, the set of 29 first, and of the first sessions."""
    bars = minutes()
    first = sorted(pd.read_parquet(parquet_file("us1m_2018_av"))["symbol"].unique())
    others = sorted(set(bars["symbol"]) - set(first))
    days = sorted(bars["session"].unique())[:sessions]
    taken = bars["symbol"].isin([*first, *others][:symbols])
    return bars[taken & bars["session"].isin(days)].reset_index(drop=True)


def write_csv(bars: pd.DataFrame, folder: Path) -> None:
    """Write one file per symbol, stamped with the end of the bar in New York."""
    folder.mkdir(parents=True)
    ends = bars["ts"].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    ends = (ends + pd.Timedelta(minutes=1)).astype("datetime64[s]")
    volume = bars["volume"].astype(np.int64)
    rows = bars.assign(timestamp=ends, volume=volume)
    plain = pa.csv.WriteOptions(include_header=False, quoting_style="none")
    columns = ["timestamp", *PRICES, "volume"]
    for symbol, own in rows.groupby("symbol"):
        table = pa.Table.from_pandas(own[columns], preserve_index=False)
        with (folder / f"{symbol}.csv").open("wb") as file:
            file.write(f"{','.join(columns)}\n".encode())
            pa.csv.write_csv(table, file, plain)


def new_home(folder: Path, files: Path) -> Path:
    """Set up an empty home whose source is the CSV files."""
    folder.mkdir(parents=True)
    (folder / "market.yaml").write_text(MARKET.format(files=files))
    return folder


def sessions_of(files: Path) -> list[str]:
    """Sessions that the CSV files have bars of, from the first file."""
    first = pd.read_csv(sorted(files.glob("*.csv"))[0], usecols=["timestamp"])
    return sorted(first["timestamp"].str[:10].unique())


def ingest_csv(files: Path, sessions: Sequence[str], target: Path) -> None:
    """Bring CSV files into the lake, as the asset `price_bars` does."""
    home = Home.open(target)
    bars = SessionBars(home, sessions)
    for key in sessions:
        done = ingest(key, home, bars, {})
        manifest = Manifest(done.data_version, {}, done.rows, "", "", "", 0.0)
        home.lake.finish("price_bars", key, manifest)


def duckdb_csv(files: Path, sessions: Sequence[str], target: Path) -> None:
    """Bring CSV files into Parquet by DuckDB."""
    import duckdb

    types = ", ".join(f"'{name}': 'DOUBLE'" for name in (*PRICES, "volume"))
    with duckdb.connect() as connection:
        connection.execute(f"""
            CREATE TABLE bars AS
            SELECT parse_filename(filename, true) AS symbol,
                (timestamp - INTERVAL 1 MINUTE) AT TIME ZONE '{NEW_YORK}' AS ts,
                {", ".join(PRICES)}, volume, (high + low + close) / 3 AS vwap,
                NULL::BIGINT AS trade_count, true AS vwap_is_typical,
                CAST(timestamp - INTERVAL 1 MINUTE AS DATE) AS session
            FROM read_csv('{files}/*.csv', filename = true, header = true,
                columns = {{'timestamp': 'TIMESTAMP', {types}}})
        """)  # noqa: S608
        for session in sessions:
            connection.execute(f"""
                COPY (
                    SELECT * EXCLUDE (session) FROM bars WHERE session = '{session}'
                    ORDER BY symbol, ts
                ) TO '{target}/{session}.parquet' (FORMAT parquet, COMPRESSION zstd)
            """)  # noqa: S608


def polars_csv(files: Path, sessions: Sequence[str], target: Path) -> None:
    """Bring CSV files into Parquet by polars."""
    import polars as pl

    numbers = dict.fromkeys((*PRICES, "volume"), pl.Float64)
    read = pl.scan_csv(
        files / "*.csv",
        schema={"timestamp": pl.String, **numbers},
        include_file_paths="file",
    )
    local = pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")
    local = local - pl.duration(minutes=1)
    typical = (pl.col("high") + pl.col("low") + pl.col("close")) / 3
    bars = read.select(
        pl.col("file").str.extract(r"([^/]+)\.csv$").alias("symbol"),
        local.dt.replace_time_zone(NEW_YORK).dt.convert_time_zone("UTC").alias("ts"),
        *PRICES,
        "volume",
        typical.alias("vwap"),
        pl.lit(None, dtype=pl.Int64).alias("trade_count"),
        pl.lit(True).alias("vwap_is_typical"),
        local.dt.date().alias("session"),
    )
    whole = bars.sort("symbol", "ts").collect()
    by_session = whole.partition_by("session", as_dict=True, include_key=False)
    for session in sessions:
        rows = by_session[date.fromisoformat(session),]
        rows.write_parquet(target / f"{session}.parquet", compression="zstd")


def in_turns(works: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Taken], Any]:
    """Do each work several times in turns; its shortest times, and last results."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    cpu: dict[str, list[float]] = {name: [] for name in works}
    results = {}
    for _ in range(TURNS):
        for name, work in works.items():
            results.pop(name, None)
            gc.collect()
            start, start_cpu = time.perf_counter(), time.process_time()
            results[name] = work()
            cpu[name].append(time.process_time() - start_cpu)
            seconds[name].append(time.perf_counter() - start)
    return {n: Taken(min(seconds[n]), min(cpu[n])) for n in works}, results


def compare_ingest(bars: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """Bring the same CSV files in by each way, and compare what each one wrote."""
    files = folder / "csv"
    write_csv(bars, files)
    sessions = sessions_of(files)
    turn = iter(range(1_000_000))

    def into(way: Callable[[Path, Sequence[str], Path], None], home: bool) -> Path:
        target = folder / f"to-{next(turn)}"
        new_home(target, files) if home else target.mkdir()
        way(files, sessions, target)
        return target

    taken, targets = in_turns(
        {
            OURS: lambda: into(ingest_csv, home=True),
            "DuckDB": lambda: into(duckdb_csv, home=False),
            "polars": lambda: into(polars_csv, home=False),
        }
    )
    mine = written(targets[OURS] / "lake/price_bars", sessions)
    for name in ("DuckDB", "polars"):
        pd.testing.assert_frame_equal(written(targets[name], sessions), mine)
    return rows_of("CSV to Parquet", bars, taken)


def written(folder: Path, sessions: Sequence[str]) -> pd.DataFrame:
    """Read what a way wrote, sessions in order, rows as they stand."""
    frames = []
    for session in sessions:
        (file,) = [
            *folder.glob(f"session={session}/*.parquet"),
            *folder.glob(f"{session}.parquet"),
        ]
        table = pq.ParquetFile(file).read([*BAR_COLUMNS, "vwap_is_typical"])
        instants = pc.cast(table["ts"], pa.timestamp("us", "UTC"))
        table = table.set_column(1, "ts", instants)
        frames.append(table.to_pandas().assign(session=session))
    return pd.concat(frames, ignore_index=True)


def compare_features(bars: pd.DataFrame, home: Path) -> list[dict[str, Any]]:
    """Compute the indicators here and by TA-Lib, and compare the values."""
    features = [parse_feature(text) for text in INDICATORS]
    tidy = with_vwap(bars)[0]
    taken, results = in_turns(
        {
            OURS: lambda: compute_features(tidy, features),
            "TA-Lib in a loop": lambda: by_talib(tidy),
            f"{OURS}, session by session": lambda: features_by_session(home),
        }
    )
    mine, theirs = results[OURS], results["TA-Lib in a loop"]
    for feature, values in zip(features, theirs, strict=True):
        ours = mine[feature.column].to_numpy()
        # Where no price has moved TA-Lib says 0 or 100, and we say nothing.
        known = ~np.isnan(ours)
        np.testing.assert_allclose(ours[known], values[known], rtol=1e-9, atol=1e-9)
    return rows_of(f"{len(features)} indicators", bars, taken)


def by_talib(bars: pd.DataFrame) -> list[np.ndarray[Any, Any]]:
    """Call TA-Lib for each indicator and symbol, on columns as arrays."""
    columns = {name: bars[name].to_numpy() for name in (*PRICES, "volume")}
    symbols = bars["symbol"].to_numpy()
    edges = [0, *(np.flatnonzero(symbols[1:] != symbols[:-1]) + 1), len(bars)]
    results = []
    for name, inputs, options, output in INDICATORS.values():
        function, values = getattr(talib, name), np.empty(len(bars))
        for start, stop in itertools.pairwise(edges):
            given = [columns[column][start:stop] for column in inputs]
            found = function(*given, *options)
            values[start:stop] = found if output is None else found[output]
        results.append(values)
    return results


def features_by_session(path: Path) -> None:
    """Compute and write the features of each session, as the asset `features` does."""
    home = Home.open(path)
    keys = home.lake.keys("price_bars")
    days = [date.fromisoformat(key) for key in keys]
    store = SessionFeatures(home, [parse_feature(text) for text in INDICATORS], days)
    for key, day in zip(keys, days, strict=True):
        home.lake.write("features", key, store.of(day))


def rows_of(
    work: str, bars: pd.DataFrame, taken: Mapping[str, Taken]
) -> list[dict[str, Any]]:
    """Line up what each way took; a ratio is our time over that of the row."""
    mine = taken[OURS]
    return [
        {
            "work": work,
            "symbols": bars["symbol"].nunique(),
            "bars": len(bars),
            "way": name,
            "seconds": own.seconds,
            "cpu_seconds": own.cpu_seconds,
            "bars_per_second": len(bars) / own.seconds,
            "ratio": mine.seconds / own.seconds,
            "cpu_ratio": mine.cpu_seconds / own.cpu_seconds,
        }
        for name, own in taken.items()
    ]


def compare() -> list[dict[str, Any]]:
    """Compare the ways on 29 and on all symbols."""
    rows = []
    for symbols in (29, 109):
        with tempfile.TemporaryDirectory() as folder:
            bars = some_minutes(symbols, 29)
            rows += compare_ingest(bars, Path(folder))
            home = new_home(Path(folder) / "home", Path(folder) / "csv")
            ingest_csv(Path(folder) / "csv", sessions_of(Path(folder) / "csv"), home)
            rows += compare_features(bars, home)
    return rows


def growth() -> list[dict[str, Any]]:
    """Time both works at growing size, each in a process of its own."""
    rows = []
    for symbols in GROWTH_SYMBOLS:
        for sessions in GROWTH_SESSIONS:
            bars = some_minutes(symbols, sessions)
            with tempfile.TemporaryDirectory() as folder:
                write_csv(bars, Path(folder) / "csv")
                new_home(Path(folder) / "home", Path(folder) / "csv")
                for work in ("ingest", "features"):
                    command = [sys.executable, __file__, "--one", f"{work},{folder}"]
                    done = subprocess.run(
                        command, check=True, capture_output=True, text=True
                    )
                    size = {"symbols": symbols, "sessions": sessions, "bars": len(bars)}
                    rows.append({"work": work, **size, **json.loads(done.stdout)})
                    print(rows[-1], file=sys.stderr, flush=True)
    return rows


def one(work: str, folder: Path) -> dict[str, Any]:
    """Do one of the works and take this process's peak memory."""
    files, home = folder / "csv", folder / "home"
    keys = sessions_of(files)
    _ = Home.open(home).market.sessions  # builds the calendar
    before = peak_memory(reset=True)
    start, start_cpu = time.perf_counter(), time.process_time()
    ingest_csv(files, keys, home) if work == "ingest" else features_by_session(home)
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - start_cpu,
        "start_mb": before,
        "peak_mb": peak_memory(),
    }


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    """Draw seconds and memory over the bars."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    table = pd.DataFrame(rows)
    for (work, symbols), some in table.groupby(["work", "symbols"], sort=False):
        style = "o-" if work == "ingest" else "s--"
        color = f"C{GROWTH_SYMBOLS.index(symbols)}"
        name = f"{work}, {symbols} symbols"
        left.plot(some["bars"] / 1e6, some["seconds"], style, color=color, label=name)
        right.plot(some["bars"] / 1e6, some["peak_mb"], style, color=color, label=name)
    left.set(xlabel="million bars", ylabel="seconds", title="Time")
    right.set(xlabel="million bars", ylabel="MB", title="Peak memory")
    left.set_ylim(0)
    right.set_ylim(0)
    left.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--growth", action="store_true", help="grow the data instead")
    parser.add_argument("--plot", type=Path, help="draw the growth into this file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        work, _, folder = chosen.one.partition(",")
        print(json.dumps(one(work, Path(folder))))
        return
    rows = growth() if chosen.growth or chosen.plot else compare()
    shown = pd.DataFrame(rows)
    print(shown.to_string(index=False, float_format=lambda value: f"{value:,.3g}"))
    if chosen.json:
        chosen.json.write_text(json.dumps({"rows": rows}, indent=1))
    if chosen.plot:
        plot(rows, chosen.plot)


if __name__ == "__main__":
    main()
