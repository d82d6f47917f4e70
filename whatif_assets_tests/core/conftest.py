"""Fixtures of the tests of the core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Give a Spark session on two cores, started once for all tests."""
    from whatif_assets.core.spark.session import spark_session, spark_settings

    session = spark_session(spark_settings("local[2]"))
    yield session
    session.stop()
