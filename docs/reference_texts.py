"""Prose of docs/reference.md, between the tables that are made from the code."""

HEAD = """# Reference

Written by `make docs` from the code; a test holds the two together.
"""

RANKING = """Any metric may rank: `rank_by: sharpe` puts its better end first. So may a
weighted sum of several: with `rank_by: {sharpe: 1, max_drawdown: -2}` the highest
`score` wins, which is the values as they are, times the weights. A variant that does
not meet one of `constraints: ["max_drawdown < 0.1", "trades >= 30"]` comes after all
that meet them, its column `violates` says which, and it cannot win; nor can one whose
metric is undefined. Where none is left there is no winner, and `why_none` in the table
`best_configuration` says why.

Returns are those of sessions, all sleeves together, and a year has as many sessions as
the calendar. What is not defined is null, never 0.

"""

SIZES = """`base_bar` says what a bar holds.

| size | a bar | its `ts` |
| --- | --- | --- |
| `1min`, `90min`, `4h`, ... | so many minutes, which divide a day | its start, counted from the open of its session |
| `1day` | a session | the session's date at 00:00 UTC |
| `volume:10000` | trades of at least so many units | that of its first trade |
| `dollar:1000000` | trades for at least so much money | that of its first trade |

Any of them is made from trades: of `csv` with `ticks: true`, where `close` is a trade's
price and `volume` its size, or of `lean` with `resolution: tick`. A bar of volume or money
ends with the trade that reaches the amount. No trade is divided, those of one instant stay
in one bar, and no bar reaches into another session, so that a session's last one may hold
less. `vwap` and `trade_count` are exact. With `hours: regular` trades outside them are left
out before bars are made. Labels of such bars (`horizon: 5`) count bars of the symbol, within
the session or, with `across_sessions: true`, into the next ones. `flat_before_close` and
the like count minutes from the start of a bar: as an order fills at the next bar's open,
take more minutes than two bars last. Checks of missing minutes do not apply.

Sources of bars have bars of one size each; larger ones are made of them where a
configuration says `bar: 1h`.

"""

QUALITY_HEAD = """Each check looks at every session of `price_bars` and is a check of `data_quality`.
`quality: {jump: {severity: error, threshold: 0.3}, missing_bars: off}` in `market.yaml`
says what its findings mean: an `error` leaves the symbol out of the session, or the
whole session where it is about no symbol; a `warning` fails the check and the bars are
kept; a `note` is told. Findings are in the table `data_quality`, one row for each
session, check and symbol. Nothing is repaired but what `repairs` names.

A session is compared with the one before it as the source has that. The result of a
check speaks of all sessions of its run.
"""

QUALITY_REFUSED = """Rows that are no bars are refused, whatever a market says: no bar of their symbol in that
session is kept.
"""

QUALITY_LOSSES = """What was left out is in the table `left_out`, and a run tells it. What studies may do
without is the market's choice, `quality: {may_lose: symbol}`; it is `nothing` where it
says none. A broken file costs what it is known to have: a session, if there is a date in
its name; a symbol, if its name is the symbol's.

"""

FEATURES_HEAD = """A study names a feature with its arguments, `rsi: {timeperiod: 14}`, or without them
for the defaults; `relative_to: close` divides one whose unit is a price (less 1) or a
difference of prices by a price. In one line, as in a key or under `sweep`, it reads
`rsi+timeperiod=14`. In a notebook:

```python
from whatif_assets import features

bars["rsi"] = features.compute(bars, "rsi", timeperiod=14)
```

With `bar: 1h`, as in `ema: {timeperiod: 10, bar: 1h}`, all of a feature is computed on
slower bars, in a column `ema_10_close_of_1h`. Its value at a bar is that of the last
slower bar which had closed by then; of a day, and of an hour that the session's close
cuts off, it is known from the next session on. Such bars are a whole multiple of the
configuration's own. In a notebook, larger bars are made by
`whatif_assets.bars.resample(bars, "1h", calendar="XNYS")`; they are counted from the open
of each session.

*Reads* are columns of the bar: `price` the one that the argument `price` names, `other`
that of `other`, of another symbol's bar at the same time where `symbol` names one. A bar
that lacks one of them is NaN. *Warm-up* is how many bars before a bar its value takes,
with the arguments shown. What is undefined (nothing moved, nothing was traded) is NaN.
"""

