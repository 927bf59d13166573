"""Who may review, what is shown, votes, reports, replies."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import Membership, User
from plugins.reviews import public
from tests.factories.grading import SLUG, Place, Someone, make_context, make_person, make_place
from tests.functional.grading.conftest import Browser, counted
from tests.functional.reviews.conftest import advance

HOME = f"/reviews/{SLUG}"
Browse = Callable[[Someone], Browser]


def write(browser: Browser, stars: int = 4, text: str = "Clear and short.", **form: Any) -> Any:
    return browser.post(f"{HOME}/mine", data={"stars": stars, "text": text, "name": "initials"} | form)


def rating(runtime: Runtime, slug: str = SLUG) -> public.Rating:
    with runtime.db.reading() as tx:
        return public.rating(tx, runtime, [slug])[slug]


@pytest.fixture
def ada(someone: Any, browse: Browse) -> Browser:
    """A learner who is far enough."""
    return browse(someone())


@pytest.fixture
def teacher(someone: Any, browse: Browse) -> Browser:
    return browse(someone("Grace Hopper", Role.TEACHER))


# ---- who may ----


@pytest.mark.parametrize(("lessons", "status"), [(0, 403), (1, 403), (2, 303), (4, 303)])
def test_a_learner_reviews_after_real_progress(
    lessons: int, status: int, someone: Any, browse: Browse, runtime: Runtime
) -> None:
    browser = browse(someone(lessons=lessons))
    assert write(browser).status_code == status
    assert rating(runtime).count == (status == 303)
    assert ("You can review this course when you have done 30 percent" in browser.get(HOME).text) == (status == 403)


@pytest.mark.parametrize("role", [Role.TEACHER, Role.ASSISTANT, Role.OBSERVER, Role.TEST_STUDENT])
def test_nobody_but_learners_reviews(role: Role, someone: Any, browse: Browse, runtime: Runtime) -> None:
    browser = browse(someone("X", role, 4))
    assert write(browser).status_code == 403
    assert "Write a review" not in browser.get(HOME).text
    assert "another role" in browser.get(f"{HOME}/mine").text


def test_who_teaches_the_course_elsewhere_does_not_review_it(
    someone: Any, place: Place, browse: Browse, runtime: Runtime
) -> None:
    person = someone()
    with runtime.db.transaction() as tx:
        tx.add(Membership(user_id=person.user_id, context_id=make_context(tx, place).context_id, role=Role.TEACHER))
    assert write(browse(person)).status_code == 403
    assert "You teach this course" in browse(person).get(f"{HOME}/mine").text


def test_an_author_who_enrols_does_not_review_their_course(someone: Any, browse: Browse, runtime: Runtime) -> None:
    person = someone()
    for _ in range(2):
        with runtime.db.transaction() as tx:
            public.add_author(tx, SLUG, person.user_id)
    assert write(browse(person), 5).status_code == 403
    assert write(browse(someone()), 5).status_code == 303


def test_a_person_has_one_review_wherever_they_take_the_course(
    someone: Any, place: Place, browse: Browse, runtime: Runtime
) -> None:
    person = someone()
    write(browse(person), 2)
    with runtime.db.transaction() as tx:
        elsewhere = make_context(tx, place)
        tx.add(Membership(user_id=person.user_id, context_id=elsewhere.context_id, role=Role.LEARNER))
    assert write(browse(replace(person, place=elsewhere)), 5).status_code == 303
    assert (rating(runtime).count, rating(runtime).average) == (1, 5.0)


# ---- writing ----


def test_a_review_is_shown_changed_and_deleted(ada: Browser, runtime: Runtime) -> None:
    assert write(ada, 4, "First\n\n\n\nline").location.endswith(f"{HOME}?said=saved")
    html = ada.get(f"{HOME}?said=saved").text
    assert "Your review is saved." in html
    assert "First\n\nline" in html
    assert "A. L." in html

    write(ada, 2, "Second thoughts")
    assert "Second thoughts" in ada.get(HOME).text
    assert rating(runtime).by_stars == {1: 0, 2: 1, 3: 0, 4: 0, 5: 0}
    ada.post(f"{HOME}/mine/delete")
    assert "No reviews yet." in ada.get(HOME).text
    assert rating(runtime) == public.Rating(None, 0, 3.0, {1: 0, 2: 0, 3: 0, 4: 0, 5: 0})


@pytest.mark.parametrize("form", [{"stars": "0"}, {"stars": "6"}, {"stars": "x"}, {"stars": "5", "text": "x" * 3001}])
def test_what_cannot_be_accepted_is_said_at_the_form(form: dict[str, str], ada: Browser, runtime: Runtime) -> None:
    answer = ada.post(f"{HOME}/mine", data={"text": "kept words"} | form)
    assert answer.status_code == 422
    assert "Error:" in answer.text
    assert form.get("text", "kept words") in answer.text
    assert rating(runtime).count == 0


def test_text_is_plain(ada: Browser) -> None:
    write(ada, 5, "<script>x</script>\u202e\0 a   b")
    html = ada.get(HOME).text
    assert "&lt;script&gt;x&lt;/script&gt; a b" in html
    assert "\u202e" not in html


# ---- names ----


@pytest.mark.parametrize(
    ("chosen", "near", "far"),
    [("initials", "A. L.", "A. L."), ("name", "Ada Lovelace", "A. L."), ("none", "A learner", "A learner")],
)
def test_names_are_shown_as_chosen_and_in_full_within_one_lms_only(
    chosen: str, near: str, far: str, someone: Any, browse: Browse, runtime: Runtime
) -> None:
    write(browse(someone()), name=chosen)
    with runtime.db.transaction() as tx:
        stranger = make_person(tx, make_place(tx, "canvas"), "Kay Mills")
    for reader, name in ((someone("Bo Smith"), near), (stranger, far)):
        assert f"<b>{name}</b>" in browse(reader).get(HOME).text


def test_a_person_without_a_name_reviews_as_a_learner(someone: Any, browse: Browse, runtime: Runtime) -> None:
    person = someone()
    with runtime.db.transaction() as tx:
        tx.get_one(User, person.user_id).display_name = f"User {person.hub_name[2:8].upper()}"
    write(browse(person), name="name")
    assert "<b>A learner</b>" in browse(someone()).get(HOME).text


# ---- votes ----


def review_id(html: str) -> int:
    found = re.search(r'id="review-(\d+)"', html)
    assert found
    return int(found[1])


def test_a_vote_counts_once_and_can_be_taken_back(ada: Browser, someone: Any, browse: Browse) -> None:
    write(ada)
    reader = browse(someone())
    path = f"{HOME}/{review_id(reader.get(HOME).text)}/helpful"
    for helpful, votes in (("yes", "1"), ("yes", "1"), ("no", None), ("no", None), ("yes", "1")):
        assert reader.post(f"{path}?sort=helpful", data={"helpful": helpful}).status_code == 303
        found = re.search(r'Helpful <span class="num">(\d+)</span>', reader.get(HOME).text)
        assert (found and found[1]) == votes


def test_nobody_votes_for_their_own_review_and_only_learners_vote(ada: Browser, teacher: Browser) -> None:
    write(ada)
    path = f"{HOME}/{review_id(ada.get(HOME).text)}/helpful"
    assert ada.post(path, data={"helpful": "yes"}).status_code == 403
    assert teacher.post(path, data={"helpful": "yes"}).status_code == 403
    assert "/helpful" not in ada.get(HOME).text


def test_most_helpful_comes_first_when_asked(ada: Browser, someone: Any, browse: Browse) -> None:
    write(ada, text="the older one")
    reader = browse(someone())
    reader.post(f"{HOME}/{review_id(reader.get(HOME).text)}/helpful", data={"helpful": "yes"})
    write(browse(someone()), text="the newer one")

    def order(query: str) -> list[str]:
        return re.findall(r"the (older|newer) one", reader.get(f"{HOME}{query}").text)

    assert order("") == ["newer", "older"]
    assert order("?sort=helpful") == ["older", "newer"]


def test_long_lists_have_pages_and_can_be_filtered_by_stars(
    someone: Any, browse: Browse, runtime: Runtime, monkeypatch: Any
) -> None:
    monkeypatch.setattr(runtime.settings.reviews, "page_size", 5)
    for number in range(7):
        write(browse(someone()), 5 if number else 1, f"review number {number}")
    reader = browse(someone())

    def numbers(query: str) -> list[str]:
        return re.findall(r"review number (\d)", reader.get(f"{HOME}{query}").text)

    assert numbers("") == list("65432")
    assert numbers("?page=2") == numbers("?page=99") == list("10")
    assert numbers(f"?page={'9' * 5000}") == numbers("?page=-1") == list("65432")
    assert numbers("?stars=1") == ["0"]
    assert numbers("?stars=4") == []
    assert numbers("?stars=x&page=x&sort=x") == list("65432")


# ---- reports and moderation ----


def test_a_reported_review_is_hidden_with_a_reason_and_shown_again(
    ada: Browser, teacher: Browser, someone: Any, browse: Browse, runtime: Runtime
) -> None:
    write(ada, 1, "Buy my shoes")
    reader = browse(someone())
    number = review_id(reader.get(HOME).text)
    assert "Nobody learns who reported" in reader.get(f"{HOME}/{number}/report").text
    for _ in range(2):
        reader.post(f"{HOME}/{number}/report", data={"reason": "spam", "text": "shoes again"})
    queue = teacher.get(f"{HOME}/moderation").text
    assert queue.count("shoes again") == 1

    assert teacher.post(f"{HOME}/{number}/hide", data={"reason": ""}).status_code == 422
    teacher.post(f"{HOME}/{number}/hide", data={"reason": "It advertises shoes."})
    assert "Buy my shoes" not in reader.get(HOME).text
    assert "1 review is hidden" in reader.get(HOME).text
    assert "It advertises shoes." in ada.get(HOME).text
    assert rating(runtime).count == 0
    assert reader.post(f"{HOME}/{number}/helpful", data={"helpful": "yes"}).status_code == 404

    write(ada, 3, "Good course")
    assert "changed since by its author" in teacher.get(f"{HOME}/moderation").text
    assert rating(runtime).count == 0
    teacher.post(f"{HOME}/{number}/restore")
    assert "Good course" in reader.get(HOME).text
    assert rating(runtime).average == 3.0
    assert "Nothing to look at" in teacher.get(f"{HOME}/moderation").text


def test_a_report_without_ground_is_closed(ada: Browser, teacher: Browser, someone: Any, browse: Browse) -> None:
    write(ada)
    number = review_id(ada.get(HOME).text)
    browse(someone()).post(f"{HOME}/{number}/report", data={"reason": "other"})
    teacher.post(f"{HOME}/{number}/dismiss")
    assert "Nothing to look at" in teacher.get(f"{HOME}/moderation").text


def test_reports_are_limited(someone: Any, browse: Browse, runtime: Runtime, monkeypatch: Any) -> None:
    monkeypatch.setattr(runtime.settings.reviews, "reports_per_day", 2)
    for _ in range(3):
        write(browse(someone()))
    reader = browse(someone())
    numbers = re.findall(r'id="review-(\d+)"', reader.get(HOME).text)
    answers = [reader.post(f"{HOME}/{number}/report", data={"reason": "spam"}) for number in numbers]
    assert [answer.status_code for answer in answers] == [303, 303, 429]


def test_only_teachers_moderate_and_reply(ada: Browser, someone: Any, browse: Browse) -> None:
    write(ada)
    number = review_id(ada.get(HOME).text)
    assistant = browse(someone("T", Role.ASSISTANT))
    for browser in (ada, assistant):
        assert browser.get(f"{HOME}/moderation").status_code == 403
        for action in ("hide", "restore", "dismiss", "reply"):
            assert browser.post(f"{HOME}/{number}/{action}", data={"reason": "because"}).status_code == 403


def test_an_observer_reads_only(ada: Browser, someone: Any, browse: Browse) -> None:
    write(ada)
    observer = browse(someone("O", Role.OBSERVER))
    html = observer.get(HOME).text
    assert "Clear and short." in html
    assert "/report" not in html
    number = review_id(html)
    assert observer.post(f"{HOME}/{number}/report", data={"reason": "spam"}).status_code == 403


def test_the_teacher_replies_and_takes_it_back(ada: Browser, teacher: Browser) -> None:
    write(ada)
    path = f"{HOME}/{review_id(ada.get(HOME).text)}/reply"
    teacher.post(path, data={"text": "Thank you, Ada"})
    assert "Thank you, Ada" in ada.get(HOME).text
    assert "Thank you, Ada" in teacher.get(path).text
    teacher.post(path, data={"text": " "})
    assert "Reply of the teacher" not in ada.get(HOME).text
    assert teacher.post(path, data={"text": "x" * 3001}).status_code == 422


def test_a_review_of_another_course_is_not_found(ada: Browser, teacher: Browser) -> None:
    write(ada)
    number = review_id(ada.get(HOME).text)
    assert teacher.get(f"{HOME}/{number + 1}/reply").status_code == 404
    assert teacher.get(f"/reviews/other/{number}/reply").status_code == 403


# ---- personal data, queries ----


def test_an_erased_person_leaves_the_stars_only(someone: Any, browse: Browse, runtime: Runtime, plugins: Any) -> None:
    ada, bo = someone(), someone("Bo Smith")
    write(browse(ada), 5, "words of Ada")
    write(browse(bo), 1, "words of Bo")
    number = review_id(browse(bo).get(f"{HOME}?stars=5").text)
    other = review_id(browse(bo).get(f"{HOME}?stars=1").text)
    browse(ada).post(f"{HOME}/{other}/helpful", data={"helpful": "yes"})
    browse(ada).post(f"{HOME}/{other}/report", data={"reason": "spam", "text": "hm"})
    plugin = next(one for one in plugins if one.name == "reviews")
    with runtime.db.transaction() as tx:
        kept = plugin.export_personal_data(tx, ada.user_id)
        plugin.erase_personal_data(tx, ada.user_id)
        assert plugin.export_personal_data(tx, ada.user_id) == {
            "reviews": [],
            "replies": [],
            "helpful": [],
            "reports": [],
        }

    assert (kept["reviews"][0]["text"], kept["helpful"], kept["reports"][0]["reason"]) == (
        "words of Ada",
        [{"course": SLUG, "review": other}],
        "spam",
    )
    html = browse(bo).get(HOME).text
    assert "words of Ada" not in html
    assert "Former learner" in html
    assert f'id="review-{number}"' in html
    assert "1 learner finds" not in html
    assert rating(runtime).average == 3.0


@pytest.mark.parametrize("path", ["", "/mine", "/moderation"])
def test_pages_take_few_queries(
    path: str, ada: Browser, teacher: Browser, someone: Any, browse: Browse, runtime: Runtime
) -> None:
    for _ in range(3):
        write(browse(someone()))
    browser = teacher if path == "/moderation" else ada
    with counted(runtime) as statements:
        assert browser.get(f"{HOME}{path}").status_code == 200
    assert len(statements) <= 6, statements


def test_progress_counts_where_the_learner_is_now(someone: Any, place: Place, browse: Browse, runtime: Runtime) -> None:
    person = someone(lessons=0)
    assert write(browse(person)).status_code == 403
    advance(runtime, person, 3)
    assert write(browse(person)).status_code == 303
