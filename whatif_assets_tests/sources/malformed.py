"""Malformed files of every source: a good file with one error added.

Each case writes its file into a folder and has the words that the message must
contain. The errors are generated: each kind of error in every column, or in some rows.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whatif_assets.domain.bars.schema import PRICES

NAMES = ("timestamp", *PRICES, "volume")
ROWS = 20
SOME_ROWS = (0, ROWS - 1)
# 14:30 UTC on 2018-02-20, the open of New York.
STAMPS = pd.date_range("2018-02-20 14:30", periods=ROWS, freq="min")
NUMBERS = {
    "nan": "nan",
    "NaN": "NaN",
    "inf": "inf",
    "-inf": "-inf",
    "negative": "-3",
    "overflow": "1e999",
}
TEXTS = {
    "none": "",
    "text": "n/a",
    "comma": "1;5",
    "two points": "1.2.3",
    "hex": "0x10",
    "underscore": "1_000",
    "currency": "$10",
    "long": "9" * 3000 + "x",
}


@dataclass(frozen=True)
class Case:
    """A malformed file.

    Attributes
    ----------
    id
        Source, fault, and where it is.
    source, options
        How it is read; ``path`` is the file.
    file
        Its name.
    content
        Its bytes.
    names
        Regular expression that the message must match, besides naming the file.
    """

    id: str
    source: str
    file: str
    content: Callable[[], bytes]
    names: str
    options: tuple[tuple[str, Any], ...] = ()

    def write(self, folder: Path) -> dict[str, Any]:
        path = folder / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content())
        return dict(self.options)


def good() -> list[list[str]]:
    """Return the rows of a good file as text: time, open, high, low, close, volume."""
    rows = []
    for n, stamp in enumerate(STAMPS):
        prices = (10 + n / 100, 10.5 + n / 100, 9.5 + n / 100, 10.2 + n / 100)
        cells = [f"{price:.2f}" for price in prices]
        rows.append([f"{stamp:%Y-%m-%d %H:%M:%S}", *cells, str(100 + n)])
    return rows


def changed(row: int, column: int, text: str) -> list[list[str]]:
    rows = good()
    rows[row][column] = text
    return rows


def text_of(rows: list[list[str]], header: tuple[str, ...] = NAMES) -> str:
    return "\n".join(",".join(cells) for cells in [header, *rows]) + "\n"


def cases() -> list[Case]:
    """Yield all malformed files."""
    return [*_csv_cells(), *_csv_stamps(), *_csv_files(), *_lean(), *_others()]


OPTIONS = (("path", "AAA.csv"), ("timezone", "UTC"), ("stamp", "start"))


def _csv(what: str, content: bytes | str, names: str) -> Case:
    whole = content.encode() if isinstance(content, str) else content
    return Case(f"csv-{what}", "csv", "AAA.csv", lambda: whole, names, OPTIONS)


def _csv_cells() -> Iterator[Case]:
    """Yield files with a wrong number, in each column."""
    for name, text in (NUMBERS | TEXTS).items():
        for column in range(1, 6):
            row = SOME_ROWS[column % 2]
            content = text_of(changed(row, column, text))
            where = f"line {row + 2}.*{NAMES[column]}"
            yield _csv(f"{name} in {NAMES[column]} of row {row}", content, where)
    for column in range(1, 5):
        content = text_of(changed(3, column, "0"))
        yield _csv(f"zero {NAMES[column]}", content, f"line 5.*{NAMES[column]}")


def _csv_stamps() -> Iterator[Case]:
    """Yield files with a wrong time, or a time of another format than the others."""
    for row in SOME_ROWS:
        for text in (
            "1970-01-01 00:00:00",
            "1970-01-02 14:30:00",
            "2100-01-04 14:30:00",
            "9999-12-31 14:30:00",
            "0001-01-01 14:30:00",
            "2018-02-30 14:30:00",
            "2018-13-01 14:30:00",
            "2018-02-20 25:30:00",
            "20.02.2018 14:30",
            "02/20/2018 14:30",
            "1519137000",
            "yesterday",
            "NaT",
            "",
        ):
            content = text_of(changed(row, 0, text))
            yield _csv(f"stamp {text or 'none'} in row {row}", content, "line .*stamp")
        for zone in ("Z", "+00:00", "-05:00"):
            stamp = f"{good()[row][0]}{zone}"
            content = text_of(changed(row, 0, stamp))
            yield _csv(f"zone {zone} in row {row}", content, "line .*UTC offset")
        again = good()
        again.append(again[row])
        yield _csv(f"row {row} twice", text_of(again), f"repeat.*line {row + 2}")
        again[-1] = [*again[-1][:-1], "1"]
        yield _csv(f"row {row} contradicted", text_of(again), f"line {row + 2}")
        seconds = good()[row][0][:-2] + "31"
        content = text_of(changed(row, 0, seconds))
        yield _csv(f"seconds in row {row}", content, f"line {row + 2}.*whole minute")


def _csv_files() -> Iterator[Case]:
    """Yield files that are completely wrong, or truncated."""
    plain = text_of(good())
    lines = plain.splitlines(keepends=True)
    for row in range(2, ROWS, 3):
        before = "".join(lines[: row + 1])
        for fields in range(1, 6):
            cut = ",".join(lines[row + 1].split(",")[:fields])
            yield _csv(f"cut in row {row} after field {fields}", before + cut, "line")
    for delimiter in ";\t|: ":
        other = plain.replace(",", delimiter)
        yield _csv(f"delimiter {delimiter!r}", other, "column 'open' is missing")
        one = "".join([*lines[:4], lines[4].replace(",", delimiter), *lines[5:]])
        yield _csv(f"delimiter {delimiter!r} in a row", one, "line 5: 1 fields")
    for n, name in enumerate(NAMES):
        twice = (*NAMES[: n + 1], *NAMES[n:])
        extra = [[*row, "1"] for row in good()]
        yield _csv(
            f"{name} twice", text_of(extra, twice), f"line 1: the column '{name}'"
        )
        without = tuple("x" if other == name else other for other in NAMES)
        yield _csv(f"no {name}", text_of(good(), without), f"column '{name}' is miss")
    for one, two in (
        ("high", "low"),
        ("open", "high"),
        ("open", "low"),
        ("close", "high"),
        ("close", "low"),
        ("open", "volume"),
        ("low", "volume"),
        ("close", "volume"),
        ("timestamp", "open"),
        ("timestamp", "volume"),
    ):
        swap = {one: two, two: one}
        header = tuple(swap.get(name, name) for name in NAMES)
        names = "line|columns seem to be exchanged"
        yield _csv(f"{one} and {two} exchanged", text_of(good(), header), names)
    for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp037"):
        yield _csv(f"in {name}", plain.encode(name), "UTF-8|column|line")
    accent = text_of([*good(), ["2018-02-20 14:50:00", "é", "1", "1", "1", "1"]])
    yield _csv("in latin-1", accent.encode("latin-1"), "UTF-8")
    mark = "\ufeff"
    yield _csv("two marks", mark.encode() * 2 + plain.encode(), "column 'timestamp'")
    yield _csv("a mark within", "".join([*lines[:4], mark, *lines[4:]]), "line 5")
    yield _csv("gzip", gzip.compress(plain.encode()), "UTF-8")
    yield _csv("zip", _zipped(plain), "UTF-8|column|line")
    noise = np.random.default_rng(1)
    for n in range(5):
        yield _csv(f"noise {n}", noise.bytes(500), "UTF-8|column|line")
    for name, text in {
        "nothing": "",
        "blank lines": "\n\n\n",
        "spaces": "   \n   \n",
        "a header alone": lines[0],
        "no header": "".join(lines[1:]),
        "a huge field": plain + '"' + "9" * 200_000 + '",1,1,1,1,1\n',
        "an open quote": "".join([*lines[:4], '"', *lines[4:]]),
        "dates alone": plain.replace(" 14:", "T00:").replace("T00:", " 00:00:00 "),
        "a page of the web": "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n",
        "an error of a service": '{"Error Message": "Invalid API call."}\n',
    }.items():
        yield _csv(name, text, "UTF-8|column|line|no row")


def _zipped(text: str, files: int = 1) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for n in range(files):
            archive.writestr(f"bars{n}.csv", text)
    return content.getvalue()


LEAN = (("path", "."),)


def _lean() -> Iterator[Case]:
    """Yield zips of LEAN: milliseconds since midnight, prices times 10,000."""
    file = "minute/aaa/20180220_trade.zip"

    def case(what: str, content: bytes, names: str, name: str = file) -> Case:
        return Case(f"lean-{what}", "lean", name, lambda: content, names, LEAN)

    def rows(row: int = 0, column: int = 0, text: str | None = None) -> str:
        lines = [
            [str(34_200_000 + 60_000 * n), "100000", "105000", "95000", "102000", "10"]
            for n in range(ROWS)
        ]
        if text is not None:
            lines[row][column] = text
        return "\n".join(",".join(cells) for cells in lines) + "\n"

    for name, text in (NUMBERS | TEXTS).items():
        for column in range(6):
            content = _zipped(rows(3, column, text))
            label = "time" if column == 0 else NAMES[column]
            yield case(f"{name} in {label}", content, rf"line 4.*{label}")
    whole = _zipped(rows())
    for share in (0.1, 0.3, 0.5, 0.9):
        yield case(f"cut at {share}", whole[: int(len(whole) * share)], "cannot be")
    yield case("not zipped", rows().encode(), "cannot be read")
    yield case("no bytes", b"", "cannot be read")
    yield case("an empty file", _zipped(""), "no row")
    yield case("two files", _zipped(rows(), 2), "has 2 files")
    yield case("a time beyond the day", _zipped(rows(2, 0, "86400000")), "line 3")
    yield case("another delimiter", _zipped(rows().replace(",", ";")), "line 1")
    yield case("a row twice", _zipped(rows(1, 0, "34200000")), "line 1")
    yield case("utf-16", _zipped("") + b"x", "cannot be|no row")
    far = "minute/aaa/21000104_trade.zip"
    yield Case("lean-2100", "lean", far, lambda: whole, "begins with|bars", LEAN)


def _others() -> Iterator[Case]:
    """Yield candles in JSON, and Parquet read with and without a query."""
    ms = [int(stamp.timestamp() * 1000) for stamp in STAMPS]
    candles = [[at, *map(float, row[1:])] for at, row in zip(ms, good(), strict=True)]
    name = "AAA_USD-1m.json"

    def freqtrade(what: str, text: str | bytes, names: str) -> Case:
        content = text if isinstance(text, bytes) else text.encode()
        options = (("path", name),)
        return Case(
            f"freqtrade-{what}", "freqtrade", name, lambda: content, names, options
        )

    for column in range(1, 6):
        for text in ("NaN", "Infinity", "-Infinity", "-3", "null", '"x"', "[]", "true"):
            made = json.dumps(candles[:3]), json.dumps(candles[4:])
            four = [str(value) for value in candles[3]]
            four[column] = text
            whole = f"{made[0][:-1]}, [{', '.join(four)}], {made[1][1:]}"
            yield freqtrade(f"{text} in {NAMES[column]}", whole, "row 4")
    plain = json.dumps(candles)
    for length in range(1, len(plain) - 1, len(plain) // 12):
        yield freqtrade(f"cut at {length}", plain[:length], r"line 1, column \d+")
    for what, text in {
        "seconds": json.dumps([[row[0] / 1000, *row[1:]] for row in candles]),
        "microseconds": json.dumps([[row[0] * 1000, *row[1:]] for row in candles]),
        "of 2100": json.dumps([[4_102_756_200_000, *row[1:]] for row in candles]),
        "objects": json.dumps([{"ts": row[0]} for row in candles]),
        "an object": "{}",
        "nothing": "",
        "an empty list": "[]",
        "no row": "null",
        "five columns": json.dumps([row[:5] for row in candles]),
        "twice": json.dumps(candles + candles[:1]),
    }.items():
        yield freqtrade(what, text, "row|line|list|repeat")
    yield freqtrade("utf-16", plain.encode("utf-16"), "UTF-8")
    yield from _parquet()


def _parquet() -> Iterator[Case]:
    frame = pd.DataFrame([row[1:] for row in good()], columns=NAMES[1:]).astype(float)
    frame.insert(0, "ts", STAMPS.tz_localize("UTC"))
    frame.insert(0, "symbol", "AAA")

    def both(what: str, made: pd.DataFrame | bytes, names: str) -> Iterator[Case]:
        content = made if isinstance(made, bytes) else made.to_parquet()
        by_path = (("path", "bars.parquet"),)
        by_query = (("query", "SELECT * FROM 'bars.parquet'"),)
        for source, options in (("parquet", by_path), ("duckdb", by_query)):
            made_id = f"{source}-{what}"
            yield Case(made_id, source, "bars.parquet", lambda: content, names, options)

    for column in NAMES[1:]:
        for value in (np.nan, np.inf, -np.inf, -3.0):
            made = frame.copy()
            made.loc[4, column] = value
            names = f"14:34:00 UTC, has {column}"
            yield from both(f"{value} in {column}", made, names)
        yield from both(f"no {column}", frame.drop(columns=column), f"column.*{column}")
        text = frame.astype({column: str})
        yield from both(f"{column} as text", text, f"column.*{column}")
    for what, changes, names in (
        ("no zone", {"ts": STAMPS}, "column.*ts"),
        ("times as text", {"ts": [row[0] for row in good()]}, "column.*ts"),
        ("times as numbers", {"ts": np.arange(ROWS)}, "column.*ts"),
        (
            "of 1970",
            {"ts": STAMPS.tz_localize("UTC") - pd.Timedelta("17582d")},
            "ts is",
        ),
        (
            "of 2100",
            {"ts": STAMPS.tz_localize("UTC") + pd.Timedelta("30000d")},
            "ts is",
        ),
        ("no time", {"ts": [pd.NaT, *STAMPS[1:].tz_localize("UTC")]}, "ts is missing"),
        ("prices exchanged", {"high": frame["low"], "low": frame["high"]}, "high at"),
        ("no symbol", {"symbol": 5}, "column.*symbol"),
    ):
        yield from both(what, frame.assign(**changes), names)
    yield from both("rows twice", pd.concat([frame, frame[:2]]), "repeat")
    yield from both("no row", frame[:0], "no row|symbol")
    whole = frame.to_parquet()
    for share in (0.0, 0.2, 0.6, 0.95):
        cut = whole[: int(len(whole) * share)]
        yield from both(f"cut at {share}", cut, "read|DuckDB reports")
    yield from both("text", text_of(good()).encode(), "read|DuckDB reports")
