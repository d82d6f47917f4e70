"""Evaluation of a configuration: its variants over the test windows, with metrics."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd

from whatif_assets.domain.accounts.accounts import NO_BENCHMARKS, Benchmarks
from whatif_assets.domain.accounts.audit import in_words
from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.accounts.positions import exposures_of, positions_of
from whatif_assets.domain.accounts.result import BacktestResult
from whatif_assets.domain.base.hashing import combined_hash
from whatif_assets.domain.features import FEATURES, Feature, functions_of
from whatif_assets.domain.leaks import Admit, Finding, refuse_leak
from whatif_assets.engines.backtest import Sleeve, Variant, engine_of
from whatif_assets.engines.parity import sampled_parity
from whatif_assets.engines.strategies import required_features
from whatif_assets.home.adjustments import LakeSteps
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Entry
from whatif_assets.home.ledger_history import note_lost
from whatif_assets.home.tables import LAKE
from whatif_assets.home.trial_identity import evaluated_sessions, marks_of
from whatif_assets.home.trials import register_trials, settings_of_trials
from whatif_assets.settings.configuration import Configuration
from whatif_assets.settings.study import Study
from whatif_assets.steps.benchmarks import (
    benchmark_metrics,
    benchmark_of,
    benchmarks_of,
)
from whatif_assets.steps.evaluation import Evaluation
from whatif_assets.steps.facts import JoinedFacts
from whatif_assets.steps.forecasting import IN_SAMPLE
from whatif_assets.steps.frictions import friction_notes
from whatif_assets.steps.leak_gate import probe_fills, probe_indicators
from whatif_assets.steps.leakage_suspects import probe_traded_columns
from whatif_assets.steps.market_impact import sessions_of_impact
from whatif_assets.steps.paths import PATHS, by_path, over_paths
from whatif_assets.steps.session_features import history
from whatif_assets.steps.sleeves import (
    basis_of,
    forecasts_of,
    run_with_fills,
    sleeves_of_configuration,
)
from whatif_assets.steps.sweep_blocks import Sweep, drop_blocks, sweep_folder
from whatif_assets.steps.universe import sessions_before

TABLE = "backtest_results"
LEADERS = 8
NOTES = "notes"
# Metrics that are stored for the sessions on which the models were trained.
IN_SAMPLE_METRICS = ("pnl", "sharpe")

Progress = Callable[[int, int], None]


def evaluate(
    home: Home,
    study: Study,
    configuration: Configuration,
    code_version: str = "",
    progress: Progress | None = None,
    admit: Admit = refuse_leak,
) -> Evaluation:
    """Backtest every variant of a configuration over the study's test windows.

    An interrupted sweep continues where it stopped, if inputs and ``code_version`` are
    the same. ``admit`` is called with each finding of the leak gate.

    Raises
    ------
    BadInput
        Bars or forecasts are not materialised, forecasts belong to another version of
        the configuration, a strategy fails, or the leak gate finds look-ahead.
    """
    sessions = evaluated_sessions(home, study)
    variants = configuration.variants()
    sleeves = sleeves_of_configuration(home, study, configuration)
    inputs = combined_hash([evaluation_inputs(home, configuration.key), code_version])
    hold = benchmark_of(sleeves, variants[0].share(len(sleeves)), len(sessions))
    beside = benchmarks_of(home, study, sleeves, hold, sessions)
    metrics, daily = _sweep(
        home, study, configuration, variants, sleeves, sessions, f"{inputs}/test",
        beside, progress,
    )  # fmt: skip
    rows = _described(configuration, metrics, benchmark_metrics(home, hold, beside))
    order = study.ranking.order(rows)["variant"].tolist()
    leaders = [v for v in variants if v.id in set(order[: study.finalists])]
    detail = run_with_fills(sleeves, configuration, leaders, len(sessions))
    rows = rows.assign(account=_audited(rows, detail))
    probed = home, study, configuration, sleeves, sessions
    for finding in _findings(*probed, leaders, detail.fills):
        admit(finding)
    extra, in_sample = _in_sample(home, study, configuration, leaders, inputs)
    paths = _paths(home, study, configuration, metrics, beside, inputs)
    rows = rows.merge(extra, on="variant", how="left", validate="1:1")
    positions = positions_of(detail, sessions)
    evaluation = Evaluation(
        variants=over_paths(rows, paths, study.ranking),
        daily=daily,
        in_sample=in_sample,
        paths=paths,
        fills=detail.fills,
        positions=positions,
        exposures=exposures_of(detail, sessions, positions),
        refused=_refused(detail),
        parity=_parity(sleeves, configuration, order),
        ranking=study.ranking,
        marks=marks_of(sleeves, sessions),
        notes=(*detail.notes, *friction_notes(sleeves)),
    )
    drop_blocks(home.lake, configuration.key)
    return evaluation


def _refused(detail: BacktestResult) -> pd.DataFrame:
    """Orders that a shared account could not carry; none of symbols of their own."""
    return LAKE["refused_orders"].empty() if detail.refused is None else detail.refused


def _findings(
    home: Home,
    study: Study,
    configuration: Configuration,
    sleeves: Sequence[Sleeve],
    sessions: Sequence[date],
    leaders: Sequence[Variant],
    fills: pd.DataFrame,
) -> Iterator[Finding]:
    """Run the probes of the leak gate one by one, and yield their findings."""
    as_of = basis_of(home, study)
    yield probe_indicators(home, configuration, sleeves, sessions, as_of)
    yield probe_traded_columns(configuration, sleeves)
    yield probe_fills(configuration, sleeves, leaders, fills, study.leak_seconds)


def _sweep(
    home: Home,
    study: Study,
    configuration: Configuration,
    variants: Sequence[Variant],
    sleeves: Sequence[Sleeve],
    sessions: Sequence[date],
    inputs: str,
    beside: Benchmarks = NO_BENCHMARKS,
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute metrics and daily profits of variants over some sessions."""
    return Sweep(
        sleeves,
        configuration.strategy,
        variants,
        configuration.base,
        sessions,
        home.market.sessions_per_year(),
        home.lake,
        sweep_folder(home.lake, configuration.key, inputs),
        beside=beside,
        further=study.ranking.further,
    ).run(progress)


