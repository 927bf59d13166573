"""Which storage the settings ask for, and where files are put together on this machine."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lti_tool.kernel.runtime import Runtime
from plugins.files.links import LinkMaker
from plugins.files.storage import Storage
from plugins.files.storage_local import LocalStorage


def storage_of(runtime: Runtime) -> Storage:
    """The storage of the settings."""
    return local_storage_of(runtime)


def local_storage_of(runtime: Runtime) -> LocalStorage:
    """The disk of this machine."""
    return LocalStorage(runtime.settings.data_dir / "files", links_of(runtime))


def links_of(runtime: Runtime) -> LinkMaker:
    """Makes and reads the tool's own links."""
    return LinkMaker(runtime.signer, runtime.settings.root_url)


@contextmanager
def temporary_folder(runtime: Runtime) -> Iterator[Path]:
    """A folder of one's own, on the disk of the data directory, removed after."""
    parent = runtime.settings.data_dir / "files" / "tmp"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        yield Path(folder)
