"""Run dbt on Sail: test_dbt_spark.py starts this script in a Python with dbt-spark and pysail.

    python -P on_sail.py PROJECT TARGET_FOLDER

Builds with every data test, prints a line, and builds again for each line on standard input. Sail's catalog ends with the
session, so an incremental build must run in the process of the first build.
"""

import os
import sys

from dbt.cli.main import dbtRunner
from pysail.spark import SparkConnectServer


def main(project: str, target: str) -> int:
    folders = [
        "--project-dir",
        project,
        "--profiles-dir",
        project,
        "--target-path",
        target,
        "--log-path",
        target,
    ]
    build = ["build", "--target", "spark", "--quiet", *folders, "--exclude-resource-type", "unit_test"]
    while True:
        result = dbtRunner().invoke(build)
        if (
            "seed" not in build
        ):  # Sail drops a seed's table but keeps its files, so a second load would duplicate the rows
            build.append("seed")
        print("built" if result.success else "failed", flush=True)
        if not result.success or not sys.stdin.readline():
            return 0 if result.success else 1


if __name__ == "__main__":
    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    host, port = server.listening_address
    os.environ["SPARK_REMOTE"] = f"sc://{host}:{port}"
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # the server's threads do not end
