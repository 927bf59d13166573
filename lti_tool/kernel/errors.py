"""The errors that a person or another program gets to see.

`code` is a stable string that callers may rely on; `message` says what happened and what to do next, in plain words.
One place (`web.errors`) turns them into a page or into problem+json (RFC 9457).
"""

from collections.abc import Mapping


class AppError(Exception):
    """Anything that went wrong and that somebody should read."""

    status = 500

    def __init__(self, code: str, message: str, details: Mapping[str, object] | None = None) -> None:
        """Code is stable, message is for people, details are for programs and logs (no secrets)."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = dict(details or {})


class Invalid(AppError):
    """The request or the input cannot be accepted as it is."""

    status = 400


class Unauthenticated(AppError):
    """Nobody is signed in, or the session is over."""

    status = 401


class Forbidden(AppError):
    """The person is known but may not do this."""

    status = 403


class NotFound(AppError):
    """There is no such thing, or not for this person."""

    status = 404


class Conflict(AppError):
    """It cannot be done in the present state."""

    status = 409


class Gone(AppError):
    """It was there once and is used up or expired."""

    status = 410


class TooLarge(AppError):
    """More bytes than are accepted."""

    status = 413


class Unacceptable(AppError):
    """Well-formed, but its content cannot be accepted."""

    status = 422


class ExternalError(AppError):
    """Another system did not do its part. `retryable` says whether the same call may go through later."""

    status = 502

    def __init__(
        self,
        code: str,
        message: str,
        details: Mapping[str, object] | None = None,
        *,
        retryable: bool,
        retry_after_s: float | None = None,
    ) -> None:
        """`retry_after_s` is what the other system asked for, if it did."""
        super().__init__(code, message, details)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
