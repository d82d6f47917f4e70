"""The database is complete or unchanged, and it reads the lake in its own folder."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.quality.inspection import Finding
from whatif_assets.home.database_tables import DATABASE
from whatif_assets.home.home import Home
from whatif_assets.home.manifest import Manifest
from whatif_assets.home.quality_findings import findings_table
from whatif_assets.report import database
from whatif_assets.report.database import build_database, opened
from whatif_assets.report.views import VARIABLE
from whatif_assets.settings.market import Market
from whatif_assets_tests.lake_files import path_of

DAYS = ("2026-01-05", "2026-01-06")
FROM_LAKE = ("price_bars", "features", "forecasts", "adjustments")
ODD_NAMES = ("a [b]", "it's", "zürich 東京", "q?x", "s*r", "x=1", "a,b #%20", "{1}")


def bars(close: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": ["A"],
            "ts": pd.to_datetime(["2026-01-05 14:30"], utc=True).as_unit("us"),
            **dict.fromkeys(("open", "high", "low", "close", "vwap"), close),
            "volume": 1.0,
            "trade_count": None,
            "vwap_is_typical": True,
        }
    )


def write_bars(home: Home, day: str, close: float) -> None:
    home.lake.write("price_bars", day, bars(close))
    finish(home, day)


def finish(home: Home, day: str) -> None:
    stamped = Manifest("v", {}, 1, "run", "1", "2026-01-07T00:00:00+00:00", 0.1)
    home.lake.finish("price_bars", day, stamped)


def tables(studies: int = 1) -> dict[str, pd.DataFrame]:
    """Return every table of the database; only ``configurations`` has rows."""
    left_out = (*FROM_LAKE, *database.FROM_FILES)
    found = {n: t.empty() for n, t in DATABASE.items() if n not in left_out}
    rows = found["configurations"].reindex(range(studies)).assign(settings="{}")
    return {**found, "configurations": rows.assign(study="s", configuration="s.a")}


def make_home(folder: Path, closes: tuple[float, ...] = (1.0, 2.0)) -> Home:
    folder.mkdir(parents=True)
    market = Market(
        source="sample", first_session=date(2026, 1, 5), last_session=date(2026, 1, 6)
    )
    home = Home(folder, market)
    found = Finding(date(2026, 1, 5), "A", None, 1, 2.0, "up", "jump", "note")
    home.lake.write("data_quality", DAYS[0], findings_table([found]))
    for day, close in zip(DAYS, closes):
        write_bars(home, day, close)
    build_database(home, tables())
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


def ask(path: Path, query: str) -> list[Any]:
    """Query a database as a user who has only DuckDB."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


CLOSES = "SELECT session::VARCHAR, close FROM price_bars ORDER BY session"


def closes(path: Path) -> list[Any]:
    return ask(path, CLOSES)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Limit files of this process to 100 kB, which is like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_old_database_and_says_so(
    home: Home, small_disk: None
) -> None:
    before = home.database.read_bytes()
    with pytest.raises(
        BadInput, match=r"whatif\.duckdb: the database can't be written"
    ):
        build_database(home, tables(studies=2))
    assert home.database.read_bytes() == before
    assert not list(home.path.glob(".writing-*"))


def test_a_database_that_reads_back_otherwise_replaces_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = home.database.read_bytes()
    write = database._write

    def lossy(*arguments: Any) -> dict[str, int]:
        return {**write(*arguments), "leaderboard": 5}

    monkeypatch.setattr(database, "_write", lossy)
    with pytest.raises(BadInput, match="other rows of leaderboard"):
        build_database(home, tables())
    assert home.database.read_bytes() == before


def test_what_a_killed_process_wrote_is_not_applied_to_a_new_database(
    home: Home,
) -> None:
    with other_writer(home) as writer:
        writer.kill()
        writer.wait()
    assert Path(f"{home.database}.wal").exists()
    build_database(home, tables(studies=3))
    assert ask(home.database, "SELECT count(*) FROM configurations") == [(3,)]


def test_a_database_is_built_and_read_while_another_process_writes_to_it(
    home: Home,
) -> None:
    with other_writer(home) as writer:
        with pytest.raises(duckdb.IOException, match="lock"):
            closes(home.database)
        with opened(home) as connection:
            assert connection.execute(CLOSES).fetchall() == list(zip(DAYS, (1.0, 2.0)))
        build_database(home, tables(studies=3))
        assert writer.poll() is None
        assert ask(home.database, "SELECT count(*) FROM configurations") == [(3,)]


