"""The embedded sources: servers with the responses of the production APIs, and generators of seasons to serve.

Belongs here, of OpenF1: the API's query grammar (`query`), its rows as files (`store`, `rows_of_file`), its responses (`server`, `listener`), and the
generation of plausible seasons (`generate` with `world`, `race`, `timing`, `telemetry`, `keys`); of Jolpica:
`jolpica` with the tables of `ergast` and `history`; of MultiViewer: `circuits`; of all three together: `embedded`.
Does not belong here: anything the pipeline needs in order to read a real API (that is `f1_lakehouse.sources`), and the command line.

This package imports only `f1_lakehouse.errors` from the rest of the project: the pipeline is tested against an independent implementation of the API's
rules, not against its own assumptions.
"""
