"""What the lakehouse costs, measured against what it could cost at least: see __main__.py."""
