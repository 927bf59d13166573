"""Executed attempts as they are kept until a teacher has decided about them."""

import json
import zlib
from dataclasses import asdict

from grading.engine.model import Executed, Story


def pack_executed(executed: Executed) -> bytes:
    """Compressed JSON."""
    said = asdict(executed) | {"notebooks": {name: body.decode() for name, body in executed.notebooks.items()}}
    return zlib.compress(json.dumps(said, ensure_ascii=False).encode(), 6)


def unpack_executed(packed: bytes) -> Executed:
    """The same again."""
    said = json.loads(zlib.decompress(packed))
    return Executed(
        notebooks={name: text.encode() for name, text in said["notebooks"].items()},
        stories=tuple(Story(**story) for story in said["stories"]),
        basis=said["basis"],
        cell_ms=said["cell_ms"],
        suspicion=said["suspicion"],
    )
