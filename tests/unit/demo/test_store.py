"""What the campus keeps survives a restart and several threads."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from lti_tool.demo import CampusConfig, create_campus
from lti_tool.demo.campus import Campus
from lti_tool.demo.deep_linking import read_custom
from lti_tool.demo.model import CampusError
from lti_tool.demo.store import Store


def test_file_is_kept_over_a_restart(tmp_path: Path) -> None:
    config = CampusConfig(database=str(tmp_path / "campus.sqlite3"))
    kids = []
    for _ in range(2):
        app = create_campus(config)
        campus = app.extensions["campus"]
        assert isinstance(campus, Campus)
        kids.append((campus.keys.current.kid, app.secret_key, len(campus.store.list_people())))
        campus.close()
    assert kids[0] == kids[1]


def test_value_is_used_once_by_one_of_many_threads(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "campus.sqlite3"))
    won: list[bool] = []
    threads = [threading.Thread(target=lambda: won.append(store.use_once("nonce", "n"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert sorted(won) == [False] * 7 + [True]


def test_failed_transaction_leaves_nothing() -> None:
    store = Store(":memory:")
    with pytest.raises(sqlite3.IntegrityError), store.transaction():
        store.set_setting("a", "1")
        store.add_signing_key("k", "pem")
        store.add_signing_key("k", "pem")
    assert store.get_setting("a") == ""
    store.close()


def test_unknown_profile_is_refused() -> None:
    with pytest.raises(CampusError, match="moodle, canvas"):
        create_campus(CampusConfig(profile="blackboard"))


def test_custom_parameters_split_at_newlines_only_where_the_platform_does() -> None:
    assert read_custom({"a": "1\nb=2\nlost"}, newline_splits=True) == {"a": "1", "b": "2"}
    assert read_custom({"a": "1\nb=2"}, newline_splits=False) == {"a": "1\nb=2"}
