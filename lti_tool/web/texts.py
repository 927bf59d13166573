"""Translated texts for templates, cheap enough to be asked for a hundred times a page.

flask-babel looks a catalogue up anew for every text, and on disk again for every request. Here a language's catalogue
is read once, and a text without variables is made once.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Flask, g
from flask_babel import Domain, get_locale
from markupsafe import Markup

MOST_KEPT = 5000
"""Texts of one language that are kept: more than there are."""
_OF_REQUEST = "coursebridge_texts"


class Texts:
    """The texts of one language, safe for HTML as a template's author wrote them."""

    def __init__(self, translations: Any) -> None:
        """`translations`: a catalogue of gettext's."""
        self._translations = translations
        self.plain: Callable[[str], Markup] = lru_cache(MOST_KEPT)(self._make_plain)
        self.pattern: Callable[[str], Markup] = lru_cache(MOST_KEPT)(self._make_pattern)

    def counted(self, singular: str, plural: str, number: int) -> Markup:
        """The pattern for a number."""
        return _safe(self._translations.ungettext(singular, plural, number))

    def _make_pattern(self, text: str) -> Markup:
        return _safe(self._translations.ugettext(text))

    def _make_plain(self, text: str) -> Markup:
        return self._make_pattern(text) % {}  # a text is always a pattern: `%%` is a percent sign


def _safe(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - a template's own text


def install_texts(app: Flask) -> None:
    """Give templates `_`, `gettext` and `ngettext`, and views a catalogue that stays. After `Babel(app)`."""
    domain, by_language = Domain(), dict[str, Texts]()

    def of_request() -> Texts:
        found: Texts | None = g.get(_OF_REQUEST)
        if found is None:
            language = str(get_locale())
            found = by_language.get(language)
            if found is None:
                found = by_language[language] = Texts(domain.get_translations())
            setattr(g, _OF_REQUEST, found)
        return found

    def gettext(text: str, /, **variables: Any) -> Markup:
        texts = of_request()
        return texts.pattern(text) % variables if variables else texts.plain(text)

    def ngettext(singular: str, plural: str, number: int, /, **variables: Any) -> Markup:
        return of_request().counted(singular, plural, number) % ({"num": number} | variables)

    app.jinja_env.globals.update({"_": gettext, "gettext": gettext, "ngettext": ngettext})
    app.before_request(domain.as_default)
