"""Prose of docs/reference.md, between the tables that are made from the code."""

HEAD = """# Reference

`make docs` writes this page from the code; a test checks that it is up to date.
"""

RANKING = """Any metric can rank: with `rank_by: sharpe` the best value comes first. A weighted sum of
metrics can rank, too: with `rank_by: {sharpe: 1, max_drawdown: -2}` the highest `score`
wins. The score is the sum of the unscaled values times their weights. A variant that
violates one of `constraints: ["max_drawdown < 0.1", "trades >= 30"]` ranks after all
variants that meet them, its column `violates` lists the violated constraints, and it
cannot win. A variant whose metric is undefined cannot win either. If no variant is left,
there is no winner, and `why_none` in the table `best_configuration` gives the reason.

Returns are returns per session, of all sleeves together. A year has as many sessions as
the calendar. An undefined value is null, never 0.

"""

SIZES = """`base_bar` sets the content of a bar.

| size | a bar | its `ts` |
| --- | --- | --- |
| `1min`, `90min`, `4h`, ... | a number of minutes that divides a day | its start, counted from the open of its session |
| `1day` | a session | the session's date at 00:00 UTC |
| `volume:10000` | trades of at least this number of units | the time of its first trade |
| `dollar:1000000` | trades for at least this amount of money | the time of its first trade |

Bars of any size can be made from trades: from `csv` with `ticks: true`, where `close` is the
price and `volume` the size of a trade, or from `lean` with `resolution: tick`. A bar by
volume or money ends with the trade that reaches the amount. No trade is divided, trades with
the same timestamp stay in one bar, and no bar reaches into another session, so that the last
bar of a session can contain less. `vwap` and `trade_count` are exact. With `hours: regular`,
trades outside regular hours are removed before bars are made. Labels of such bars
(`horizon: 5`) count bars of the symbol, within the session or, with `across_sessions: true`,
into the next sessions. `flat_before_close` and similar settings count minutes from the start
of a bar. An order fills at the next bar's open, so set more minutes than two bars last.
Checks of missing minutes do not apply.

A source of bars has bars of one size. Larger bars are made from them if a configuration sets
a larger size, such as `bar: 1h`.

"""

QUALITY_HEAD = """Each check examines every session of `price_bars` and is a check of the asset
`data_quality`. A market sets the severity of a check in `market.yaml`, as in
`quality: {jump: {severity: error, threshold: 0.3}, missing_bars: off}`. A finding with
severity `error` excludes the symbol from the session, or the whole session if the finding
is not about a symbol. A `warning` fails the check, and the bars are kept. A `note` is only
reported. Findings are in the table `data_quality`, one row for each session, check and
symbol. Bars are changed only by the `repairs` that the market declares.

A session is compared with the previous session of the source. The result of a check covers
all sessions in the lake.
"""

QUALITY_REFUSED = """Rows that are not valid bars are refused, whatever the settings of the market: no bar of
their symbol in that session is kept.
"""

QUALITY_LOSSES = """The table `left_out` lists what was left out, and a run reports it. The market sets which
losses are acceptable for studies, as in `quality: {may_lose: symbol}`; the default is
`nothing`. A broken file removes what it is known to contain: a session, if there is a date
in its name; a symbol, if its name is that of the symbol.

"""

FEATURES_HEAD = """A study names a feature with its arguments, `rsi: {timeperiod: 14}`, or without arguments
for the defaults. `relative_to: close` divides a feature whose unit is a price (and then
subtracts 1) or a difference of prices by a price. In one line, as in a key or under
`sweep`, a feature is written `rsi+timeperiod=14`. In a notebook:

```python
from whatif_assets import features

bars["rsi"] = features.compute(bars, "rsi", timeperiod=14)
```

With `bar: 1h`, as in `ema: {timeperiod: 10, bar: 1h}`, a feature is computed on larger bars,
in a column `ema_10_close_of_1h`. Its value at a bar is that of the last larger bar that had
closed by then. The value of a day, or of an hour that the session's close cuts off, is
available from the next session on. The larger size must be a multiple of the
configuration's own bar size. In a notebook,
`whatif_assets.bars.resample(bars, "1h", calendar="XNYS")` makes larger bars; they are
counted from the open of each session.

A feature *across symbols* compares the values of another feature at one time:
`rank: {of: {rsi: {timeperiod: 14}}, by: group}`, in one line
`rank+by=group+of=rsi+timeperiod=14`; what follows `of=` describes the feature inside. All
symbols of the market with a bar and a finite value at that time are compared, whatever
symbols a study trades; with `by: group`, those of each of the market's `groups`. Features
can be nested: `zscore: {of: {winsorise: {of: rsi}}}`. `bar` belongs beside `of`. In a
notebook, `features.compute(bars, "rank", of="rsi")` compares the symbols in `bars`, and
`by="group"` reads their column `group`.

*Reads* lists columns of the bar: `price` is the column that the argument `price` names, and
`other` the column that the argument `other` names, of another symbol's bar at the same time
if `symbol` is given; `benchmark` is the column `price` of the symbol that `to` names, at the
same time. If a bar lacks one of these columns, the feature is NaN there.
*Warm-up* is the number of bars before a bar that its value depends on, with the arguments
shown. An undefined value (no move, no trades) is NaN.
"""

