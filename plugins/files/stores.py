"""Which storage the settings ask for, and where files are put together on this machine."""

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

from config.settings import SettingsError
from lti_tool.kernel.db import Database
from lti_tool.kernel.runtime import Runtime
from plugins.files.links import LinkMaker
from plugins.files.storage import Storage
from plugins.files.storage_local import LocalStorage


def storage_of(runtime: Runtime) -> Storage:
    """The storage of the settings. Raises: SettingsError: it needs a library that is not installed."""
    return local_storage_of(runtime) if runtime.settings.files.storage == "local" else _open_s3(runtime)


_opened: WeakKeyDictionary[Database, Storage] = WeakKeyDictionary()
"""By the database of a runtime, which stands for it."""


def _open_s3(runtime: Runtime) -> Storage:
    """One client for all threads of the process; boto3 is loaded by those only who use it."""
    if runtime.db in _opened:
        return _opened[runtime.db]
    try:
        adapter = importlib.import_module("plugins.files.storage_s3")
    except ModuleNotFoundError as error:
        raise SettingsError("files.storage is s3, which needs boto3: pip install 'coursebridge[s3]'.") from error
    return _opened.setdefault(runtime.db, adapter.S3Storage(runtime.settings.files))


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
