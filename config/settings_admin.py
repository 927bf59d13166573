"""Settings of the console."""

from pydantic import Field

from config.section import Section


class AdminSettings(Section):
    """The console of those who run the tool."""

    session_minutes: int = Field(60, ge=5, le=720, description="Life of a session of the console, in minutes.")
