"""What is in force and what is wrong with the settings, for people to read."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from config.settings import PREFIX, Settings, list_variables

_PASSWORD = re.compile(r"(?<=://)([^/@\s]*):[^/@\s]*@|([?&](?:ssl)?password=)[^&\s'\"]+")


def show_settings(settings: Settings) -> dict[str, Any]:
    """The settings, JSON-ready; secrets and the passwords in URLs are masked."""
    masked: dict[str, Any] = _mask(settings.model_dump(mode="json"))
    return masked


def mask_passwords(text: str) -> str:
    """A text with the passwords in its URLs replaced by `***`."""
    return _PASSWORD.sub(lambda found: f"{found[2]}***" if found[2] else f"{found[1]}:***@", text)


def explain_invalid(error: ValidationError) -> Iterator[str]:
    """One line for each setting that cannot be read."""
    for problem in error.errors():
        variable = name_variable(problem["loc"])
        if problem["type"] == "extra_forbidden":
            yield explain_unknown(variable)  # without its value, which may be a misspelt secret
        elif "secret" in variable.lower() or "token" in variable.lower():
            yield f"{variable}: {problem['msg']}."
        else:
            yield f"{variable}: {problem['msg']} (it is {mask_passwords(repr(problem['input']))})."


def explain_unknown(variable: str) -> str:
    """One line about a name that no setting has."""
    near = difflib.get_close_matches(variable, list_variables(), n=1)
    return f"{variable}: no setting has this name{f'; do you mean {near[0]}?' if near else '.'}"


def name_variable(location: Sequence[int | str]) -> str:
    """The environment variable of a setting."""
    return PREFIX + "__".join(str(part) for part in location).upper()


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mask(inner) for name, inner in value.items()}
    return mask_passwords(value) if isinstance(value, str) else value