FACTS = """A fact is a value of a series, or an event, and has two times: `event_ts`, which it is
about, and `available_ts`, from which it was known. At a bar it is seen if `available_ts`
is at or before the bar's close, and never before its event has begun; only announced
events are looked ahead to. A later row of the same event revises it from its own
`available_ts` on.

```yaml
facts:
  macro: {path: fred.parquet, columns: {event_ts: date}, timezone: America/New_York}
  vix:                                      # one series of the same file
    path: fred.parquet
    columns: {event_ts: date}
    keep: {series: VIXCLS}
    timezone: America/New_York
  earnings:
    path: earnings.csv                      # symbol, day: dates alone
    columns: {event_ts: day}
    timezone: America/New_York
    available: {days: 1, at: "00:00"}       # known from the next midnight on
    expect_every: 91
```

A study then reads `last_value: {fact: macro.DFF}`, `last_value: {fact: vix, max_age: 5}`
or `days_to_earnings`. *What `expect_every` gives is a projection*: the days to the day
that many days after the last known event, where no event is announced, and NaN once
that day has passed.

Rows without a value are no facts, and are counted. A row that lacks a time or has a text
for a value, and two values of one event known from the same time, refuse the file; the
message names it with line or row and column. An event that was put off is another
event: its old date is kept until it has passed.

The asset `facts` reads all of them whole and writes them to the lake, from where
features and the table `facts` in DuckDB come. A session is computed anew when what was
known in it becomes another, so that a new row touches no earlier session. The checks of
the asset:
"""

FINSPACE_HEAD = """What the functions of FinSpace's time-series library are called here, with the arguments
that its example notebook gave (15 bars, on vwap).
"""

ADJUSTMENTS = """`price_bars` hold prices as they were traded. What splits and dividends make of them is
kept beside them, a *step* per session and symbol, in the table `adjustments` (`session`,
`symbol`, `split` in new shares per old, `dividend_factor`). `adjust` in `market.yaml` says
which count. They come from the source, if it knows any (`lean`, by its factor files), or
from the file that `actions` names:

```text
symbol,date,split,dividend
AAPL,2014-05-08,,3.29
AAPL,2014-06-09,7,
```

`date` is the ex-date; the step falls on the first session on or after it, whether the
symbol trades then or not. Empty and 0 mean none. A dividend is money per share, of the
shares that there are before a split of the same day; its factor is `1 - dividend / close`
with the last close before the ex-date within trading hours, as CRSP and Yahoo reckon. A
row that is malformed is refused with file and line. Rows of other symbols are left alone.

Prices of another session are brought to a basis by the steps that lie between: prices
before are multiplied by `dividend_factor / split` and volumes by `split`, prices after
divided so. Nothing that happens later changes what a session looked like.

- `features` of a session are as of that session.
- A label in a later session is on the basis of the bar's own session.
- A backtest is on the basis of the study's first session: `fills.price`, `fills.size`,
  `trades.entry`, `trades.exit` and `trades.size` are prices and shares of that session's
  kind, so that a position of 100 shares before a 7:1 split is 100 after it, at 7 times the
  price, which is 700 shares at the price that was traded. A dividend stays in the price:
  it is reinvested, at no cost. `commission_per_share` counts those shares, too.
- The quality check `unadjusted_split` and the other comparisons between sessions look at
  adjusted prices, so that a known split is no finding.
"""

COMPARISON = """`whatif diff A B` says which settings differ, how every metric does, and where the
difference between the profits comes from: cost, symbol, session, hour, trade. `--all`
lists every row, `--json FILE` writes them all down. Differences are B less A.

A and B are a study (its best configuration is meant), a configuration's key (its best
variant), or a configuration and a variant, `demo.ema:fastperiod=20~slowperiod=90`, with
a colon or spaces between the fields as `whatif report` prints them. Fields may be left
out where a single variant has the rest. Both results are run once more, and refused
where the leaderboard says something else. Results are comparable only within a study;
those of two are compared over the sessions that both have, below a list of what their
studies differ in.

- *Slippage* is `|size| price bps / (10,000 + bps)` of a purchase and the same with
  `- bps` of a sale, at the price of the fill; a take-profit that fills at its own price
  has none. *Borrowing* is the interest on borrowed shares, of positions that are still
  open too, and is no part of the commission here. Of a strategy of your own neither is
  known, and both stay within the other parts.
- *Hours* are those of the exchange. What a price moves from a bar to the next counts in
  the hour of the next; interest has no hour.
- *Trades* of the same symbol and side that were open at the same time are a pair, each
  with one other at most. What no closed trade holds is the value of positions that are
  still open, and of trades that reach beyond the sessions in common.

The same in DuckDB, as in `FROM whatif_diff('demo.rf_large', 'demo.linear');`. The
finalists are the variants in the tables `equity`, `fills` and `trades`.
"""

TABLES = """Every table has these columns and types, also where it has no row. `features` has one
more for each feature that a study asks for, and `features_5min` and the like hold those of
other sizes of bars. `price_bars`, `features` and `forecasts` are views of the Parquet in
the folder `lake` beside the file, so that a home may be copied or moved. Where the
database is attached to another one, name the folder: `SET VARIABLE whatif_home = '...'`.
What a column holds is also in its comment: `SELECT * FROM duckdb_columns()`.
"""
