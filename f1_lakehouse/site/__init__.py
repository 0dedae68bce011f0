"""Published gold as a static site: one page per session and season, and one on the data itself.

`queries` selects rows from gold, `figures` makes Plotly figures of rows, `html` turns tables and figures into a page, `session`,
`season` and `data` define the sections of each page, `site` decides which pages have to be rendered. Does not belong here: Dagster,
dbt, bronze, silver, and calculations that a mart of gold can make.
"""
