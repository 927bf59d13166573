"""The two pages that speak with the platform's storage, in the frame of a launch (docs/adr/0014).

https://www.imsglobal.org/spec/lti-cs-oidc/v0p1 and https://www.imsglobal.org/spec/lti-pm-s/v0p1. The page of the login
puts a secret there and reads it back; the page of the launch reads it again. Both give up soon: Canvas's mobile
apps offer the storage and never answer.
"""

from dataclasses import replace

from flask import Response, url_for

from lti_tool.lti.browser import new_browser_secret
from lti_tool.lti.ladder import Step, storage_key
from lti_tool.lti.launch import TOKEN_BYTES, Answer
from lti_tool.lti.login import LoginRequest, add_query, authentication_url, make_state
from lti_tool.lti.models import Registration
from lti_tool.lti.registrations import origin_of
from lti_tool.web.render import page
from lti_tool.web.runtime import current_runtime

PATIENCE_MS = 1500
"""How long the storage has for all its answers on one page."""
ANSWERED = "stored"
"""Field of the form that says what the storage answered; empty: nothing."""


def login_url(wanted: LoginRequest, step: Step) -> str:
    """The next step of a login."""
    return add_query(url_for("lti.login"), wanted.parameters(step))


def store_secret(registration: Registration, wanted: LoginRequest, cookie: str) -> Response:
    """Have the platform keep a secret, then go to it; or on to the cookie, if the storage does not give it back."""
    runtime, secret = current_runtime(), new_browser_secret()
    state = make_state(registration, wanted, cookie, secret)
    return page(
        "lti/storage.html",
        storage={
            "target": wanted.storage_target,
            "origin": origin_of(registration.auth_url),
            "key": storage_key(state),
            "secret": secret,
            "patience": PATIENCE_MS,
        },
        stored_url=authentication_url(runtime, registration, wanted, state),
        silent_url=login_url(replace(wanted, storage_target=""), Step.SILENT),
        fields=None,
    )


def is_storage_due(answer: Answer) -> bool:
    """Was a secret stored at the login, and was the storage not asked for it yet?"""
    return bool(answer.state.storage) and ANSWERED not in answer.form


def ask_storage(answer: Answer) -> Response:
    """Read the secret, and post the launch again with what the storage said. Nothing of the token is believed here."""
    state = answer.state
    posted = {name: list(values) for name, values in answer.form.items()}
    names = ("state", "id_token", "error", "error_description")
    kept = {name: posted[name][0] for name in names if len(posted.get(name, ())) == 1}
    return page(
        "lti/storage.html",
        storage={
            "target": state.storage_target,
            "origin": origin_of(answer.registration.auth_url),
            "key": storage_key(state),
            "patience": PATIENCE_MS,
        },
        launch_url=url_for("lti.launch"),
        fields={name: value for name, value in kept.items() if len(value) <= TOKEN_BYTES},
    )
