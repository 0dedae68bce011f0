"""Which engine builds a lake, which one has built it, and the switch from one to the other.

Belongs here: the choice by `F1_ENGINE` and `engine.txt`. What an engine does is in duckdb_engine.py and spark_engine.py; the latter is
imported only if it is used.
"""

from f1_lakehouse.dbt.duckdb_engine import DuckDbEngine
from f1_lakehouse.dbt.engine import Engine
from f1_lakehouse.publishing.build_record import built_by, mark_build_started, record_built_by
from f1_lakehouse.settings import EngineName, Settings


def engine_of(settings: Settings, name: EngineName) -> Engine:
    """Return an engine with its tables of this lake."""
    if name is EngineName.DUCKDB:
        return DuckDbEngine(settings)
    from f1_lakehouse.dbt.spark_engine import SparkEngine

    return SparkEngine(settings)


def engine_of_build(settings: Settings) -> Engine:
    """Return the engine that has built what is to be checked and published, which `F1_ENGINE` need not name any more."""
    return engine_of(settings, built_by(settings))


def engine_to_build(settings: Settings) -> Engine:
    """Return the engine of `F1_ENGINE`, ready to build.

    After a switch it first gets what only earlier builds know: without the snapshots of the other engine, the history of people and
    sessions would continue in two places. Everything else is then rebuilt from bronze. An interrupted switch is made again.

    Raises:
        EngineError: an extra is missing, or the server does not answer.
        WarehouseError: the file cannot be opened.
    """
    engine = engine_of(settings, settings.engine)
    engine.check_ready()
    if settings.engine is not built_by(settings):
        mark_build_started(settings)  # no build is current any more, so the next one rebuilds everything
        engine.write_memory(engine_of_build(settings).read_memory())
        record_built_by(settings, settings.engine)
    return engine
