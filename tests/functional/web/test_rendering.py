"""Texts that are set in when a template is compiled, and addresses that are built once."""

from functools import partial
from typing import Any

import pytest
from flask import Flask, url_for
from flask_babel import Babel

from lti_tool.web.texts import install_texts


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ _('Nothing here yet') }}", "Nothing here yet"),
        ("{{ gettext('Don\\'t <b>stop</b>') }}", "Don't <b>stop</b>"),
        ("{{ _('50 %% of it') }}", "50 % of it"),
        ("{{ _( 'a' ~ 'b' ) }}", "ab"),
        ("{{ _('%(n)s left', n='<1>') }}", "&lt;1&gt; left"),
        ("{% set said = _('Yes') if 1 else _('No') %}{{ said ~ '<' }}", "Yes&lt;"),
        ("{{ (_)('Yes') }}{{ _('Yes')|upper }}{{ '_(\\'No\\')' }}", "YesYES_(&#39;No&#39;)"),
        ("{{ ngettext('%(num)s point', '%(num)s points', 2) }}", "2 points"),
    ],
)
def test_texts_of_templates(source: str, text: str, app: Flask) -> None:
    app.jinja_env.autoescape = True
    with app.test_request_context():
        assert app.jinja_env.from_string(source).render() == text


def test_plain_text_is_looked_up_when_a_template_is_compiled(app: Flask) -> None:
    with app.test_request_context():
        compiled: Any = app.jinja_env.compile("<p>{{ _('Plain') }}</p>{{ _('%(n)s', n=1) }}", raw=True)
    assert "<p>Plain</p>" in compiled


def test_texts_of_several_languages_are_looked_up_for_each_request() -> None:
    app = Flask(__name__)
    Babel(app)
    install_texts(app, ["en", "de"])
    with app.test_request_context():
        compiled: Any = app.jinja_env.compile("<p>{{ _('Plain') }}", raw=True)
        assert app.jinja_env.from_string("{{ _('Plain') }}").render() == "Plain"
    assert ">Plain" not in compiled and "'Plain'" in compiled


def test_addresses_within_each_session(app: Flask) -> None:
    whole = partial(Flask.url_for, app)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("static", {"name": "a b.css"}),
        ("static", {"name": "a b.css", "q": "ü&"}),
        ("static", {"name": 1}),
        ("static", {"name": "1"}),
        ("static", {"name": "x", "tick": ["a", "b"]}),
        ("static", {"name": "x", "_anchor": "end"}),
        ("static", {"name": "x", "_external": True}),
        ("static", {"name": "x", "no": None}),
    ]
    for root in ("https://localhost", "https://localhost/s/one", "https://localhost/s/two"):
        for endpoint, values in cases:
            with app.test_request_context(base_url=root):
                assert [url_for(endpoint, **values) for _ in range(2)] == [whole(endpoint, **values)] * 2
