"""Operations on an existing lake: history, verify, rebuild, backup, restore, optimize, vacuum, promote.

Does not belong here: the write path of a pull (`storage`, `ingest`).
"""
