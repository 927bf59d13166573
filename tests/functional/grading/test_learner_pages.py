"""The learner's pages, through HTTP."""

import codecs
import io
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from grading.assignments import get_assignment
from grading.drafts import save_draft
from grading.hub_tickets import redeem_ticket
from grading.submissions import make_snapshot
from lti_tool.kernel import clock
from lti_tool.kernel.errors import Gone
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from tests.conftest import BASE_URL
from tests.factories.grading import LIMIT, NAME, SLUG, Place, Someone, make_person, notebook, publish, submit, work
from tests.functional.grading.conftest import counted

QUIZ = f"/grading/{SLUG}/{NAME}"


def save(runtime: Runtime, who: Someone, **said: Any) -> None:
    with runtime.db.transaction() as tx:
        save_draft(
            tx, get_assignment(tx, SLUG, NAME), who.submitter, make_snapshot(notebook(**said), LIMIT), clock.now()
        )


def upload(**said: Any) -> dict[str, Any]:
    return {"data": {"notebook": (io.BytesIO(notebook(**said)["quiz-1.ipynb"]), "quiz-1 (2).ipynb")}}


def test_quiz_page_of_a_newcomer_says_what_to_do(browse: Any, learner: Someone) -> None:
    page = browse(learner).get(QUIZ)

    assert page.status_code == 200
    assert "Open in JupyterHub" in page.text
    assert "Nothing saved yet" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_submit_draft_shows_receipt_queue_and_then_the_score(
    runtime: Runtime, browse: Any, learner: Someone, other: Someone
) -> None:
    submit(runtime, other, points=1)
    save(runtime, learner, points=3)
    browser = browse(learner)
    done = browser.post(f"{QUIZ}/submit")
    assert done.status_code == 303

    page = browser.get(done.headers["Location"])
    assert "Receipt" in page.text
    assert "1 before yours" in page.text
    assert "hx-get" in page.text

    work(runtime)
    status = browser.get(f"{QUIZ}/status")
    assert "<html" not in status.text
    assert "See feedback" in status.text
    assert "In Moodle" in status.text


def test_two_clicks_on_submit_are_one_attempt(runtime: Runtime, browse: Any, learner: Someone) -> None:
    save(runtime, learner, points=3)
    browser = browse(learner)
    browser.post(f"{QUIZ}/submit")
    browser.post(f"{QUIZ}/submit")

    assert "Attempt 2" not in browser.get(f"{QUIZ}/status").text
    work(runtime)
    browser.post(f"{QUIZ}/submit")
    assert "Attempt 2" in browser.get(f"{QUIZ}/status").text


def test_uploaded_notebook_gets_its_proper_name(runtime: Runtime, browse: Any, learner: Someone) -> None:
    browser = browse(learner)
    assert browser.post(f"{QUIZ}/upload", **upload(points=2)).status_code == 303
    work(runtime)

    assert "quiz-1" in browser.get(f"{QUIZ}/attempts/1/feedback").text


def test_upload_without_a_file_and_too_large_say_so_on_the_page(browse: Any, learner: Someone) -> None:
    browser = browse(learner)
    nothing = browser.post(f"{QUIZ}/upload", data={})
    huge = b'{"cells": "' + b"x" * 250_000 + b'"}'
    large = browser.post(f"{QUIZ}/upload", data={"notebook": (io.BytesIO(huge), "quiz-1.ipynb")})

    assert (nothing.status_code, large.status_code) == (422, 413)
    assert "Choose a notebook file first." in nothing.text
    assert "at most 0 MB" in large.text or "clear its outputs" in large.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("essay.txt", b"I took line 4."),
        ("quiz-1.ipynb", b""),
        ("quiz-1.ipynb", b'{"cells": [{"cell_type": "code", "sou'),
        ("data.json", b'{"rows": []}'),
        ("quiz-1.html", b'<html>the "cells" of a quiz</html>'),
        ("scan.pdf", b"%PDF-1.7\x00\xff"),
    ],
)
def test_file_that_is_no_notebook_is_refused_on_the_page_and_uses_no_attempt(
    browse: Any, learner: Someone, name: str, content: bytes
) -> None:
    browser = browse(learner)
    refused = browser.post(f"{QUIZ}/upload", data={"notebook": (io.BytesIO(content), name)})

    assert refused.status_code == 422
    assert f"{name} is not a whole notebook" in refused.text
    assert "Upload as attempt 1" in browser.get(QUIZ).text


