"""OpenLineage events of the client's classes: their content and receiver; they never block a run."""

import json
from datetime import timedelta

import orjson
import pytest
from observability_parts import NOW, pull, run

from f1_lakehouse.lineage import columns, openlineage
from f1_lakehouse.lineage.columns import direct_lineage
from f1_lakehouse.publishing.build_record import record_built_by
from f1_lakehouse.settings import EngineName

RUN = "0192fe60-0000-7000-8000-000000000001"
MINUTES = timedelta(minutes=1)


def named(done, run_id=RUN):
    return type(done)(**{**done.__dict__, "run_id": run_id})


@pytest.fixture
def ingest():
    """Send the events of a run that pulled laps and failed at weather."""
    done = named(run("ingest", MINUTES, "failure", took=5, errors=["weather: 503"]))
    pulls = [
        pull("laps", 3 * MINUTES, run_id=RUN, rows=1000, bytes=2000, delta_version=4),
        pull("weather", 2 * MINUTES, "503", run_id=RUN),
        pull("laps", 90 * MINUTES, run_id="another"),
    ]
    return done, pulls


def sent(settings):
    """Return the events of the file as (type, job) → event."""
    [file] = settings.lineage.iterdir()
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return {(one["eventType"], one["job"]["name"]): one for one in found}


def test_each_pull_of_a_run_starts_and_completes_or_fails_within_it(ingest, settings):
    done, pulls = ingest
    assert openlineage.send(pulls, settings, [done]) == []
    found = sent(settings)
    assert list(found) == [
        ("START", "ingest"),
        ("FAIL", "ingest"),
        ("START", "bronze.laps"),
        ("COMPLETE", "bronze.laps"),
        ("START", "bronze.weather"),
        ("FAIL", "bronze.weather"),
    ]
    laps = found["COMPLETE", "bronze.laps"]
    assert laps["run"]["facets"]["parent"]["run"]["runId"] == RUN
    assert laps["inputs"] == [
        {"namespace": "https://api.openf1.org", "name": "/v1/laps", "facets": {}, "inputFacets": {}}
    ]
    [output] = laps["outputs"]
    assert (output["namespace"], output["name"]) == ("file", f"{settings.root}/bronze/laps")
    assert output["facets"]["version"]["datasetVersion"] == "4"
    assert {"name": "lap_number", "type": "int64"} in [
        {k: field[k] for k in ("name", "type")} for field in output["facets"]["schema"]["fields"]
    ]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 1000
    assert found["FAIL", "bronze.weather"]["run"]["facets"]["errorMessage"]["message"] == "503"
    assert found["FAIL", "ingest"]["run"]["facets"]["errorMessage"]["message"] == "weather: 503"


@pytest.fixture
def transform(settings):
    """Write the artifacts of a dbt run: silver laps through an ephemeral model, and best laps in gold."""

    def node(kind, schema, name, sql=None, parents=(), columns=(), materialized="table"):
        relation = None if materialized == "ephemeral" else f'"warehouse"."{schema}"."{name}"'
        return {
            "unique_id": f"{kind}.f1.{name}" if kind != "source" else f"source.f1.bronze.{name}",
            "resource_type": kind,
            "schema": schema,
            "name": name,
            "relation_name": relation,
            "compiled_code": sql,
            "depends_on": {"nodes": list(parents)},
            "columns": {column: {"name": column, "data_type": "integer"} for column in columns},
            "config": {"materialized": materialized},
        }

    source = node("source", "bronze", "laps", columns=("lap_number", "lap_duration"))
    inner = node("model", "silver", "int_laps", parents=["source.f1.bronze.laps"], materialized="ephemeral")
    silver = node(
        "model",
        "silver",
        "silver_laps",
        'with inner_laps as (select * from "warehouse"."bronze"."laps") '
        "select lap_number, lap_duration as seconds from inner_laps",
        ["model.f1.int_laps"],
        ("lap_number", "seconds"),
    )
    gold = node(
        "model",
        "gold",
        "best",
        'select min(seconds) as best, 1 as one from "warehouse"."silver"."silver_laps"',
        ["model.f1.silver_laps"],
        ("best", "one"),
    )
    manifest = {
        "sources": {source["unique_id"]: source},
        "nodes": {each["unique_id"]: each for each in (inner, silver, gold)},
    }
    at = {"started_at": (NOW - 2 * MINUTES).isoformat(), "completed_at": (NOW - MINUTES).isoformat()}
    results = [
        {"unique_id": "model.f1.silver_laps", "status": "success", "timing": [at], "message": "OK"},
        {"unique_id": "model.f1.best", "status": "error", "timing": [at], "message": "no such column"},
    ]
    target = settings.root / "dbt"
    target.mkdir(parents=True)
    (target / "manifest.json").write_bytes(orjson.dumps(manifest))
    generated = {"generated_at": (NOW - MINUTES).isoformat()}
    (target / "run_results.json").write_bytes(orjson.dumps({"metadata": generated, "results": results}))
    built = {"tables": '{"silver/silver_laps":5,"gold/best":7}', "delta_versions": '{"best":3}'}
    return named(
        run("transform", 0 * MINUTES, took=5, bronze_version="1-a", gold='{"best":"7-1-2"}', **built)
    )


