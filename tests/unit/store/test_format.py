"""docs/formats/store.md says what is written: every table and column, and the numbers."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from secmount.store import state
from secmount.store.cas import Store
from secmount.store.tables import memory

PAGE = (Path(__file__).parents[3] / "docs/formats/store.md").read_text("utf-8")


def test_every_table_and_column_is_described(store: Store) -> None:
    connection = sqlite3.connect(store.state.path)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = {
            table: [row[1] for row in connection.execute(f"SELECT * FROM pragma_table_info('{table}')")]
            for table in tables
        }
    finally:
        connection.close()
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    described = {table: re.findall(r"`(\w+)`", cells) for table, cells in rows}
    assert described == columns


def test_numbers_are_those_of_the_program() -> None:
    assert f"`application_id` {state.APPLICATION:#010x}".replace("0x5ec3", "0x5EC3") in PAGE
    assert f"`user_version` {state.VERSION} " in PAGE
    assert f"at most {memory.MEMOS_LIMIT}" in PAGE