def _paths(
    home: Home,
    study: Study,
    configuration: Configuration,
    metrics: pd.DataFrame,
    beside: Benchmarks,
    inputs: str,
) -> pd.DataFrame:
    """Compute the metrics of all variants on each path: the table `PATHS`.

    Without rows if there is one path, or no model whose forecasts differ by path.
    """
    number, variants = study.evaluation.paths, configuration.variants()
    if number == 1 or configuration.algorithm is None:
        return LAKE[PATHS].empty()
    sessions = evaluated_sessions(home, study)

    def _on_path(path: int) -> pd.DataFrame:
        """Run the variants on a path, of which nothing else stays in memory."""
        forecasts = forecasts_of(home, study, configuration, path=path)
        sleeves = sleeves_of_configuration(
            home, study, configuration, sessions, forecasts
        )
        place = f"{inputs}/path_{path}"
        metrics_of_path, _ = _sweep(
            home, study, configuration, variants, sleeves, sessions, place, beside
        )
        return metrics_of_path

    return by_path([metrics, *map(_on_path, range(1, number))], study.ranking)


def _in_sample(
    home: Home,
    study: Study,
    configuration: Configuration,
    leaders: Sequence[Variant],
    inputs: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute metrics and daily profits over the sessions before the first test.

    A model was trained on these sessions, so they only show how much of its success
    comes from that.
    """
    sessions = in_sample_sessions(home, study, configuration)
    names = [f"in_sample_{metric}" for metric in IN_SAMPLE_METRICS]
    if not sessions:
        nothing = pd.DataFrame({"variant": pd.Series(dtype="str")})
        return nothing.assign(**dict.fromkeys(names, np.nan)), nothing
    forecasts = None
    if configuration.algorithm is not None:
        forecasts = forecasts_of(home, study, configuration, IN_SAMPLE)
    sleeves = sleeves_of_configuration(home, study, configuration, sessions, forecasts)
    is_slow = engine_of(
        configuration.strategy_type(), configuration.variants()
    ).is_reference
    variants = leaders if is_slow else configuration.variants()
    metrics, daily = _sweep(
        home, study, configuration, variants, sleeves, sessions, f"{inputs}/train"
    )
    kept = metrics[["variant", *IN_SAMPLE_METRICS]]
    return kept.set_axis(["variant", *names], axis=1), daily


def in_sample_sessions(
    home: Home, study: Study, configuration: Configuration
) -> list[date]:
    """List the sessions before the first test whose indicators need no earlier bars.

    In cross-validation there are none. Leading sessions whose indicators would warm up
    on bars before the first training session are left out, so that a mere comparison
    does not require more bars.
    """
    train = study.folds(home.market)[0].before
    features, size = indicators_of(configuration), home.bar_size(configuration)

    def _needs_earlier_bars(day: date) -> bool:
        reach = history(home, day, features, size)
        return any(before < train[0] for before in reach[:1])

    return list(itertools.dropwhile(_needs_earlier_bars, train))


def indicators_of(configuration: Configuration) -> list[Feature]:
    """List the features that a backtest reads: of the strategy, and of the costs."""
    settings = [variant.settings for variant in configuration.variants()]
    own = required_features(configuration.strategy_type(), settings)
    return list(dict.fromkeys([*own, *configuration.cost_features]))


def _audited(rows: pd.DataFrame, detail: BacktestResult) -> pd.Series:
    """Return the errors in each variant's account, as far as it was audited."""
    audits = detail.audits_of(detail.variants).items()
    found = {variant: in_words(one) for variant, one in audits}
    return rows["variant"].map(found).fillna(rows["account"])


def _described(
    configuration: Configuration, metrics: pd.DataFrame, benchmark: dict[str, float]
) -> pd.DataFrame:
    """Add role, strategy, algorithm, settings and benchmark to metrics of variants."""
    rows = metrics.copy()
    rows.insert(1, "role", configuration.strategy_type().role)
    rows.insert(2, "strategy", configuration.strategy)
    rows.insert(3, "algorithm", configuration.algorithm)
    rows["settings"] = settings_of_trials(configuration)
    return rows.assign(**benchmark)


def _parity(
    sleeves: Sequence[Sleeve], configuration: Configuration, order: Sequence[str]
) -> pd.DataFrame:
    """Replay the winner and some random variants in Backtrader."""
    if engine_of(configuration.strategy_type(), configuration.variants()).is_reference:
        return pd.DataFrame()
    by_name = {variant.id: variant for variant in configuration.variants()}
    return sampled_parity(
        sleeves,
        configuration.strategy,
        [by_name[name] for name in order],
        draw=random.Random(configuration.key),  # noqa: S311 - a sample, not a secret
        base=configuration.base,
    )


def sessions_read(
    home: Home, study: Study, configuration: Configuration
) -> tuple[list[date], list[date]]:
    """List the sessions whose bars a configuration's results are computed from.

    Returns
    -------
    traded : list of date
        Sessions that are traded, in sample and in the test windows, oldest first.
    earlier : list of date
        Sessions before the test windows on which indicators may warm up, and from
        which universes and market impact are known; their bars may be missing.
    """
    sessions = evaluated_sessions(home, study)
    traded = [*in_sample_sessions(home, study, configuration), *sessions]
    features, size = indicators_of(configuration), home.bar_size(configuration)
    warm_up = history(home, sessions[0], features, size)
    ranked = sessions_before(home, configuration, traded[0])
    moved = sessions_of_impact(home, configuration, traded[0])
    return traded, sorted({*warm_up, *ranked, *moved})


def evaluation_inputs(home: Home, key: str) -> dict[str, str]:
    """Return hashes of the inputs of a configuration's results, by part."""
    configuration, _ = home.find(key)
    if configuration.algorithm is None:
        return evaluation_reads(home, key)
    forecasts = home.lake.versions("forecasts", [configuration.key])
    return {**evaluation_reads(home, key), "forecasts": combined_hash(forecasts)}


def evaluation_reads(home: Home, key: str) -> dict[str, str]:
    """Return hashes of the inputs of results other than the own forecasts, by part."""
    configuration, study = home.find(key)
    strategy = configuration.strategy_type()
    traded, earlier = sessions_read(home, study, configuration)
    known = (home.lake.manifest("price_bars", day.isoformat()) for day in earlier)
    read = [
        home.lake.versions("price_bars", [day.isoformat() for day in traded]),
        [manifest.data_version for manifest in known if manifest],
    ]
    read += [lost] if (lost := home.symbols_lost(study)) else []
    indicators = JoinedFacts(home, indicators_of(configuration))
    read += [seen] if (seen := indicators.seen(traded)) else []
    # Steps count from the price basis on, even in sessions whose bars are not read.
    steps = LakeSteps(home).over(basis_of(home, study), traded[-1])
    read += [[steps.hash]] if steps.by_symbol else []
    order = (study.rank_by, study.constraints)
    own = [configuration.result_hash(study), order, study.finalists]
    functions = functions_of(indicators_of(configuration))
    multipliers = home.market.multipliers_read(configuration.symbols)
    further = study.ranking.further
    return {
        "settings": combined_hash(own),
        "multiplier": combined_hash([multipliers]),
        **_groups_read(home, configuration),
        f"code of {configuration.strategy}": strategy.code_version,
        **{f"code of {name}": FEATURES[name].code_version for name in functions},
        **{f"code of metric {name}": METRICS[name].code_version for name in further},
        **home.market.groups_read(indicators_of(configuration)),
        "data": combined_hash(read),
    }


def _groups_read(home: Home, configuration: Configuration) -> dict[str, str]:
    """Return a hash of the groups of the symbols, where the results depend on them."""
    if not configuration.reads_groups:
        return {}
    groups = home.market.groups_of(configuration.symbols or home.symbols)
    return {"groups": combined_hash(f"{name}: {of}" for name, of in groups.items())}


def write_evaluation(
    home: Home, study: Study, configuration: Configuration, evaluation: Evaluation
) -> tuple[str, Entry]:
    """Write the results of a configuration, and enter its variants in the ledger.

    Returns
    -------
    version : str
        Hash of the results' content.
    entry : Entry
        The ledger's entry for the trials, which is kept for good.
    """
    key = configuration.key
    note_lost(home, TABLE, key)
    home.lake.begin(TABLE, key)
    version = combined_hash(
        [
            home.lake.write("daily_pnl", key, evaluation.daily),
            home.lake.write("in_sample_pnl", key, evaluation.in_sample),
            home.lake.write(PATHS, key, evaluation.paths),
            home.lake.write("fills", key, evaluation.fills),
            home.lake.write("positions", key, evaluation.positions),
            home.lake.write("exposures", key, evaluation.exposures),
            home.lake.write("refused_orders", key, evaluation.refused),
            home.lake.write(TABLE, key, evaluation.variants),
        ]
    )
    entry = register_trials(
        home, study, configuration, evaluation.variants, evaluation.marks
    )
    return version, entry
