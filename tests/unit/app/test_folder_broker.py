"""The folder broker: nothing half-written is ever read, and processes may start together."""

import shutil
import threading
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu.connection import Connection

from config.settings import Settings, load_settings
from lti_tool.app.worker import QUEUES, RUN_NEXT, make_celery


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "var", secret_key="a secret for tests only, long enough to sign with")


@pytest.fixture
def messages(settings: Settings) -> Path:
    return settings.data_dir / "broker" / "messages"


@pytest.fixture
def channel(settings: Settings, messages: Path) -> Any:
    with make_celery(settings).connection() as connection:
        assert isinstance(connection, Connection)
        yield connection.default_channel


def test_task_goes_to_its_queue_and_comes_out_once(settings: Settings, channel: Any, messages: Path) -> None:
    app = make_celery(settings)
    for queue in QUEUES:
        app.send_task(RUN_NEXT, (queue,), queue=queue)
    assert {folder.name for folder in messages.iterdir()} == set(QUEUES)

    for queue in QUEUES:
        assert channel._get(queue)["properties"]["delivery_info"]["routing_key"] == queue
        with pytest.raises(Empty):
            channel._get(queue)


def test_oldest_comes_first(channel: Any) -> None:
    for number in range(20):
        channel._put("grade", {"number": number})

    assert [channel._get("grade")["number"] for _ in range(20)] == list(range(20))


def test_message_that_is_being_written_is_not_read(channel: Any, messages: Path) -> None:
    """A process was killed while it wrote."""
    channel._put("grade", {"number": 1})
    (messages / "grade" / ".0_cut.msg.new").write_text("")

    assert channel._get("grade") == {"number": 1}


def test_readers_never_share_a_message(settings: Settings, channel: Any) -> None:
    for number in range(200):
        channel._put("grade", {"number": number})
    seen: list[int] = []

    def read() -> None:
        with make_celery(settings).connection() as connection:
            own = connection.default_channel
            while True:
                try:
                    seen.append(own._get("grade")["number"])
                except Empty:
                    return

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(200))


def test_emptied_broker_is_only_empty(channel: Any, messages: Path) -> None:
    shutil.rmtree(messages)
    with pytest.raises(Empty):
        channel._get("grade")
    channel._put("grade", {"number": 1})

    assert channel._get("grade") == {"number": 1}
