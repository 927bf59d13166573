"""Settings of videos."""

from pydantic import Field

from config.section import Section


class VideoSettings(Section):
    """Videos: the limits that reading an uploaded one runs under."""

    probe_s: int = Field(120, ge=5, description="Longest time that reading one video may take, in seconds.")
    probe_memory_mb: int = Field(768, ge=128, description="Memory for reading one video, in MiB.")
