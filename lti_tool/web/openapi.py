"""The JSON API's description: OpenAPI 3.1 by spectree, with our errors (problem+json) instead of its own."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import request
from pydantic import BaseModel
from spectree import Response, SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData

from lti_tool.kernel.errors import Unacceptable


class Problem(BaseModel):
    """An error (RFC 9457). `code` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    reference: str


class Api:
    """Describes and checks the calls of an API. Bodies and answers are pydantic models."""

    def __init__(self, title: str, description: str, schemes: Mapping[str, str]) -> None:
        """`schemes`: names of bearer tokens and what they are."""
        self._tree = SpecTree(
            "flask",
            title=title,
            description=description,
            version="1",
            openapi_version="3.1.0",
            mode="strict",
            before=_refuse_invalid,
            validation_error_model=Problem,
            security_schemes=[
                SecurityScheme(
                    name=name, data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer", description=text)
                )
                for name, text in schemes.items()
            ],
        )

    def call(
        self, scheme: str, answers: Mapping[int, type[BaseModel]], *, body: type[BaseModel] | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Describe a view: who may call it, what it takes (as the argument `json`) and what it answers.

        A view returns a model, or (model, status). An invalid body is refused with 422.
        """
        models: Any = {f"HTTP_{status}": model for status, model in answers.items()} | {"HTTP_401": Problem}
        validate = self._tree.validate(json=body, resp=Response(**models), security={scheme: []}, tags=[scheme])

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            checked: Callable[..., Any] = validate(view)

            @wraps(checked)
            def answered(*args: Any, **kwargs: Any) -> Any:
                if body is not None:
                    _require_json()
                return checked(*args, **kwargs)

            return answered

        return decorate

    def document(self) -> dict[str, Any]:
        """The OpenAPI document of the app that serves this request."""
        spec: dict[str, Any] = self._tree.spec
        return spec


def _require_json() -> None:
    """Raises: Unacceptable: the body is no JSON that can be read. What is read is kept with the request."""
    if not request.is_json:
        raise Unacceptable("body_not_json", "Send the body as application/json.")
    try:
        request.get_json()
    except RecursionError as error:
        raise Unacceptable("body_invalid", "The JSON body is nested too deeply.") from error


def _refuse_invalid(asked: Any, response: Any, error: Any, instance: Any, adapter: Any) -> None:
    """Raises: Unacceptable: with the first thing that is wrong."""
    if error is not None:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise Unacceptable("body_invalid", f"The JSON body is not as it should be: {where}: {first['msg']}.")
