"""The tables that marking by hand knows are nbgrader's own."""

from nbgrader import api

from grading.engine.hand_tables import TABLES


def test_every_table_and_column_is_nbgraders() -> None:
    theirs = api.Base.metadata.tables
    for ours in TABLES:
        assert {column.name for column in ours.columns} <= {column.name for column in theirs[ours.name].columns}


def test_columns_read_as_nbgrader_reads_them() -> None:
    theirs = api.Base.metadata.tables
    kinds = {
        (ours.name, column.name): (column.type.python_type, theirs[ours.name].columns[column.name].type.python_type)
        for ours in TABLES
        for column in ours.columns
        if str(column.type) != "NULL"
    }
    assert len(kinds) > 15
    assert [key for key, (one, other) in kinds.items() if one is not other] == []
