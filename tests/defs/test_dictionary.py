"""The data dictionary that is in the repository is the one of the models that are in it."""

from f1_lakehouse.commands.dictionary import PAGE, current


def test_the_data_dictionary_is_current():
    assert PAGE.read_text() == current(), "run: python -m f1_lakehouse.commands.dictionary"


def test_every_gold_column_is_described_in_it():
    gold = current().split("## Silver")[0]
    rows = [line for line in gold.splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert not [row for row in rows if row.endswith("|  |")]
