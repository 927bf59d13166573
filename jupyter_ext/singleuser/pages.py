"""The one page that this server shows by itself: a quiz could not be opened, why, and what to do."""

from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --ground: #fff; --accent: #0b5cad; --on: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9aa4af; --ground: #16191d; --accent: #6cb2ff; --on: #10151b }
}
body { margin: 0; background: var(--ground); color: var(--ink); font: 17px/1.55 system-ui, sans-serif }
main { max-width: 34rem; margin: 0 auto; padding: 15vh 24px 24px }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 12px }
p { margin: 0 0 24px }
.quiet { color: var(--quiet); font-size: .9rem; margin: 24px 0 0; overflow-wrap: anywhere }
a { display: inline-block; padding: 8px 16px; border-radius: 6px; font-weight: 600; text-decoration: none;
    background: var(--accent); color: var(--on) }
a:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
"""


def render_problem(title: str, message: str, retry_url: str, reference: str) -> str:
    """The page as HTML. `retry_url` is where "Try again" leads; empty leaves the button out."""
    retry = f'<p><a href="{escape(retry_url)}">Try again</a></p>' if retry_url else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><p>{escape(message)}</p>{retry}"
        f'<p class="quiet">Reference: {escape(reference)}</p></main></body></html>'
    )