class other_writer:  # noqa: N801 - reads as a function
    """Another process that has a home's database open and has written to it."""

    def __init__(self, home: Home) -> None:
        code = (
            "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]);"
            "c.execute('CREATE TABLE notes AS SELECT 1');"
            "print('ready', flush=True); time.sleep(600)"
        )
        command = [sys.executable, "-c", code, str(home.database)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def __enter__(self) -> subprocess.Popen[bytes]:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_a_damaged_database_is_named(home: Home) -> None:
    home.database.write_bytes(b"no database at all, but long enough to be one" * 200)
    with pytest.raises(BadInput, match=r"whatif\.duckdb: the database can't be read"):
        opened(home).__enter__()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    home = make_home(tmp_path / name)
    assert closes(home.database) == list(zip(DAYS, (1.0, 2.0)))
    assert ask(home.database, 'SELECT "check" FROM data_quality') == [("jump",)]
    assert home.lake.keys("price_bars") == list(DAYS)


def test_a_copied_home_reads_its_own_lake(tmp_path: Path, home: Home) -> None:
    copy = Home(shutil.copytree(home.path, tmp_path / "copy"), home.market)
    write_bars(copy, DAYS[0], 7.0)
    assert closes(copy.database) == list(zip(DAYS, (7.0, 2.0)))
    assert closes(home.database) == list(zip(DAYS, (1.0, 2.0)))


def test_a_moved_home_reads_its_own_lake(tmp_path: Path, home: Home) -> None:
    home.path.rename(tmp_path / "moved")
    path = tmp_path / "moved/whatif.duckdb"
    assert closes(path) == list(zip(DAYS, (1.0, 2.0)))


def test_a_home_is_read_from_within_its_folder(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.path)
    assert closes(Path("whatif.duckdb")) == list(zip(DAYS, (1.0, 2.0)))


def test_attached_databases_read_each_its_own_lake(tmp_path: Path, home: Home) -> None:
    other = make_home(tmp_path / "other", (8.0, 9.0))
    with duckdb.connect() as connection:
        for name, one in (("a", home), ("b", other)):
            connection.execute(f"ATTACH '{one.database}' AS {name} (READ_ONLY)")
        both = "SELECT sum(a.price_bars.close), sum(b.price_bars.close) FROM "
        query = f"{both} a.price_bars JOIN b.price_bars USING (session)"
        assert connection.execute(query).fetchall() == [(3.0, 17.0)]


def test_a_database_beside_an_opened_one_never_reads_the_lake_of_that(
    tmp_path: Path, home: Home
) -> None:
    other = make_home(tmp_path / "other", (8.0, 9.0))
    with duckdb.connect(str(home.database), read_only=True) as connection:
        connection.execute(f"ATTACH '{other.database}' AS b (READ_ONLY)")
        assert connection.execute(CLOSES).fetchall() == list(zip(DAYS, (1.0, 2.0)))
        with pytest.raises(duckdb.Error, match="price_bars: this database was made in"):
            connection.execute("FROM b.price_bars").fetchall()
        connection.execute(f"SET VARIABLE {VARIABLE} = '{other.path}'")
        total = connection.execute("SELECT sum(close) FROM b.price_bars").fetchone()
        assert total == (17.0,)


def test_a_moved_database_that_is_attached_never_reads_the_old_lake(
    tmp_path: Path, home: Home
) -> None:
    copy = shutil.copytree(home.path, tmp_path / "copy")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{copy}/whatif.duckdb' AS c (READ_ONLY)")
        with pytest.raises(duckdb.Error, match=f"SET VARIABLE {VARIABLE}"):
            connection.execute("FROM c.price_bars").fetchall()


def test_the_command_line_of_duckdb_reads_a_copied_home(
    tmp_path: Path, home: Home
) -> None:
    program = Path(sys.executable).with_name("duckdb")
    if not program.exists():
        pytest.skip("duckdb-cli is not installed")
    shutil.move(home.path, tmp_path / "moved [1]")
    command = [str(program), "moved [1]/whatif.duckdb", "-csv", "-noheader", "-c"]
    found = subprocess.run(
        [*command, CLOSES], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [f"{DAYS[0]},1.0", f"{DAYS[1]},2.0"]


def test_a_file_of_other_types_and_columns_changes_no_view(home: Home) -> None:
    odd = pa.table(
        {
            "symbol": pa.nulls(1),
            "close": pa.array([3], pa.int32()),
            "colour": pa.array(["red"]),
        }
    )
    pq.write_table(odd, path_of(home.lake, "price_bars", DAYS[0]))
    finish(home, DAYS[0])
    build_database(home, tables())
    assert closes(home.database) == list(zip(DAYS, (3.0, 2.0)))
    found = ask(home.database, "DESCRIBE price_bars")
    assert [row[0] for row in found] == list(DATABASE["price_bars"].kinds)


def test_a_partition_that_is_being_written_is_not_shown(home: Home) -> None:
    home.lake.begin("price_bars", DAYS[0])
    build_database(home, tables())
    assert closes(home.database) == [(DAYS[1], 2.0)]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"garbage" * 100])
def test_a_damaged_file_is_left_out_and_named(
    home: Home, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = path_of(home.lake, "price_bars", DAYS[0])
    path.write_bytes(content)
    build_database(home, tables())
    assert closes(home.database) == [(DAYS[1], 2.0)]
    assert str(path) in caplog.text
    assert path.with_name("data.parquet.damaged").read_bytes() == content


def test_tables_and_columns_are_described(home: Home) -> None:
    query = "SELECT comment FROM duckdb_columns() WHERE table_name = '{}' AND column_name = 'ts'"
    assert ask(home.database, query.format("price_bars")) == [
        ("start of the bar, UTC",)
    ]
    tables = "SELECT table_name FROM duckdb_tables() WHERE comment IS NULL"
    assert ask(home.database, tables) == []


def test_what_a_killed_run_was_writing_is_removed(home: Home) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    dead = home.path / f".writing-{process.pid}-x"
    alive = home.path / f".writing-{os.getpid()}-y"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "whatif.duckdb").write_bytes(b"half")
    build_database(home, tables())
    assert not dead.exists()
    assert alive.exists()
