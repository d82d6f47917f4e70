"""A folder, a store in memory and S3 keep the same contract of `Files`."""

import io
import itertools
import secrets

import duckdb
import pandas as pd
import pytest

from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home import remote_files
from whatif_assets.home.files import LocalFiles
from whatif_assets.home.remote_files import RemoteFiles, files_at
from whatif_assets_tests.object_store import s3_server

NAME = "daily_pnl/configuration=demo.rf~a%3D1/data.parquet"


@pytest.fixture(scope="module")
def s3():
    with s3_server() as url:
        yield url


@pytest.fixture(params=["folder", "memory", "s3"])
def files(request, tmp_path):
    if request.param == "folder":
        return LocalFiles(tmp_path)
    place = "memory:/" if request.param == "memory" else request.getfixturevalue("s3")
    return RemoteFiles(f"{place}/{secrets.token_hex(4)}/lake")


def parquet() -> bytes:
    written = io.BytesIO()
    pd.DataFrame({"x": [1.5, 2.5]}).to_parquet(written)
    return written.getvalue()


def test_what_is_written_is_read_until_it_is_removed(files):
    files.write(NAME, b"first")
    before = files.state(NAME)
    files.write(NAME, b"other")
    assert files.read(NAME) == b"other"
    assert (files.size(NAME), files.state(NAME) != before) == (5, True)
    assert files.state(NAME) == files.state(NAME)
    assert NAME in files.where(NAME)
    files.remove(NAME)
    for look in (files.read, files.state, files.size, files.open):
        with pytest.raises(FileNotFoundError):
            look(NAME)
    assert files.fault(NAME) == "is missing"
    files.remove(NAME)


def test_what_another_process_writes_is_seen_soon_and_own_files_at_once(
    files, monkeypatch
):
    other = type(files)(getattr(files, "url", None) or files.folder)
    assert files.fault(NAME) == "is missing"
    other.write(NAME, b"theirs")
    monkeypatch.setattr(remote_files, "SECONDS_KNOWN", 0.0)
    before = files.state(NAME)
    monkeypatch.setattr(remote_files, "SECONDS_KNOWN", 3600.0)
    files.write(NAME, b"own")
    assert files.size(NAME) == 3
    assert files.state(NAME) != before


def test_names_match_within_folders(files):
    names = ["a/k=1/data.parquet", "a/k=1/.hidden", "a/k=2/data.parquet", "a_5min/x"]
    for name in names:
        files.write(name, b"1")
    assert files.names("a/k=*/data.parquet") == [names[0], names[2]]
    assert files.names("a/k=1/[!.]*") == [names[0]]
    assert files.names("a/k=1/*") == [names[1], names[0]]
    assert files.names("a_*") == ["a_5min"]
    assert files.names("none/*") == files.names("none/k=*/x") == []
    files.remove("a")
    assert files.names("a/k=*/*") == []
    assert files.names("a_*") == ["a_5min"]


def test_a_file_that_is_filled_in_vain_stays_as_it_was(files):
    files.write_by(NAME, lambda file: file.write(b"whole"))

    def fail(file):
        file.write(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        files.write_by(NAME, fail)
    files.remove_unfinished(NAME.rpartition("/")[0])
    assert files.read(NAME) == b"whole"
    assert files.names(NAME.replace("data.parquet", "*")) == [NAME]


def test_a_file_is_created_once(files):
    assert files.create("owner", b"first")
    assert not files.create("owner", b"second")
    assert files.read("owner") == b"first"
    assert files.names("*") == ["owner"]


def test_damage_is_found_by_size_and_ends_and_set_aside(files):
    content = parquet()
    files.write(NAME, content)
    assert files.fault(NAME) == files.fault(NAME, len(content)) == ""
    assert "instead of 7" in files.fault(NAME, 7)
    for damaged in (b"", content[:-1], b"x" * len(content)):
        files.write(NAME, damaged)
        assert "does not begin or end" in files.fault(NAME)
    files.set_aside(NAME, "is damaged", "It is left out.")
    assert files.fault(NAME) == "is missing"
    assert files.names(NAME.replace("parquet", "*")) == [f"{NAME}.damaged"]


def test_parts_of_a_file_are_read_whatever_its_size(files, monkeypatch):
    files.write(NAME, bytes(range(200)))
    for most in (1000, 10):
        monkeypatch.setattr(remote_files, "READ_AT_ONCE", most)
        with files.open(NAME) as file:
            file.seek(150)
            assert file.read(3) == bytes([150, 151, 152])


def test_copies_are_equal_and_only_some_places_share_storage(files, tmp_path):
    for name in ("a/x", "a/y"):
        files.write(name, b"same")
    assert files.store_once("a/x", "a/y") == isinstance(files, LocalFiles)
    files.copy_out("a/x", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == files.read("a/y") == b"same"
    with pytest.raises(FileNotFoundError):
        files.copy_out("a/none", tmp_path / "other")


def test_duckdb_reads_what_was_written(files):
    files.write(NAME, parquet())
    with duckdb.connect() as connection:
        files.let_read(connection)
        at = files.glob("daily_pnl/configuration=*/data.parquet")
        rows = connection.execute(
            f"FROM read_parquet('{at}', hive_partitioning = true) ORDER BY x"
        ).fetchall()
    assert rows == [(1.5, "demo.rf~a=1"), (2.5, "demo.rf~a=1")]


def test_a_place_is_equal_to_itself_alone(tmp_path):
    urls = ["memory://a", "memory://b", f"file://{tmp_path}"]
    places = [*map(files_at, urls), LocalFiles(tmp_path)]
    same = [
        (a, b) for a, b in itertools.combinations(range(4), 2) if places[a] == places[b]
    ]
    assert same == [(2, 3)]
    assert len(set(places)) == 3


def test_a_store_that_refuses_is_named_in_words(s3):
    missing = RemoteFiles("s3://no-such-bucket/lake")
    assert missing.names("a/*") == []
    with pytest.raises(BadInput, match=r"s3://no-such-bucket/lake: the lake can't be"):
        missing.write("a/x", b"1")
