"""Forward records of own strategies, of shared accounts, and of symbols that lack bars."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from whatif_assets.domain.selection.forward import Promise
from whatif_assets.home.forward_entries import Forward, Frozen
from whatif_assets.home.frozen import latest_winners, write_copy
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import Ledger
from whatif_assets.home.trial_identity import market_id
from whatif_assets.steps.forward import record_forward, winners_table
from whatif_assets_tests.made_once import made_once
from whatif_assets_tests.split_market import ingested

MARKET = """
source: sample
symbols: [SYN01, SYN02]
first_session: 2026-02-12
last_session: 2026-02-19
"""
STUDIES = {
    "mine": 'mine: {strategy: "rules.py:Mine"}',
    "apart": "apart: {strategy: ema_cross, fastperiod: 5, slowperiod: 20, size: 10}",
    "shared": "shared: {strategy: ema_cross, fastperiod: 5, slowperiod: 20, size: 10, "
    "account: portfolio}",
    "ranked": "ranked: {strategy: rank_long_short, score: roc+timeperiod=3, count: 1}",
}
RULES = """
import backtrader as bt

from sizes import SIZE


class Mine(bt.Strategy):
    def next(self):
        if len(self) == 5:
            self.buy(size=SIZE)
"""
KNOWN = [date(2026, 2, 12), date(2026, 2, 13)]
NEW = [date(2026, 2, 17), date(2026, 2, 18), date(2026, 2, 19)]


def freeze(home: Home, name: str) -> None:
    """Freeze the only variant of a study, as if a verdict had named it."""
    study = home.study(name)
    (configuration,) = home.configurations(study)
    (variant,) = configuration.variants()
    returns = np.random.default_rng(0).normal(1e-4, 1e-4, 60)
    content = write_copy(home, study, name, Promise.of(returns, 5e-5, 0), None)
    Ledger.of(home).append(
        Frozen(
            study=name,
            configuration=configuration.key,
            variant=variant.id,
            market=market_id(home.market),
            winner=name,
            settings=name,
            known_until=KNOWN[-1].isoformat(),
            verdict="likely more than luck",
            code="",
            data="",
            content=content,
        )
    )


@pytest.fixture(scope="module")
def frozen_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        studies = folder / "home" / "studies"
        studies.mkdir(parents=True)
        (folder / "home" / "market.yaml").write_text(MARKET)
        (studies / "rules.py").write_text(RULES)
        (studies / "sizes.py").write_text("SIZE = 100\n")
        for name, configuration in STUDIES.items():
            text = (
                f"evaluation: {{method: whole}}\nconfigurations:\n  {configuration}\n"
            )
            (studies / f"{name}.yaml").write_text(text)
        home = Home.open(folder / "home")
        ingested(home, KNOWN)
        for name in STUDIES:
            freeze(home, name)

    return made_once(tmp_path_factory, "frozen_rules", make) / "home"


@pytest.fixture
def home(frozen_home: Path, tmp_path: Path) -> Home:
    return Home.open(Path(shutil.copytree(frozen_home, tmp_path / "home")))


def copied(home: Home, name: str) -> Home:
    return Home.open(Path(shutil.copytree(home.path, home.path.with_name(name))))


def records(home: Home) -> dict[str, list[Forward]]:
    """Record what is new; return the whole record of each study."""
    faults = {name: traded.fault for name, traded in record_forward(home).items()}
    assert faults == dict.fromkeys(STUDIES, "")
    latest = latest_winners(home)
    return {name: [one for _, one in latest[name].sessions()] for name in STUDIES}


def profits(home: Home) -> dict[str, list[float]]:
    return {name: [one.pnl for one in found] for name, found in records(home).items()}


def drop(home: Home, symbol: str, day: date) -> None:
    """Take the bars of a symbol out of a session."""
    key, lake = day.isoformat(), home.lake
    manifest, bars = lake.manifest("price_bars", key), lake.read("price_bars", key)
    assert manifest is not None
    version = lake.write("price_bars", key, bars[bars["symbol"] != symbol])
    changed = dataclasses.replace(manifest, data_version=version)
    lake.finish("price_bars", key, changed)


def test_own_code_that_is_edited_after_freezing_changes_no_record(home):
    ingested(home, NEW)
    edited = copied(home, "edited")
    wanted = records(home)
    assert any(one.pnl for one in wanted["mine"])
    studies = edited.studies_folder
    (studies / "rules.py").write_text(RULES.replace("== 5", "== 9"))
    (studies / "sizes.py").write_text("SIZE = -7\n")
    assert records(edited) == wanted
    for name in ("rules.py", "sizes.py"):
        (studies / name).unlink()
    chain = edited.path / "ledger" / "chain.jsonl"
    lines = chain.read_text().splitlines(keepends=True)
    chain.write_text("".join(x for x in lines if '"kind": "forward"' not in x))
    assert records(Home.open(edited.path)) == wanted


def test_own_code_that_is_edited_in_the_copy_ends_the_record(home):
    ingested(home, NEW)
    frozen = latest_winners(home)["mine"].folder
    (frozen / "studies" / "sizes.py").write_text("SIZE = -7\n")
    traded = record_forward(home)
    assert "was changed or removed" in traded["mine"].fault
    assert traded["mine"].added == ()
    assert len(traded["shared"].added) == len(NEW)
    (row,) = winners_table(home, "mine").to_dict("records")
    assert "cannot be judged" in row["in_words"]


def test_sessions_one_by_one_equal_a_single_pass_in_every_account(home):
    whole = copied(home, "whole")
    ingested(whole, NEW)
    wanted = profits(whole)
    for day in NEW:
        ingested(home, [day])
        records(home)
    assert profits(home) == wanted
    assert all(any(made) for made in wanted.values())
    assert wanted["shared"] == pytest.approx(wanted["apart"])  # cash is never short


def test_a_symbol_without_bars_in_a_session_keeps_its_position_and_its_price(home):
    ingested(home, NEW)
    lacking = copied(home, "lacking")
    wanted = profits(home)
    drop(lacking, "SYN02", NEW[1])
    found = profits(lacking)
    for name in STUDIES:
        assert len(found[name]) == len(NEW)
        assert found[name][0] == wanted[name][0]  # nothing reaches back
        assert found[name][1] != wanted[name][1]
    assert found["shared"] == pytest.approx(found["apart"])
    # It holds from the first session to the last, so the lost day's move comes later.
    assert sum(found["mine"]) == pytest.approx(sum(wanted["mine"]))


def test_bars_that_come_late_are_a_correction(home):
    ingested(home, NEW)
    drop(home, "SYN02", NEW[1])
    before = records(home)
    late = NEW[1].isoformat()
    home.lake.remove("price_bars", late, "")
    ingested(home, [NEW[1]])
    after = records(home)
    for name in STUDIES:
        assert after[name][: len(NEW)] == before[name]
        added = after[name][len(NEW) :]
        assert added and added[0].session == late
        assert all(one.corrected for one in added)
