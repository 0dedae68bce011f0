"""The command line `f1`: `app` builds the parser; one module per command, or per group of commands, has its arguments, call and output.

Does not belong here: decisions about data. Commands call the packages below. Modules that `app` imports do not import Dagster, dbt,
polars, deltalake or rich at module level, so that `f1 --help` starts fast; functions import what they need.
"""
