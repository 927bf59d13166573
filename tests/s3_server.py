"""A real S3 API server for the tests: SeaweedFS, one program from PyPI."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers import free_port


@dataclass(frozen=True)
class S3Server:
    """A running S3 API server: address, keys, and a bucket that is there."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """SeaweedFS, an object store with the S3 API, on ports of its own with its keys required."""
    folder = Path(tempfile.mkdtemp(prefix="coursebridge-s3-"))
    keys = {"accessKey": "tests", "secretKey": "a secret for tests only"}
    identity = {"name": "tests", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    command = [str(Path(sys.executable).with_name("weed")), "-logtostderr=false", f"-logdir={folder}", "server"]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-s3", f"-s3.config={folder / 's3.json'}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += [f"-filer.localSocket={folder / 'filer.sock'}", f"-s3.localSocket={folder / 's3.sock'}"]
    command += ["-master.volumeSizeLimitMB=64", "-volume.max=20", "-master.telemetry=false"]
    for name, port in ports.items():
        command += [f"-{name}.port={port}", f"-{name}.port.grpc={free_port()}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        found = S3Server(f"http://127.0.0.1:{ports['s3']}", keys["accessKey"], keys["secretKey"], "coursebridge")
        _make_bucket(found, server)
        yield found
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _make_bucket(found: S3Server, server: "subprocess.Popen[bytes]") -> None:
    client = boto3.client(
        "s3",
        endpoint_url=found.endpoint,
        region_name="us-east-1",
        aws_access_key_id=found.access_key,
        aws_secret_access_key=found.secret_key,
        config=Config(retries={"max_attempts": 1}, connect_timeout=1, read_timeout=5),
    )
    for _ in range(300):
        with suppress(ClientError, BotoCoreError):
            client.create_bucket(Bucket=found.bucket)
            client.put_object(Bucket=found.bucket, Key="ready", Body=b"")
            client.delete_object(Bucket=found.bucket, Key="ready")
            client.close()
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError("SeaweedFS does not answer")