def test_models_have_inputs_and_column_lineage(transform, settings):
    assert openlineage.send([], settings, [transform]) == []
    found = sent(settings)
    silver = found["COMPLETE", "dbt.silver.silver_laps"]
    assert [one["name"] for one in silver["inputs"]] == [f"{settings.root}/bronze/laps"]
    [output] = silver["outputs"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 5
    made_of = output["facets"]["columnLineage"]["fields"]["seconds"]["inputFields"]
    assert [(one["name"], one["field"]) for one in made_of] == [
        (f"{settings.root}/bronze/laps", "lap_duration")
    ]
    best = found["FAIL", "dbt.gold.best"]
    assert best["run"]["facets"]["errorMessage"]["message"] == "no such column"
    assert [one["name"] for one in best["inputs"]] == ["warehouse.silver.silver_laps"]
    published = found["COMPLETE", "publish"]["outputs"][0]
    assert published["name"] == f"{settings.root}/gold/best"
    assert published["outputFacets"]["outputStatistics"]["rowCount"] == 7
    assert published["facets"]["version"]["datasetVersion"] == "3"


def test_artifacts_of_another_dbt_run_are_ignored(transform, settings):
    later = type(transform)(
        **{**transform.__dict__, "started_at": NOW + MINUTES, "ended_at": NOW + 2 * MINUTES}
    )
    assert openlineage.send([], settings, [later]) == []
    assert [job for _, job in sent(settings)] == ["transform", "transform", "publish", "publish"]


def test_events_are_sent_to_the_configured_receiver(ingest, settings, receiver, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{receiver.port}")
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "s3cr3t")
    done, pulls = ingest
    assert openlineage.send(pulls, settings, [done]) == []
    assert {path for path, _, _ in receiver.got} == {"/api/v1/lineage"}
    assert {headers["Authorization"] for _, headers, _ in receiver.got} == {"Bearer s3cr3t"}
    assert [json.loads(body)["eventType"] for body in receiver.bodies][:2] == ["START", "FAIL"]
    assert len(receiver.got) == 6
    assert not settings.lineage.exists()


def test_refusing_or_slow_receiver_fails_nothing_and_is_not_retried(ingest, settings, receiver, monkeypatch):
    done, pulls = ingest
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{receiver.port}")
    receiver.status = 400
    [problem] = openlineage.send(pulls, settings, [done])
    assert problem.startswith("lineage: the receiver did not take an event")
    assert len(receiver.got) == 1
    monkeypatch.setattr(openlineage, "LIMIT", 0.2)
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:1")
    [problem] = openlineage.send(pulls, settings, [done])
    assert problem == "lineage: not all was sent within 0 s"


def test_unreadable_artifacts_are_one_line(transform, settings):
    (settings.root / "dbt" / "run_results.json").write_text("{")
    [problem] = openlineage.send([], settings, [transform])
    assert problem.startswith("lineage: no events could be made (JSONDecodeError")


def test_lineage_of_a_project_is_read_once(transform, settings, monkeypatch):
    """The rows that a build selects are part of the compiled SQL and not of the lineage; other files are another project."""
    manifest = orjson.loads((settings.root / "dbt" / "manifest.json").read_bytes())
    best = manifest["nodes"]["model.f1.best"]
    read = []
    made_of = columns._made_of
    monkeypatch.setattr(columns, "_made_of", lambda sql, *others: read.append(sql) or made_of(sql, *others))
    for node in manifest["nodes"].values():
        node["checksum"] = {"checksum": "a"}
    first = columns.known_lineage(manifest)
    assert first["model.f1.best"]["best"] == [("model.f1.silver_laps", "seconds")]
    best["compiled_code"] += " where seconds > 60"
    assert columns.known_lineage(manifest) == first
    assert len(read) == len(first)
    read.clear()
    best["checksum"] = {"checksum": "b"}
    best["compiled_code"] = best["compiled_code"].replace("min(seconds)", "min(lap_number)")
    assert columns.known_lineage(manifest)["model.f1.best"]["best"] == [
        ("model.f1.silver_laps", "lap_number")
    ]
    assert best["compiled_code"] in read


def test_models_that_a_build_left_out_are_not_read_again(transform, settings, monkeypatch):
    manifest = orjson.loads((settings.root / "dbt" / "manifest.json").read_bytes())
    for node in manifest["nodes"].values():
        node["checksum"] = {"checksum": "a"}
    code = manifest["nodes"]["model.f1.best"].pop("compiled_code")
    assert "model.f1.best" not in columns.known_lineage(manifest)
    manifest["nodes"]["model.f1.best"]["compiled_code"] = code
    everything = columns.known_lineage(manifest)
    assert everything["model.f1.best"]["best"] == [("model.f1.silver_laps", "seconds")]
    monkeypatch.setattr(columns, "_made_of", None)  # nothing is read from now on
    assert columns.known_lineage(manifest) == everything
    del manifest["nodes"]["model.f1.best"]["compiled_code"]
    columns.known_lineage(manifest)
    manifest["nodes"]["model.f1.best"]["compiled_code"] = code
    assert columns.known_lineage(manifest) == everything


def test_lineage_is_read_from_the_sql_of_spark_too(transform, settings):
    written = (settings.root / "dbt" / "manifest.json").read_text()
    found = direct_lineage(orjson.loads(written))
    # Its relations are schema.table, and such a query is none of DuckDB.
    spark = orjson.loads(written.replace(r"\"warehouse\".", "").replace(r"\"", ""))
    spark["metadata"] = {"adapter_type": "spark"}
    best = spark["nodes"]["model.f1.best"]
    best["compiled_code"] = best["compiled_code"].replace("min(seconds)", "min(`seconds`)")
    assert direct_lineage(spark) == found


def test_tables_of_another_engine_are_the_datasets_that_it_has_written(settings):
    assert openlineage._Names(settings).warehouse("gold", "fact_laps")[0].startswith("duckdb://")
    record_built_by(settings, EngineName.SPARK)
    written = ("file", f"{settings.root}/spark/gold/fact_laps")
    assert openlineage._Names(settings).warehouse("gold", "fact_laps") == written


@pytest.mark.parametrize("prefix", ["", "results."])
def test_rank_over_a_window_with_a_name_is_made_of_what_orders_it(prefix):
    relation = '"warehouse"."gold"."results"'
    sql = f"""
        with results as (select * from {relation}),
        ranked as (
            select case when not excluded then rank() over by_points end as place, sum(laps) over by_points as laps_so_far
            from results
            window by_points as (partition by {prefix}season order by {prefix}points desc, {prefix}wins)
        )
        select place, laps_so_far from ranked"""
    found = columns._made_of(sql, {relation: ["season", "points", "wins", "excluded", "laps"]}, "duckdb")
    assert found == {
        "place": {(relation, name) for name in ("excluded", "points", "wins")},
        "laps_so_far": {(relation, "laps")},
    }
