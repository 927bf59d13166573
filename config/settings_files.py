"""Settings of uploaded files."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from config.section import Section

OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
OFFICE = "application/vnd.openxmlformats-officedocument."
DEFAULT_ALLOW = [
    *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/svg+xml"),
    *("video/mp4", "video/webm", "video/quicktime", "video/x-matroska"),
    *("audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/flac"),
    *("application/pdf", "application/zip", "application/epub+zip", "application/x-ipynb+json", "application/json"),
    *("text/plain", "text/csv", "text/vtt", "text/markdown"),
    *(
        f"{OFFICE}{kind}"
        for kind in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
    ),
    *(f"{OPEN_DOCUMENT}{kind}" for kind in ("text", "spreadsheet", "presentation")),
]


class FilesSettings(Section):
    """Files that teachers upload: where they are kept, what is accepted, and who looks at them first."""

    storage: Literal["local", "s3"] = Field("local", description="`local`: in the data directory. `s3`: in a bucket.")
    quota_bytes: int = Field(50_000_000_000, ge=0, description="All files of one course together, in bytes.")
    max_bytes: int = Field(5_000_000_000, ge=1, description="Largest file, in bytes.")
    max_form_bytes: int = Field(
        25_000_000,
        ge=1,
        description="Largest file from a browser without JavaScript, in bytes. `web.max_request_bytes` limits it too.",
    )
    chunk_bytes: int = Field(
        8_388_608, ge=65_536, le=1_073_741_824, description="Piece that an upload is sent and kept in, in bytes."
    )
    upload_hours: int = Field(48, ge=1, description="An unfinished upload that nobody continues is kept this long.")
    link_s: int = Field(7200, ge=60, le=604_800, description="Life of a download link, in seconds.")
    allow: list[str] = Field(DEFAULT_ALLOW, description="Content types accepted, as the content itself shows them.")
    image_side: int = Field(2560, ge=16, description="A larger image is made smaller: its longer side, in pixels.")
    image_pixels: int = Field(
        50_000_000, ge=1, description="Largest image opened, all frames of an animation together, in pixels."
    )
    scan_command: str = Field(
        "",
        description="Virus scanner: a command that gets the file's path as its last argument and ends with 0 (clean) "
        "or 1 (refuse). Anything else is a failure: it is tried again, and the file is not given out.",
    )
    scan_clamd: str = Field(
        "",
        pattern=r"^(unix:/.+|tcp:.+:\d+)?$",
        description="ClamAV's daemon: `unix:/run/clamav/clamd.ctl` or `tcp:host:3310`.",
    )
    scan_s: int = Field(900, ge=1, description="Longest time that a scan may take, in seconds.")
    accel_path: str = Field(
        "",
        pattern=r"^(/.+/)?$",
        description="With `local` behind nginx: the `internal` location over the folder `files` of the data directory "
        "that sends files for the tool (X-Accel-Redirect). Empty: the tool sends them itself.",
    )
    s3_bucket: str = Field("", description="Bucket that exists and is private.")
    s3_endpoint: str = Field("", description="Address of the store as the tool reaches it. Empty: Amazon's.")
    s3_public_endpoint: str = Field("", description="Address of the store as browsers reach it. Empty: `s3_endpoint`.")
    s3_region: str = Field("us-east-1", description="Region that requests are signed for.")
    s3_access_key: SecretStr = Field(
        SecretStr(""), description="Id of the key. Empty: from the environment or the machine's role."
    )
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret of the key.")
    s3_prefix: str = Field(
        "", pattern=r"^([\w.-]+/)*$", description="Beginning of every object's name, empty or ending in `/`."
    )
    s3_path_style: bool = Field(True, description="Name the bucket in the path of an address, not in its host.")

    @model_validator(mode="after")
    def _name_a_bucket(self) -> "FilesSettings":
        if self.storage == "s3" and not self.s3_bucket:
            raise ValueError("files.storage is s3: name the bucket in files.s3_bucket")
        return self

    @property
    def origin(self) -> str:
        """Where browsers fetch files from if not from the tool itself: `https://host[:port]`, else empty."""
        if self.storage == "local":
            return ""
        amazon = f"https://s3.{self.s3_region}.amazonaws.com"
        where = urlsplit(self.s3_public_endpoint or self.s3_endpoint or amazon)
        host = where.netloc if self.s3_path_style else f"{self.s3_bucket}.{where.netloc}"
        return f"{where.scheme}://{host}"
