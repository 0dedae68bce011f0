#!/usr/bin/env bash
# Start Sail, a Spark Connect server in one Python package (pip install "pysail>=0.7,<0.8"), for F1_ENGINE=spark.
#
#   deploy/sail.sh [PORT] [WORKERS]
#
# WORKERS 0 (default): one process. Otherwise mode local-cluster: a driver and that many workers, which exchange data by RPC.
# SAIL: the executable, by default `sail` of PATH. The server must see the folders of the lake under the same paths as f1.
set -euo pipefail

port="${1:-50051}" workers="${2:-0}"
# Times without a zone are UTC.
export TZ=UTC
if [ "$workers" -gt 0 ]; then
    export SAIL_MODE=local-cluster
    export SAIL_CLUSTER__WORKER_INITIAL_COUNT="$workers" SAIL_CLUSTER__WORKER_MAX_COUNT="$workers"
    # A query with many tables needs a slot for each of its tasks at the same time.
    export SAIL_CLUSTER__WORKER_TASK_SLOTS=64
    export SAIL_EXECUTION__DEFAULT_PARALLELISM="$workers"
fi
exec "${SAIL:-sail}" spark server --ip 127.0.0.1 --port "$port"
