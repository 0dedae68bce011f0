"""The embedded OpenF1: a server that answers as the production API does, and a generator of seasons to serve.

Belongs here: the API's query grammar (`query`), its rows as files (`store`), its answers (`server`), and the
making of plausible seasons (`generate` with `world`, `race`, `telemetry`, `keys`). Does not belong here: anything the
pipeline needs in order to read the real API (that is `f1_lakehouse.sources.openf1`), and the command line.

This package imports nothing from the rest of the project: the pipeline is tested against an independent implementation of the API's
rules, not against its own assumptions.
"""
