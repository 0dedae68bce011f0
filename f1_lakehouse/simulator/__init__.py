"""The embedded OpenF1: a server with the responses of the production API, and a generator of seasons to serve.

Belongs here: the API's query grammar (`query`), its rows as files (`store`, `rows_of_file`), its responses (`server`, `listener`), and the
generation of plausible seasons (`generate` with `world`, `race`, `timing`, `telemetry`, `keys`). Does not belong here: anything the
pipeline needs in order to read the real API (that is `f1_lakehouse.sources.openf1`), and the command line.

This package imports only `f1_lakehouse.errors` from the rest of the project: the pipeline is tested against an independent implementation of the API's
rules, not against its own assumptions.
"""
