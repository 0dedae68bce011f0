"""The sections of the pages: one module per section, with its table, its chart and the text next to them.

A section is a function that returns a `Section`, or None if gold has no rows for it.
"""
