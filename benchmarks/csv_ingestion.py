"""One-minute bars as CSV files, and three ways to bring them into Parquet files.

The ways are the ingest of this project, a query of DuckDB and a query of polars. Each
writes one Parquet file per session, sorted by (symbol, ts) and compressed by zstd.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from whatif_assets.domain.bars.schema import BAR_COLUMNS, PRICES
from whatif_assets.home.home import Home
from whatif_assets.home.lake import Manifest
from whatif_assets.orchestration.assets.price_bars import ingest
from whatif_assets.steps.ingest import SessionBars

NEW_YORK = "America/New_York"
MARKET = """\
source: csv
path: {files}
options: {{profile: alphavantage}}
calendar: XNYS
first_session: 2018-02-16
last_session: 2018-03-29
base_bar: 1min
"""


def write_csv(bars: pd.DataFrame, folder: Path) -> None:
    """Write one CSV file per symbol, stamped with bar ends in New York time."""
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
    """List the sessions of the first CSV file, as ISO dates."""
    first = pd.read_csv(sorted(files.glob("*.csv"))[0], usecols=["timestamp"])
    return sorted(first["timestamp"].str[:10].unique())


def ingest_csv(files: Path, sessions: Sequence[str], target: Path) -> None:
    """Write CSV files to the lake, as the asset `price_bars` does."""
    home = Home.open(target)
    bars = SessionBars(home, sessions)
    for key in sessions:
        done = ingest(key, home, bars)
        manifest = Manifest(done.data_version, {}, done.rows, "", "", "", 0.0)
        home.lake.finish("price_bars", key, manifest)


def duckdb_csv(files: Path, sessions: Sequence[str], target: Path) -> None:
    """Convert CSV files to Parquet with DuckDB."""
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
    """Convert CSV files to Parquet with polars."""
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


def written(folder: Path, sessions: Sequence[str]) -> pd.DataFrame:
    """Read the files that a way wrote, session by session, in stored row order."""
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