FACTS = """A fact is a value of a series, or an event. It has two times: `event_ts`, the time that it
describes, and `available_ts`, the time from which it was known. It is visible at a bar if
`available_ts` is at or before the bar's close, and never before its event has begun; only
announced events can be looked up in advance. A later row of the same event revises it from
the later row's `available_ts` on.

```yaml
facts:
  macro: {path: fred.parquet, columns: {event_ts: date}, timezone: America/New_York}
  vix:                                      # one series of the same file
    path: fred.parquet
    columns: {event_ts: date}
    keep: {series: VIXCLS}
    timezone: America/New_York
  earnings:
    path: earnings.csv                      # symbol, day: dates without times
    columns: {event_ts: day}
    timezone: America/New_York
    available: {days: 1, at: "00:00"}       # known from the next midnight on
    expect_every: 91
```

A study can then use `last_value: {fact: macro.DFF}`, `last_value: {fact: vix, max_age: 5}`
or `days_to_earnings`. *The result of `expect_every` is a projection*: if no event is
announced, it is the number of days until that many days after the last known event, and NaN
once that day has passed.

Rows without a value are not facts; they are counted. A row without a time, a row with text
as its value, and two values of one event known from the same time refuse the file; the
message names it with line, or with row and column. A postponed event is another event: its
old date is kept until it has passed.

The asset `facts` reads all facts and writes them to the lake, from which features and the
table `facts` in DuckDB read them. A session is recomputed when the values known in it change,
so that a new row does not affect earlier sessions. The checks of the asset:
"""

FINSPACE_HEAD = """The functions of FinSpace's time-series library and their names in this project, with the
arguments of FinSpace's example notebook (15 bars, on vwap).
"""

ADJUSTMENTS = """`price_bars` contain prices as traded. Splits and dividends are stored next to them, as one
*step* per session and symbol, in the table `adjustments` (`session`, `symbol`, `split` in
new shares per old share, `dividend_factor`). `adjust` in `market.yaml` selects which steps
apply. Steps come from the source, if it provides any (`lean`, from its factor files), or
from the file that `actions` names:

```text
symbol,date,split,dividend
AAPL,2014-05-08,,3.29
AAPL,2014-06-09,7,
```

`date` is the ex-date; the step is at the first session on or after it, whether the symbol
trades then or not. Empty and 0 mean none. A dividend is money per share, for the number of
shares before a split of the same day; its factor is `1 - dividend / close` with the last
close before the ex-date within trading hours, as defined by CRSP and Yahoo. A malformed row
is refused with file and line. Rows of other symbols are ignored.

Prices of another session are converted to a basis session by the steps in between: earlier
prices are multiplied by `dividend_factor / split` and volumes by `split`; later prices and
volumes are divided by these factors. Later events never change earlier sessions.

- `features` of a session are on the basis of that session.
- A label in a later session is on the basis of the bar's own session.
- A backtest is on the basis of the study's first session: `fills.price`, `fills.size`,
  `trades.entry`, `trades.exit` and `trades.size` are prices and shares of that session. A
  position of 100 shares before a 7:1 split is still 100 after it, at 7 times the traded
  price, which equals 700 shares at the traded price. A dividend is part of the price, which
  means that it is reinvested at no cost. `commission_per_share` counts these shares, too.
- The quality check `unadjusted_split` and the other comparisons between sessions use
  adjusted prices, so that a known split is not a finding.
"""

COMPARISON = """`whatif diff A B` lists the settings and metrics that differ, and splits the difference
between the profits by cost, symbol, session, hour and trade. `--all` lists every row,
`--json FILE` writes all rows to a file. Differences are B minus A.

A and B are a study (for its best configuration), the key of a configuration (for its best
variant), or a configuration and a variant, `demo.ema:fastperiod=20~slowperiod=90`, with a
colon or spaces between the fields, as `whatif report` prints them. Fields can be omitted if
only one variant has the other ones. Both results are run again, and refused if they differ
from the leaderboard. Results are comparable only within a study; results of two studies are
compared over their common sessions, below a list of the settings in which the studies
differ.

- *Slippage* is `|size| price bps / (10,000 + bps)` of a purchase, and the same with `- bps`
  of a sale, at the price of the fill. A take-profit that fills at its own price has none.
  *Borrowing* is the interest on borrowed shares, also of positions that are still open, and
  is not part of the commission here. For your own strategy, both are unknown and remain
  within the other parts.
- *Hours* are hours of the exchange. A price move from one bar to the next counts in the hour
  of the next bar; interest has no hour.
- *Trades* of the same symbol and side that were open at the same time are paired, each with
  at most one other trade. The part that is not in any closed trade is the value of positions
  that are still open, and of trades that extend beyond the common sessions.

In DuckDB, use `FROM whatif_diff('demo.rf_large', 'demo.linear');`. The finalists are the
variants in the tables `equity`, `fills` and `trades`.
"""

TABLES = """Every table has these columns and types, even if it has no rows. `features` has an additional
column for each feature of the studies; `features_5min` and similar tables contain features
on other bar sizes. `price_bars`, `features` and `forecasts` are views of the Parquet files in
the folder `lake` next to the database file, so that a home can be copied or moved. If the
database is attached to another one, set the folder: `SET VARIABLE whatif_home = '...'`. Each
column has a comment that describes it: `SELECT * FROM duckdb_columns()`.
"""