@pytest.mark.parametrize("start", [b"", codecs.BOM_UTF8, b"\n  "])
def test_notebook_is_taken_however_its_file_begins(browse: Any, learner: Someone, start: bytes) -> None:
    content = io.BytesIO(start + notebook(points=2)["quiz-1.ipynb"])
    assert browse(learner).post(f"{QUIZ}/upload", data={"notebook": (content, "quiz-1.ipynb")}).status_code == 303


def test_used_up_attempts_hide_the_buttons_and_refuse_the_post(runtime: Runtime, browse: Any, learner: Someone) -> None:
    with runtime.db.transaction() as tx:
        publish(tx, max_attempts=1)
    submit(runtime, learner, points=1)
    work(runtime)
    browser = browse(learner)

    assert "All 1 attempts are used" in browser.get(QUIZ).text
    assert browser.post(f"{QUIZ}/upload", **upload(points=4)).status_code == 409


def test_marked_notebook_can_run_nothing(runtime: Runtime, browse: Any, learner: Someone) -> None:
    submit(runtime, learner, points=3)
    work(runtime)
    framed = browse(learner).get(f"{QUIZ}/attempts/1/feedback/quiz-1.html")

    assert framed.status_code == 200
    policy = framed.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert "allow-" not in policy
    assert framed.headers["X-Content-Type-Options"] == "nosniff"


def test_marked_notebook_opens_in_a_window_that_has_no_cookie_of_the_frame(
    runtime: Runtime, app: Flask, browse: Any, learner: Someone
) -> None:
    submit(runtime, learner, points=3)
    work(runtime)
    page = browse(learner).get(f"{QUIZ}/attempts/1/feedback").text
    form = re.search(r'<main.*?action="([^"]*/lti/window\?[^"]*)" target="_blank"', page, re.DOTALL)
    assert form
    window = app.test_client()
    code = window.post(form[1].replace("&amp;", "&"), base_url=BASE_URL).headers["Location"]
    opened = window.get(window.get(code, base_url=BASE_URL).headers["Location"], base_url=BASE_URL)
    assert opened.status_code == 200
    assert "sandbox" in opened.headers["Content-Security-Policy"]


def test_nobody_sees_the_work_of_another(runtime: Runtime, browse: Any, learner: Someone, other: Someone) -> None:
    submission_id = submit(runtime, learner, points=3)
    work(runtime)
    browser = browse(other)

    for path in (
        f"{QUIZ}/status",
        f"{QUIZ}/attempts/1/feedback",
        f"{QUIZ}/attempts/1/feedback/quiz-1.html",
    ):
        assert browser.get(path).status_code == 404
    for path in (
        f"/grading/{SLUG}",
        f"{QUIZ}/submissions",
        f"{QUIZ}/submissions.csv",
        f"{QUIZ}/submissions/{submission_id}",
        f"{QUIZ}/submissions/{submission_id}/files/quiz-1.ipynb",
        f"{QUIZ}/submissions/{submission_id}/feedback/quiz-1.html",
    ):
        assert browser.get(path).status_code == 403
    for path in (
        "mark",
        "send-all",
        f"submissions/{submission_id}/mark-again",
        f"submissions/{submission_id}/send-again",
    ):
        assert browser.post(f"{QUIZ}/{path}").status_code == 403


def test_session_of_another_course_opens_nothing(browse: Any, learner: Someone) -> None:
    browser = browse(learner, "another-course")

    assert browser.get(QUIZ).status_code == 403
    assert browser.post(f"{QUIZ}/open").status_code == 403


