"""Typed values from the JSON of a message, each checked for its type and size before anybody uses it."""

from typing import Any

from lti_tool.kernel.errors import Invalid
from lti_tool.lti.models import ID_LENGTH

URL_LENGTH = 4000
OPAQUE_LENGTH = 32_000


class Reader:
    """Reads typed values from a JSON object. `null` is the same as absent."""

    def __init__(self, value: Any, name: str) -> None:
        """Raises: Invalid: the value is no object. `name` is used in messages."""
        if not isinstance(value, dict):
            raise bad_claim(name, "is not a JSON object")
        self._value: dict[str, Any] = value

    def has(self, key: str) -> bool:
        """Is there a value?"""
        return self._value.get(key) is not None

    def find(self, key: str, *, required: bool = False) -> "Reader | None":
        """An object, or None."""
        value = self._value.get(key)
        if value is not None:
            return Reader(value, key)
        if required:
            raise bad_claim(key, "is missing")
        return None

    def find_text(self, key: str, longest: int = ID_LENGTH, *, required: bool = False) -> str | None:
        """A string that fits and that every database can hold, or None. A required one is not empty."""
        value = self._value.get(key)
        if value is None and not required:
            return None
        if value is None:
            raise bad_claim(key, "is missing")
        if not isinstance(value, str):
            raise bad_claim(key, "is not a string")
        if len(value) > longest:
            raise bad_claim(key, f"is longer than {longest} characters")
        if required and not value.strip():
            raise bad_claim(key, "is empty")
        if "\0" in value or not (value.isascii() or _is_unicode(value)):
            raise bad_claim(key, "has characters that cannot be stored")
        return value

    def text(self, key: str, *, required: bool = False) -> str:
        """Like `find_text`, empty when absent."""
        return self.find_text(key, required=required) or ""

    def shown(self, key: str) -> str:
        """A text that is only ever shown: cut to what a row holds, on one line."""
        value = self.find_text(key, OPAQUE_LENGTH)
        if not value:
            return ""
        return " ".join(value.split())[:ID_LENGTH]

    def texts(self, key: str, *, required: bool = False, limit: int = 100) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        values = self._value.get(key)
        if values is None and not required:
            return ()
        if values is None:
            raise bad_claim(key, "is missing")
        if not isinstance(values, list) or not all(isinstance(value, str) and _is_unicode(value) for value in values):
            raise bad_claim(key, "is not a list of strings")
        if len(values) > limit:
            raise bad_claim(key, f"has more than {limit} entries")
        return tuple(values)

    def find_list(self, key: str) -> tuple[Any, ...]:
        """A list of anything; empty when it is absent or something else. For what nothing depends on."""
        values = self._value.get(key)
        return tuple(values[:100]) if isinstance(values, list) else ()

    def flag(self, key: str) -> bool | None:
        """true, false or None; the strings that some platforms send instead are understood."""
        value = self._value.get(key)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if value is None or isinstance(value, bool):
            return value
        raise bad_claim(key, "is neither true nor false")

    def moment(self, key: str) -> float:
        """Seconds since 1970, required (RFC 7519, NumericDate)."""
        value = self._value.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
            raise bad_claim(key, "is not a time in seconds")
        return float(value)


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(key: str) -> str:
    return key.rpartition("/")[2]


def bad_claim(key: str, why: str) -> Invalid:
    """The refusal of a message for one of its claims."""
    return Invalid(
        "claim_invalid",
        f"The LMS sent a launch that does not fit LTI 1.3: {_short(key)} {why}. Tell the people who run the LMS.",
        {"claim": _short(key)},
    )
