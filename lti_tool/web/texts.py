"""Translated texts, cheap enough to be asked for a hundred times a page.

flask-babel looks a catalogue up anew for every text, and on disk again for every request. Here a language's catalogue
is read once, and a text without variables is made once; while there is one language only, when a template is compiled.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, cast

from flask import Flask, current_app, g, has_request_context
from flask_babel import Domain, format_decimal, get_locale
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup

MOST_KEPT = 5000
"""Texts of one language that are kept: more than there are."""
_OF_REQUEST = "coursebridge_texts"
_ONLY = "coursebridge_only_language"
_CALL = ("name", "lparen", "string", "rparen")


class Texts:
    """The texts of one language, safe for HTML as a template's author wrote them."""

    def __init__(self, translations: Any) -> None:
        """`translations`: a catalogue of gettext's."""
        self.translations = translations
        self.plain: Callable[[str], Markup] = lru_cache(MOST_KEPT)(self._make_plain)
        self.pattern: Callable[[str], Markup] = lru_cache(MOST_KEPT)(self._make_pattern)
        self.number: Callable[..., str] = lru_cache(MOST_KEPT)(format_decimal)

    def counted(self, singular: str, plural: str, number: int) -> Markup:
        """The pattern for a number."""
        return _safe(self.translations.ungettext(singular, plural, number))

    def _make_pattern(self, text: str) -> Markup:
        return _safe(self.translations.ugettext(text))

    def _make_plain(self, text: str) -> Markup:
        return self._make_pattern(text) % {}  # a text is always a pattern: `%%` is a percent sign


def _safe(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - a template's own text


def current_language() -> str:
    """The language of this request's page; where there is one only, nothing is asked."""
    only: str | None = current_app.extensions[_ONLY]
    return only or str(get_locale())


class SetTexts(Extension):
    """Compiles `_('A text')` as the text itself. For one language: templates are compiled once."""

    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        """The tokens of a template, such calls replaced."""
        gettext = cast(Callable[[str], Markup], self.environment.globals["gettext"])
        held: list[Token] = []
        for token in stream:
            if token.type != _CALL[len(held)]:
                yield from _released(held)
            if token.type != _CALL[len(held)] or (token.type == "name" and token.value not in ("_", "gettext")):
                yield token
                continue
            held.append(token)
            if len(held) == len(_CALL):
                yield from _set(held[2], gettext(held[2].value))
                held.clear()
        yield from held


def _released(held: list[Token]) -> Iterator[Token]:
    yield from held
    held.clear()


def _set(said: Token, text: Markup) -> Iterator[Token]:
    """`('text'|safe)`, which the compiler reckons out."""
    for kind, value in (("lparen", "("), ("string", str(text)), ("pipe", "|"), ("name", "safe"), ("rparen", ")")):
        yield Token(said.lineno, kind, value)


def install_texts(app: Flask, languages: Iterable[str]) -> None:
    """Give templates `_`, `gettext`, `ngettext` and `decimalformat`, and views a catalogue that stays.

    After `Babel(app)`.
    """
    known = list(languages)
    app.extensions[_ONLY] = known[0] if len(known) == 1 else None
    by_language = dict[str, Texts]()

    domain: Any = Domain()
    read_catalogue = domain.get_translations

    def of_request() -> Texts:
        found: Texts | None = g.get(_OF_REQUEST)
        if found is None:
            language = current_language()
            found = by_language.get(language)
            if found is None:
                found = by_language[language] = Texts(read_catalogue())
            setattr(g, _OF_REQUEST, found)
        return found

    def gettext(text: str, /, **variables: Any) -> Markup:
        texts = of_request()
        return texts.pattern(text) % variables if variables else texts.plain(text)

    def ngettext(singular: str, plural: str, number: int, /, **variables: Any) -> Markup:
        return of_request().counted(singular, plural, number) % ({"num": number} | variables)

    def catalogue() -> Any:
        return of_request().translations if has_request_context() else read_catalogue()

    domain.get_translations = catalogue
    app.jinja_env.globals.update({"_": gettext, "gettext": gettext, "ngettext": ngettext})
    app.jinja_env.filters["decimalformat"] = lambda *number: of_request().number(*number)
    if len(known) == 1:
        app.jinja_env.add_extension(SetTexts)
    app.before_request(domain.as_default)
