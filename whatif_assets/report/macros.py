"""Macros of ``whatif.duckdb``: common queries under a short name.

Each macro takes names of leaderboard entries and is used like a table. An unknown name
raises an error instead of returning no rows. A macro's parameter hides a column of the
same name, so no parameter is named like a column.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

# The name of a study stands for its best configuration, and the name of a configuration
# for its best variant. The error is joined to the rows found, so that DuckDB always
# evaluates it.
_ENTRY = """
CREATE MACRO whatif_entry(name) AS TABLE
WITH found AS (
    SELECT * FROM leaderboard
    WHERE name IN (configuration, configuration || ':' || variant)
       OR (name = study AND (configuration, variant) IN
           (SELECT (b.configuration, b.variant) FROM best_configuration b))
    ORDER BY rank LIMIT 1
), checked AS (
    SELECT CASE WHEN count(*) = 0 THEN error('''' || name || ''': the leaderboard has '
        || 'no such entry; write study, configuration or configuration:variant.')
        ELSE true END AS ok
    FROM found
)
SELECT found.* FROM checked JOIN found ON checked.ok
"""
_SETTINGS = """
CREATE MACRO whatif_settings(name) AS TABLE
WITH own AS (
    SELECT s.key, s.value, s.type FROM whatif_entry(name) e, json_each(e.settings) s
)
SELECT key AS field, value ->> '$' AS value FROM own WHERE type <> 'OBJECT'
UNION ALL
SELECT own.key || '.' || s.key, s.value ->> '$'
FROM own, json_each(own.value) s WHERE own.type = 'OBJECT'
"""
_METRICS = """
CREATE MACRO whatif_metrics(name) AS TABLE
SELECT unnest(range({count})) AS place, unnest([{names}]) AS metric,
       unnest([{values}]) AS value
FROM whatif_entry(name)
"""
_DIFF = """
CREATE MACRO whatif_diff(name_a, name_b) AS TABLE
WITH settings AS (
    SELECT field, one.value AS a, two.value AS b
    FROM whatif_settings(name_a) one FULL JOIN whatif_settings(name_b) two USING (field)
), metrics AS (
    SELECT place, metric, one.value AS a, two.value AS b
    FROM whatif_metrics(name_a) one
    JOIN whatif_metrics(name_b) two USING (place, metric)
)
SELECT kind, name, a, b, difference FROM (
    SELECT 'setting' AS kind, NULL AS place, field AS name, a, b,
           NULL::DOUBLE AS difference
    FROM settings WHERE a IS DISTINCT FROM b
    UNION ALL
    SELECT 'metric', place, metric, a::VARCHAR, b::VARCHAR,
           b - a
    FROM metrics
)
ORDER BY kind DESC, place, name
"""
_FINALIST = """
CREATE MACRO whatif_finalist(name) AS TABLE
WITH entry AS (SELECT study, configuration, variant FROM whatif_entry(name)),
checked AS (
    SELECT CASE WHEN count(*) = 0 THEN error('''' || name || ''': the database has '
        || 'sessions and trades only of the finalists of each study, which are in '
        || 'the table equity; use ''whatif diff'', which runs other entries again.')
        ELSE true END AS ok
    FROM entry JOIN equity USING (study, configuration, variant)
)
SELECT entry.* FROM checked JOIN entry ON checked.ok
"""
_SESSIONS = """
CREATE MACRO whatif_diff_sessions(name_a, name_b) AS TABLE
WITH one AS (
    SELECT session, pnl - coalesce(lag(pnl) OVER (ORDER BY session), 0) AS pnl
    FROM equity JOIN whatif_finalist(name_a) USING (study, configuration, variant)
), two AS (
    SELECT session, pnl - coalesce(lag(pnl) OVER (ORDER BY session), 0) AS pnl
    FROM equity JOIN whatif_finalist(name_b) USING (study, configuration, variant)
)
SELECT session, one.pnl AS a, two.pnl AS b, two.pnl - one.pnl AS difference
FROM one JOIN two USING (session)
ORDER BY session
"""
_TRADES = """
CREATE MACRO whatif_diff_trades(name_a, name_b) AS TABLE
WITH sided AS (
    SELECT *, CASE WHEN size > 0 THEN 'long' ELSE 'short' END AS side FROM trades
), one AS (
    SELECT symbol, side, opened, closed, pnl
    FROM sided JOIN whatif_finalist(name_a) USING (study, configuration, variant)
), two AS (
    SELECT symbol, side, opened, closed, pnl
    FROM sided JOIN whatif_finalist(name_b) USING (study, configuration, variant)
)
SELECT symbol, side, opened, one.closed AS closed_a, two.closed AS closed_b,
       one.pnl AS pnl_a, two.pnl AS pnl_b,
       coalesce(two.pnl, 0) - coalesce(one.pnl, 0) AS difference
