"""Content in an S3-compatible bucket. boto3 comes with the extra `s3`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import boto3
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody

from config.settings_files import FilesSettings
from lti_tool.kernel.errors import ExternalError, NotFound
from plugins.files.serving import disposition, served_type
from plugins.files.storage import BLOCK

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PART = 16_777_216
PARALLEL = 4
"""A large file is sent in parts of PART bytes, so many at once: 64 MiB of memory. S3 takes 10,000 parts."""
GONE = ("404", "NoSuchKey", "NotFound")


class S3Storage:
    """A bucket. Browsers fetch from it by presigned addresses; the tool carries no download."""

    def __init__(self, settings: FilesSettings) -> None:
        """Opens no connection yet."""
        self._bucket = settings.s3_bucket
        self._prefix = settings.s3_prefix
        self._client = _make_client(settings, settings.s3_endpoint)
        public = settings.s3_public_endpoint
        self._signing = _make_client(settings, public) if public else self._client
        self._transfer = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=PARALLEL)

    def put(self, key: str, content: bytes | BinaryIO, content_type: str) -> None:
        """See Storage."""
        with _s3_errors():
            self._client.put_object(Bucket=self._bucket, Key=self._name(key), Body=content, ContentType=content_type)

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """See Storage. Larger ones as a multipart upload, which S3 makes visible only when it is whole."""
        with _s3_errors():
            self._client.upload_file(
                str(path),
                self._bucket,
                self._name(key),
                ExtraArgs={"ContentType": content_type, "ContentDisposition": "attachment"},
                Config=self._transfer,
            )

    def open(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See Storage."""
        if length == 0:
            return iter(())
        last = "" if length is None else str(start + length - 1)
        with _s3_errors():
            found = self._client.get_object(Bucket=self._bucket, Key=self._name(key), Range=f"bytes={start}-{last}")
        return self._read(found["Body"])

    def size(self, key: str) -> int:
        """See Storage."""
        with _s3_errors():
            return self._client.head_object(Bucket=self._bucket, Key=self._name(key))["ContentLength"]

    def delete(self, key: str) -> None:
        """See Storage."""
        with _s3_errors():
            self._client.delete_object(Bucket=self._bucket, Key=self._name(key))

    def delete_all(self, prefix: str) -> None:
        """See Storage."""
        with _s3_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._name(prefix)
            )
            for found in pages:
                for entry in found.get("Contents", []):
                    self._client.delete_object(Bucket=self._bucket, Key=entry["Key"])

    def download_url(self, key: str, filename: str, content_type: str, expires_s: int, *, inline: bool) -> str:
        """See Storage. The store says type and name as the address asks; the signature covers both."""
        return self._signing.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": self._name(key),
                "ResponseContentType": served_type(content_type),
                "ResponseContentDisposition": disposition(filename, inline=inline),
                "ResponseCacheControl": "private, max-age=3600",
            },
            ExpiresIn=expires_s,
        )

    @contextmanager
    def local_copy(self, key: str, folder: Path) -> Iterator[Path]:
        """See Storage."""
        path = folder / "copy"
        with _s3_errors():
            self._client.download_file(self._bucket, self._name(key), str(path), Config=self._transfer)
        yield path
        path.unlink(missing_ok=True)

    def _name(self, key: str) -> str:
        return self._prefix + key

    def _read(self, body: StreamingBody) -> Iterator[bytes]:
        with _s3_errors():
            yield from body.iter_chunks(BLOCK)


def _make_client(settings: FilesSettings, endpoint: str) -> "S3Client":
    access, secret = settings.s3_access_key.get_secret_value(), settings.s3_secret_key.get_secret_value()
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=settings.s3_region,
        aws_access_key_id=access or None,
        aws_secret_access_key=secret or None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if settings.s3_path_style else "virtual"},
            connect_timeout=5,
            read_timeout=60,
            retries={"max_attempts": 3, "mode": "standard"},
            max_pool_connections=20,
            request_checksum_calculation="when_required",  # what is newer than S3 itself not every store knows
            response_checksum_validation="when_required",
        ),
    )


@contextmanager
def _s3_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in GONE:
            raise NotFound("file_not_found", "This file is no longer here.") from error
        raise _failure(f"it answered {code}") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise _failure(f"{type(error).__name__}: {error}") from error


def _failure(why: str) -> ExternalError:
    message = "The store of files did not do its part. Try again in a minute."
    return ExternalError("storage_failed", message, {"why": why}, retryable=True)
