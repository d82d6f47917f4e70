"""Pictures that the UI shows without a click."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from whatif_assets.orchestration.page_link import offer_pictures, picture_value

PNG = b"\x89PNG one"
# The UI shows Markdown without a click up to this length.
MOST_CHARACTERS = 1000


def test_a_picture_becomes_a_short_link_to_its_bytes(tmp_path: Path) -> None:
    told = {
        "plot": picture_value(PNG),
        "rows": 3,
        "note": dg.MetadataValue.md("*text*"),
    }
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        offered = offer_pictures(told, instance)
        assert offered.keys() == told.keys()
        assert (offered["rows"], offered["note"]) == (3, told["note"])
        (*key, extension) = offered["plot"].value[len("![plot](/logs/") : -1].split("/")
        path = instance.compute_log_manager.get_captured_local_path(key, extension)
        assert Path(path).read_bytes() == PNG
        assert len(offered["plot"].value) < MOST_CHARACTERS
        assert offer_pictures(told, instance) == offered
        assert offer_pictures({"plot": picture_value(PNG + b"2")}, instance) != {
            "plot": offered["plot"]
        }


def test_without_logs_on_this_machine_a_picture_stays_in_the_record() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        told = {"plot": picture_value(PNG)}
        assert offer_pictures(told, instance) == told
