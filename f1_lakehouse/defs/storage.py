"""The old place of the instance's storage. The dagster.yaml of lakes written by earlier versions names it."""

from f1_lakehouse.instance.sqlite_storage import Storage

__all__ = ["Storage"]
