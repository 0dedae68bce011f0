"""Numbers of things in a text: `1 row`, `2 rows`. Not here: numbers with a unit, and those that are never one."""


def counted(number: int, word: str) -> str:
    """Return a number with its noun, whose plural has an s: `1 session`, `1,200 sessions`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")
