"""The Dagster instance of a lake: its storage. The only package that uses non-public Dagster APIs."""
