"""The Spark Connect session of a dbt process: opened before dbt needs it, with the tables of the lake under their names.

Belongs here: what runs inside the dbt process of the engine `spark`. dbt-spark uses the session that is open. The catalog of an engine may
end with the session (Sail's does), so the tables are registered at the start of every process, from the folders that hold them. What
other processes need of these tables is in spark_engine.py.
"""

import os
from typing import Any

from deltalake import DeltaTable

from f1_lakehouse.storage.object_store import ObjectStore

SCHEMAS = ("silver", "gold", "snapshots")
"""The schemas whose tables one build leaves to the next; the rows of failed tests (`failures`) are for the reader only."""


def open_session() -> None:
    """Connect to `SPARK_REMOTE` and register bronze and the built tables. Call before dbt opens a connection."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate()
    # Otherwise texts become times in the time zone of the server.
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    _register(spark, "bronze", os.environ["F1_BRONZE_URI"])
    for schema in SCHEMAS:
        _register(spark, schema, f"{os.environ['F1_SPARK_WAREHOUSE']}/{schema}")


def _register(spark: Any, schema: str, folder: str) -> None:
    """Make the Delta tables of a folder the tables of a schema; a catalog that outlives sessions may know them from another lake."""
    spark.sql(f"create database if not exists {schema}")
    for table in ObjectStore(folder).folders():
        uri = f"{folder}/{table}"
        # Without a log it is the rest of a first build that was interrupted: the build writes the table again.
        if DeltaTable.is_deltatable(uri):
            spark.sql(f"drop table if exists {schema}.`{table}`")
            spark.sql(f"create table {schema}.`{table}` using delta location '{uri}'")
