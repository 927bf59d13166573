"""Kombu's file system transport, made safe for processes that start together and are killed at any moment.

Kombu writes messages and its table of exchanges in place. Who reads one between its opening and its writing, or after a
kill -9 at that moment, finds an empty file, and the worker ends: with the table, at every later start as well. Here a
message appears whole or not at all, and no table is needed, since each of our queues has an exchange of its own name.
Each queue has a folder, of which little is read at a time: what waits elsewhere, and how much waits, costs nothing.
"""

import json
import os
import time
import uuid
from itertools import islice
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem

SCHEME = "coursebridge-folder"
URL = f"{SCHEME}://localhost"
ENDING = ".msg"
AT_ONCE = 100
"""Messages that one look at a queue lists."""


class Channel(filesystem.Channel):
    """Messages are files in the folder of their queue, named by time: the oldest that is listed comes first."""

    def get_table(self, exchange: str) -> list[Any]:
        """The one queue of an exchange."""
        return [filesystem.exchange_queue_t(exchange, "", exchange)]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        if not exchange == routing_key == queue:
            raise ValueError(f"The folder broker knows no exchanges: {exchange!r} to {queue!r}")

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:
        folder = Path(self.data_folder_out, queue)
        name = f"{time.time_ns()}_{uuid.uuid4().hex}{ENDING}"
        fresh = folder / f".{name}.new"
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(payload))
        fresh.rename(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        folder = Path(self.data_folder_in, queue)
        while names := _list_some(folder):
            for name in sorted(names):
                try:
                    body = (folder / name).read_text()
                    (folder / name).unlink()  # whoever removes it has it
                except FileNotFoundError:
                    continue
                return json.loads(body)
        raise Empty

    def _purge(self, queue: str) -> int:
        number = 0
        while names := _list_some(Path(self.data_folder_in, queue)):
            for name in names:
                Path(self.data_folder_in, queue, name).unlink(missing_ok=True)
            number += len(names)
        return number

    def _size(self, queue: str) -> int:
        return len(_list_some(Path(self.data_folder_in, queue), most=None))


class Transport(filesystem.Transport):
    """For `broker_url`: see `URL`."""

    Channel = Channel


def _list_some(folder: Path, most: int | None = AT_ONCE) -> list[str]:
    """Names of messages in a folder; whatever else is there is not counted."""
    try:
        with os.scandir(folder) as entries:  # unlike the other ways it does not read the whole folder first
            return list(islice((entry.name for entry in entries if entry.name.endswith(ENDING)), most))
    except FileNotFoundError:  # nothing was sent yet, or emptied
        return []


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
