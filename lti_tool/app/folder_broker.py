"""Kombu's file system transport, made safe for processes that start together and are killed at any moment.

Kombu writes messages and its table of exchanges in place. Who reads one between its opening and its writing, or after a
kill -9 at that moment, finds an empty file, and the worker ends: with the table, at every later start as well. Here a
message appears whole or not at all, and no table is needed, since each of our queues has an exchange of its own name.
"""

import json
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem

SCHEME = "coursebridge-folder"
URL = f"{SCHEME}://localhost"


class Channel(filesystem.Channel):
    """Messages are files of a folder, named by time, so that the oldest comes first."""

    def get_table(self, exchange: str) -> list[Any]:
        """The one queue of an exchange."""
        return [filesystem.exchange_queue_t(exchange, "", exchange)]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        if not exchange == routing_key == queue:
            raise ValueError(f"The folder broker knows no exchanges: {exchange!r} to {queue!r}")

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns()}_{uuid.uuid4().hex}.{queue}.msg"
        fresh = folder / f".{name}.new"
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(payload))
        fresh.rename(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        folder = Path(self.data_folder_in)
        for name in sorted(_names(folder)):
            if not name.endswith(f".{queue}.msg"):
                continue
            try:
                body = (folder / name).read_text()
                (folder / name).unlink()  # whoever removes it has it
            except FileNotFoundError:
                continue
            return json.loads(body)
        raise Empty


class Transport(filesystem.Transport):
    """For `broker_url`: see `URL`."""

    Channel = Channel


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:  # emptied
        return []


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
