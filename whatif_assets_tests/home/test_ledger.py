"""The ledger keeps its entries, and shows which were changed or removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.home import Home
from whatif_assets.home.ledger import CHAIN, Evaluated, Ledger, Lost, Opened


def evaluated(name: str = "s.a") -> Evaluated:
    return Evaluated(
        study="s",
        configuration=name,
        market="m",
        symbols=("AAA", "BBB"),
        first_session="2018-03-01",
        last_session="2018-03-29",
        sessions=21,
        candidates=3,
        file="f" * 16,
        content="c" * 16,
    )


OPENED = Opened(
    study="s",
    configuration="s.a",
    variant="-",
    market="m",
    symbols=("AAA",),
    first_session="2018-04-02",
    last_session="2018-04-06",
    sessions=5,
    inputs="i" * 16,
    run_id="run",
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "ledger")
    made.append(evaluated("s.a"), evaluated("s.b"))
    made.append(OPENED)
    return made


def again(ledger: Ledger) -> Ledger:
    """Return the ledger as another process reads it."""
    return Ledger(ledger.folder)


def lines(ledger: Ledger) -> list[str]:
    return (ledger.folder / CHAIN).read_text().splitlines(keepends=True)


def test_entries_are_read_in_the_order_of_writing(ledger: Ledger) -> None:
    found = again(ledger).entries
    assert [entry.record for entry in found] == [
        evaluated("s.a"),
        evaluated("s.b"),
        OPENED,
    ]
    assert [entry.number for entry in found] == [1, 2, 3]
    assert again(ledger).faults == ()


@pytest.mark.parametrize("row", [0, 1])
def test_a_removed_line_is_reported(ledger: Ledger, row: int) -> None:
    kept = [line for n, line in enumerate(lines(ledger)) if n != row]
    (ledger.folder / CHAIN).write_text("".join(kept))
    (fault,) = again(ledger).faults
    assert f"{CHAIN}, line {row + 1}: " in fault
    assert "missing" in fault


def test_a_changed_line_is_reported_and_does_not_count(ledger: Ledger) -> None:
    changed = [
        line.replace('"candidates": 3', '"candidates": 1') for line in lines(ledger)
    ]
    (ledger.folder / CHAIN).write_text("".join([lines(ledger)[0], *changed[1:]]))
    first, second = again(ledger).faults
    assert f"{CHAIN}, line 2: the entry cannot be read (its hash does not" in first
    assert "entry 3 follows entry 1" in second
    assert len(again(ledger).entries) == 2


@pytest.mark.parametrize("line", ["{}", "[]", "garbage", '{"kind": "other"}', "\x00"])
def test_a_line_that_is_not_an_entry_is_reported_and_never_raises(
    ledger: Ledger, line: str
) -> None:
    with (ledger.folder / CHAIN).open("a") as file:
        file.write(line + "\n")
    (fault,) = again(ledger).faults
    assert "line 4: the entry cannot be read" in fault


def test_lines_taken_from_the_end_are_missed_by_who_names_them(ledger: Ledger) -> None:
    named = [entry.hash for entry in ledger.entries]
    (ledger.folder / CHAIN).write_text("".join(lines(ledger)[:1]))
    assert again(ledger).faults == ()
    assert again(ledger).missing(named) == sorted(named[1:])
    again(ledger).append(Lost("m", tuple(named[1:])))
    assert again(ledger).known_lost("m") == set(named[1:])
    assert again(ledger).known_lost("another market") == set()


def test_a_line_that_a_process_could_not_finish_is_no_entry(ledger: Ledger) -> None:
    whole = (ledger.folder / CHAIN).read_bytes()
    (ledger.folder / CHAIN).write_bytes(whole + whole[:40])
    assert len(again(ledger).entries) == 3
    again(ledger).append(evaluated("s.c"))
    assert [entry.number for entry in again(ledger).entries] == [1, 2, 3, 4]
    assert again(ledger).faults == ()


def test_several_may_write_at_once(tmp_path: Path) -> None:
    def write(name: int) -> None:
        Ledger(tmp_path).append(evaluated(f"s.{name}"), OPENED)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(20)))
    found = Ledger(tmp_path)
    assert found.faults == ()
    assert [entry.number for entry in found.entries] == list(range(1, 41))


def test_a_shared_ledger_is_written_and_the_own_one_still_counts(
    ledger: Ledger, tmp_path: Path
) -> None:
    shared = Ledger(ledger.folder, tmp_path / "shared")
    shared.append(evaluated("s.c"))
    assert len(lines(ledger)) == 3
    assert len(Ledger(ledger.folder, tmp_path / "shared").entries) == 4
    assert len(Ledger(tmp_path / "another", tmp_path / "shared").entries) == 1


def test_a_shared_ledger_that_is_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "market.yaml").write_text(
        "{source: sample, symbols: [SYN01], first_session: 2026-01-05}"
    )
    monkeypatch.setenv("WHATIF_LEDGER", str(tmp_path / "notes.txt"))
    with pytest.raises(
        BadInput, match=r"WHATIF_LEDGER: .* is a file; it must be a fol"
    ):
        Ledger.of(Home.open(tmp_path))