def test_observer_is_told_why_there_is_nothing(runtime: Runtime, browse: Any, place: Place) -> None:
    with runtime.db.transaction() as tx:
        parent = make_person(tx, place, "Parent", Role.OBSERVER)
    page = browse(parent).get(QUIZ)

    assert page.status_code == 403
    assert "whose work you follow" in page.text


def test_without_a_session_nothing_opens(app: Any) -> None:
    assert app.test_client().get(QUIZ).status_code == 401


def test_open_in_hub_posts_a_ticket_that_works_once(runtime: Runtime, browse: Any, learner: Someone) -> None:
    away = browse(learner).post(f"{QUIZ}/open", headers={"Origin": runtime.settings.root_url})
    assert away.status_code == 200
    assert f'action="{runtime.settings.hub.url}/hub/coursebridge/ticket" data-autosubmit' in away.text
    assert away.headers["Referrer-Policy"] == "strict-origin"  # the Hub sees where the post is from, not the session
    token = re.findall(r'name="ticket" value="([^"]+)"', away.text)[0]

    with runtime.db.transaction() as tx:
        ticket = redeem_ticket(tx, runtime, token)
    assert (ticket.hub_name, ticket.next_path) == (learner.hub_name, f"/open?course={learner.key}&assignment={NAME}")
    with runtime.db.transaction() as tx, pytest.raises(Gone):
        redeem_ticket(tx, runtime, token)


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://u-a.hub.localhost:8402"])
def test_post_that_no_page_of_ours_sent_gives_a_link_that_the_hub_asks_about(
    runtime: Runtime, browse: Any, learner: Someone, origin: str | None
) -> None:
    away = browse(learner).post(f"{QUIZ}/open", headers={"Origin": origin} if origin else {})
    assert away.status_code == 303
    assert away.headers["Location"].startswith(runtime.settings.hub.url + "/hub/coursebridge/ticket?ticket=")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_learners_server_cannot_post_in_somebodys_session(browse: Any, learner: Someone, site: str) -> None:
    """Its host name may be of the same site as the tool's."""
    assert browse(learner).post(f"{QUIZ}/open", headers={"Sec-Fetch-Site": site}).status_code == 403


def test_forms_may_end_on_the_host_name_of_ones_server(runtime: Runtime, browse: Any, learner: Someone) -> None:
    runtime.settings.hub.url = "https://hub.example.org"
    policy = browse(learner).get(QUIZ).headers["Content-Security-Policy"]
    forms = next(part.split() for part in policy.split(";") if part.strip().startswith("form-action"))
    assert {"https://hub.example.org", "https://*.hub.example.org"} <= set(forms)
    runtime.settings.hub.url = "http://127.0.0.1:8402"
    assert "*" not in browse(learner).get(QUIZ).headers["Content-Security-Policy"]


def test_ticket_lives_a_minute_at_most(runtime: Runtime, browse: Any, learner: Someone) -> None:
    with clock.frozen(clock.now()):
        away = browse(learner).post(f"{QUIZ}/open")
        token = parse_qs(urlsplit(away.headers["Location"]).query)["ticket"][0]
        clock.advance(timedelta(seconds=62).total_seconds())
        with runtime.db.transaction() as tx, pytest.raises(Gone):
            redeem_ticket(tx, runtime, token)


def test_pages_take_few_queries(runtime: Runtime, browse: Any, learner: Someone) -> None:
    save(runtime, learner, points=3)
    for points in (1, 2, 3):
        submit(runtime, learner, points=points)
        work(runtime)
    submit(runtime, learner, points=4)
    browser = browse(learner)
    for path in (QUIZ, f"{QUIZ}/status", f"{QUIZ}/attempts/1/feedback", f"{QUIZ}/attempts/1/feedback/quiz-1.html"):
        with counted(runtime) as statements:
            assert browser.get(path).status_code == 200
        assert len(statements) <= 6, (path, statements)
