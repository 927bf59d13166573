"""What every group of settings is made of."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A group of settings; an unknown name is an error."""

    model_config = ConfigDict(extra="forbid")
