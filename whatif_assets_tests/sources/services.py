"""Servers of bars on loopback, which answer in the documented format of a provider.

One server acts as all of them. It refuses a request without the provider's key, and
its error message repeats the key, as careless services do.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import databento_dbn as dbn
import numpy as np
import pandas as pd
import pytest
import zstandard

KEYS = {
    "APCA_API_KEY_ID": "AK-secret-of-alpaca",
    "APCA_API_SECRET_KEY": "AS-secret-of-alpaca",
    "POLYGON_API_KEY": "PK-secret-of-polygon",
    "DATABENTO_API_KEY": "db-secret-of-databento-32-letter",
}
SERVICES = ("yfinance", "alpaca", "polygon", "databento")
PAGE = 500  # rows per response
AGGREGATES = re.compile(r"/v2/aggs/ticker/([^/]+)/range/(\d+)/(\w+)/(\d+)/(\d+)")
DAY = timedelta(days=1)
DAILY = ("1Day", "day", "1d", "ohlcv-1d")


@contextmanager
def serving(bars: pd.DataFrame) -> Iterator[str]:
    """Serve minute bars and the daily bars built from them; yield the address."""

    class Answers(_Answers):
        minutes = bars
        days = _days(bars)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _days(bars: pd.DataFrame) -> pd.DataFrame:
    """Return daily bars; the timestamp is midnight in New York."""
    day = bars["ts"].dt.tz_convert("America/New_York").dt.normalize()
    return bars.groupby(["symbol", day], as_index=False).agg(
        open=("open", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
        vwap=("vwap", "mean"),
        trade_count=("trade_count", "sum"),
        ts=("ts", lambda ts: ts.iloc[0].tz_convert("America/New_York").normalize()),
    )


class _Answers(BaseHTTPRequestHandler):
    minutes: pd.DataFrame
    days: pd.DataFrame

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/v2/stocks/bars":
            self._alpaca(asked)
        elif match := AGGREGATES.fullmatch(parts.path):
            self._massive(match, int(asked.get("cursor", 0)))
        elif parts.path.startswith("/v8/finance/chart/"):
            self._yahoo(parts.path.rpartition("/")[2], asked)
        else:
            self._send(404, {"message": "not found"})

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        form = parse_qs(self.rfile.read(length).decode())
        key = base64.b64decode(self.headers["Authorization"].split()[1]).decode()
        if key != f"{KEYS['DATABENTO_API_KEY']}:":
            self._send(401, {"detail": f"invalid key {key}"})
        else:
            self._databento({name: values[0] for name, values in form.items()})

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def _send(self, status: int, answer: Any, kind: str = "application/json") -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _bars(
        self, symbol: str, span: str, first: pd.Timestamp, last: pd.Timestamp
    ) -> pd.DataFrame:
        bars = self.days if span in DAILY else self.minutes
        inside = (bars["ts"] >= first) & (bars["ts"] <= last)
        return bars[inside & (bars["symbol"] == symbol)].reset_index(drop=True)

    def _alpaca(self, asked: dict[str, str]) -> None:
        """GET /v2/stocks/bars: bars by symbol, with page tokens."""
        sent = self.headers["APCA-API-KEY-ID"], self.headers["APCA-API-SECRET-KEY"]
        if sent != (KEYS["APCA_API_KEY_ID"], KEYS["APCA_API_SECRET_KEY"]):
            self._send(403, {"code": 40310000, "message": f"forbidden: {sent}"})
            return
        assert asked["adjustment"] == "raw"
        window = [pd.Timestamp(asked[name]) for name in ("start", "end")]
        window = [ts.tz_localize("UTC") if ts.tz is None else ts for ts in window]
        symbols = asked["symbols"].split(",")
        rows = [self._bars(name, asked["timeframe"], *window) for name in symbols]
        whole = pd.concat(rows, ignore_index=True)
        start = int(asked.get("page_token", 0))
        page = whole[start : start + PAGE]
        bars: dict[str, list[Any]] = {}
        for row in page.itertuples():
            bars.setdefault(row.symbol, []).append(
                {
                    "t": row.ts.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "o": row.open,
                    "h": row.high,
                    "l": row.low,
                    "c": row.close,
                    "v": int(row.volume),
                    "n": int(row.trade_count),
                    "vw": row.vwap,
                }
            )
        more = str(start + PAGE) if start + PAGE < len(whole) else None
        self._send(200, {"bars": bars, "next_page_token": more})

    def _massive(self, match: re.Match[str], start: int) -> None:
        """GET /v2/aggs/ticker/...: results and the address of the next page."""
        if self.headers["Authorization"] != f"Bearer {KEYS['POLYGON_API_KEY']}":
            header = self.headers["Authorization"]
            self._send(401, {"status": "ERROR", "error": f"Unknown API Key: {header}"})
            return
        window = [
            pd.Timestamp(int(ms), unit="ms", tz="UTC") for ms in match.groups()[3:]
        ]
        rows = self._bars(match[1], match[3], *window)
        results = [
            {
                "v": row.volume,
                "vw": row.vwap,
                "o": row.open,
                "c": row.close,
                "h": row.high,
                "l": row.low,
                "t": int(row.ts.timestamp() * 1000),
                "n": int(row.trade_count),
            }
            for row in rows[start : start + PAGE].itertuples()
        ]
        answer = {"ticker": match[1], "status": "OK", "results": results}
        if start + PAGE < len(rows):
            host = f"http://{self.headers['Host']}"
            answer["next_url"] = f"{host}{match[0]}?cursor={start + PAGE}"
        self._send(200, answer)

    def _yahoo(self, symbol: str, asked: dict[str, str]) -> None:
        """GET /v8/finance/chart: arrays of times and of each price."""
        meta = {
            "symbol": symbol,
            "currency": "USD",
            "exchangeTimezoneName": "America/New_York",
            "instrumentType": "EQUITY",
            "priceHint": 2,
            "validRanges": ["1d", "max"],
            "dataGranularity": asked["interval"],
        }
        if not asked["interval"].endswith("d"):
            meta["tradingPeriods"] = self._hours()
        chart: dict[str, Any] = {"meta": meta}
        if "period1" in asked and int(asked["period1"]) < 0:
            reason = "Data doesn't exist for startDate"
            error = {"code": "Bad Request", "description": reason}
            self._send(422, {"chart": {"result": None, "error": error}})
            return
        if "period1" in asked:
            limits = [int(asked[name]) for name in ("period1", "period2")]
            window = [pd.Timestamp(s, unit="s", tz="UTC") for s in limits]
            last = window[1] - pd.Timedelta(1, "us")
            rows = self._bars(symbol, asked["interval"], window[0], last)
            names = ("open", "high", "low", "close", "volume")
            quote = {name: rows[name].tolist() for name in names if len(rows)}
            closes = [{"adjclose": rows["close"].tolist()}]
            if len(rows):
                chart["timestamp"] = [int(ts.timestamp()) for ts in rows["ts"]]
            chart["indicators"] = {"quote": [quote], "adjclose": closes}
        self._send(200, {"chart": {"result": [chart], "error": None}})

    def _hours(self) -> list[list[dict[str, Any]]]:
        """Return the regular trading hours of each day in the format of Yahoo."""
        opens = [ts + pd.Timedelta("9h30min") for ts in sorted(set(self.days["ts"]))]
        zone = {"timezone": "EST", "gmtoffset": -18_000}
        start = [int(ts.timestamp()) for ts in opens]
        return [[zone | {"start": n, "end": n + 23_400}] for n in start]

    def _databento(self, form: dict[str, str]) -> None:
        """POST /v0/timeseries.get_range: a stream of DBN in Zstandard."""
        symbols = form["symbols"].split(",")
        window = [pd.Timestamp(form[name]) for name in ("start", "end")]
        window = [ts.tz_localize("UTC") if ts.tz is None else ts for ts in window]
        schema = form["schema"]
        last = window[1] - pd.Timedelta(1, "us")
        parts = [self._bars(name, schema, window[0], last) for name in symbols]
        whole = pd.concat(parts, ignore_index=True)
        ids = {name: n for n, name in enumerate(symbols, 1)}
        days = {"start_date": window[0].date(), "end_date": window[1].date() + DAY}
        mappings = [
            SimpleNamespace(
                raw_symbol=name, intervals=[SimpleNamespace(**days, symbol=str(n))]
            )
            for name, n in ids.items()
        ]
        metadata = dbn.Metadata(
            dataset=form["dataset"],
            start=window[0].value,
            end=window[1].value,
            stype_in=dbn.SType.RAW_SYMBOL,
            stype_out=dbn.SType.INSTRUMENT_ID,
            schema=dbn.Schema.from_str(schema),
            symbols=symbols,
            mappings=mappings,
        )
        kind = {"ohlcv-1m": 0x21, "ohlcv-1h": 0x22, "ohlcv-1d": 0x23}[schema]
        records = b"".join(
            bytes(
                dbn.OHLCVMsg(
                    kind,
                    1,
                    ids[row.symbol],
                    row.ts.value,
                    *(
                        int(np.round(price * 1e9))
                        for price in (row.open, row.high, row.low, row.close)
                    ),
                    int(row.volume),
                )
            )
            for row in whole.itertuples()
        )
        content = zstandard.compress(bytes(metadata) + records)
        self._send(200, content, "application/octet-stream")


def service_options(symbols: list[str], url: str) -> dict[str, dict[str, Any]]:
    """Return the options with which each source uses this server."""
    named: dict[str, Any] = {"symbols": symbols}
    return {
        "yfinance": named,
        "alpaca": named | {"url": url},
        "polygon": named | {"url": url},
        "databento": named | {"url": url, "dataset": "XNAS.ITCH"},
    }


def use_loopback(monkeypatch: pytest.MonkeyPatch, url: str, cache: str) -> None:
    """Set the keys, and redirect the two clients that have no option for an address."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    # Databento's client changes every address to https.
    monkeypatch.setattr(
        "databento.historical.client.validate_gateway", lambda address: address
    )
    # yfinance has its addresses as constants and first fetches a cookie from Yahoo.
    monkeypatch.setattr("yfinance.scrapers.history._BASE_URL_", url)
    monkeypatch.setattr("yfinance.base._BASE_URL_", url)
    monkeypatch.setattr(
        "yfinance.data.YfData._get_cookie_and_crumb",
        lambda self, timeout=30: (None, "basic"),
    )
    import yfinance

    yfinance.set_tz_cache_location(cache)
