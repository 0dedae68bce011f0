"""What Dagster logs of a step without need.

Dagster expects one output per asset check of a step. The bronze assets report their checks as `AssetCheckEvaluation`, one per partition,
because a run may have a range of partitions and an `AssetCheckResult` cannot name its partition. Without the filter, the log of every
such step contains that it "did not yield or return expected outputs", followed by the names of checks that were evaluated.

Non-public behavior: the text of the message. If a version of Dagster words it differently, it is shown again.
"""

import logging

import dagster as dg

_OMITTED = "did not yield or return expected outputs"


def hide_omitted_check_outputs(context: dg.AssetExecutionContext) -> None:
    """Keep the message out of the log of the step; the assets' own outputs are materializations, whose absence Dagster detects."""
    context.log.addFilter(_is_needed)


def _is_needed(record: logging.LogRecord) -> bool:
    return _OMITTED not in record.getMessage()
