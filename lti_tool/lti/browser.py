"""Our cookie: a random secret that ties logins, launches and sessions to one browser. It says nothing of a person."""

import secrets

from flask import Response, request

from lti_tool.web.session import BROWSER_COOKIE

SECRET_LENGTH = 43


def read_browser_secret() -> str | None:
    """The value that the browser sent, if it has the form of one of ours."""
    value = request.cookies.get(BROWSER_COOKIE, "")
    return value if is_browser_secret(value) else None


def is_browser_secret(value: str) -> bool:
    """Has a cookie's value the form of one of ours?"""
    return len(value) == SECRET_LENGTH and value.replace("-", "").replace("_", "").isalnum()


def new_browser_secret() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def keep_browser_secret(response: Response, secret: str) -> None:
    """Give the browser the cookie: partitioned, so that it survives in the LMS's frame and serves no other site."""
    response.set_cookie(BROWSER_COOKIE, secret, path="/", secure=True, httponly=True, samesite="None", partitioned=True)
