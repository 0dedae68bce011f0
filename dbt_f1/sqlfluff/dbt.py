"""The functions of the package `dbt` that the models call, as sqlfluff renders them."""


def type_string() -> str:
    """The type of text."""
    return "varchar"