FROM one FULL JOIN two USING (symbol, side, opened)
ORDER BY abs(difference) DESC, symbol, opened, side
"""
# Applies every step between a bar's session and the basis, forwards or backwards.
_ADJUSTED = """
CREATE MACRO adjusted_bars(of_symbol, as_of) AS TABLE
WITH own AS (
    SELECT * FROM price_bars WHERE symbol = of_symbol
), days AS (
    SELECT DISTINCT session AS day FROM own
), steps AS (
    SELECT session AS stepped, split AS s, dividend_factor AS d
    FROM adjustments WHERE symbol = of_symbol
), factors AS (
    SELECT day,
        coalesce(product(CASE WHEN day < stepped THEN d / s ELSE s / d END), 1) AS f,
        coalesce(product(CASE WHEN day < stepped THEN s ELSE 1 / s END), 1) AS v
    FROM days LEFT JOIN steps
      ON (day < stepped AND stepped <= as_of::DATE)
      OR (as_of::DATE < stepped AND stepped <= day)
    GROUP BY day
)
SELECT own.* REPLACE (
    open * f AS open, high * f AS high, low * f AS low, close * f AS close,
    vwap * f AS vwap, volume * v AS volume)
FROM own JOIN factors ON session = day
ORDER BY ts
"""
# The documented macros; the other macros are their building blocks.
MACROS = {
    "whatif_entry(name)": "The leaderboard row for a name: a study (its best "
    "configuration), a configuration (its best variant), or `configuration:variant`.",
    "whatif_diff(name_a, name_b)": "Settings that differ between two entries, and "
    "every metric side by side; differences are b minus a.",
    "whatif_diff_sessions(name_a, name_b)": "Profit of two finalists in each session "
    "that both have.",
    "whatif_diff_trades(name_a, name_b)": "Closed trades of two finalists, matched "
    "where both opened on the same bar; the largest difference first.",
}
BARS_MACROS = {
    "adjusted_bars(of_symbol, as_of)": "The `price_bars` of a symbol, adjusted to a "
    "session by the rows of `adjustments` between each bar and that session, as in "
    "`FROM adjusted_bars('AAPL', DATE '2014-06-09')`.",
}


def create_macros(
    connection: duckdb.DuckDBPyConnection, metrics: Iterable[str]
) -> None:
    """Create the macros in a database that has the tables of the report.

    Parameters
    ----------
    connection
        Connection to the database.
    metrics
        Columns of the leaderboard to compare; missing columns are skipped.
    """
    columns = {row[0] for row in connection.execute("DESCRIBE leaderboard").fetchall()}
    names = [name for name in metrics if name in columns]
    numbers = _METRICS.format(
        count=len(names),
        names=", ".join(f"'{name}'" for name in names),
        values=", ".join(f'"{name}"::DOUBLE' for name in names),
    )
    for macro in (_ENTRY, _SETTINGS, numbers, _DIFF, _FINALIST, _SESSIONS, _TRADES):
        connection.execute(macro)


def create_bars_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `adjusted_bars` in a database with ``price_bars`` and ``adjustments``."""
    connection.execute(_ADJUSTED)
