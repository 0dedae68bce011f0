"""Published gold as a static site: a page a session, a season, and one on the data itself.

`queries` asks gold, `figures` makes Plotly figures of rows, `html` turns tables and figures into a page, `session`,
`season` and `data` say what stands on which page, `site` which pages are there and which of them have to be written
anew. Nothing here knows Dagster, dbt, bronze or silver: a page shows what is published, and nothing else.
"""
