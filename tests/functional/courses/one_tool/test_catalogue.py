"""Who sees which courses, how they are found, and how people come into them and leave."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select, update

from grading.gates import Caller, closed_quizzes
from lti_tool.kernel import clock
from lti_tool.kernel.errors import Gone
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.people import record_placement
from lti_tool.web.session import SessionRow, digest_of
from plugins.courses import public as courses
from plugins.courses.catalogue import index_course, words_of
from plugins.courses.commands import course as course_commands
from plugins.courses.enrolling import accept_invitation, make_invitation
from plugins.courses.models import (
    Admission,
    Course,
    Enrolment,
    Entitlement,
    Invitation,
    Item,
    ItemKind,
    Level,
    Module,
    PartState,
    Standing,
    Via,
)
from plugins.courses.personal_data import erase_personal_data, export_personal_data
from plugins.courses.progress_outline import publish_progress_outline
from plugins.reviews.totals import add_to_totals
from tests.factories.grading import Place, make_place, work
from tests.functional.courses.teaching import Teacher
from tests.functional.grading.conftest import counted

HERE = "/courses/"
OPEN_TO_ALL = {"admission": Admission.OPEN}


@pytest.fixture(scope="module")
def place(runtime: Runtime) -> Place:
    with runtime.db.transaction() as tx:
        return make_place(tx)


@pytest.fixture(scope="module")
def listed(runtime: Runtime, place: Place) -> None:
    """Some courses, each with a lesson."""
    with runtime.db.transaction() as tx:
        other = make_place(tx, "canvas").registration_id
        add(runtime, tx, "trees", title="Trees", summary="From seed to Größe.", categories=["Nature"], tags=["wood"])
        add(runtime, tx, "stones", title="Stones", description="Wooden? No.", level=Level.ADVANCED, **OPEN_TO_ALL)
        add(runtime, tx, "rivers", title="Rivers", language="de", price_minor=1999, currency="EUR", **OPEN_TO_ALL)
        add(runtime, tx, "hidden", title="Hidden woods", state=PartState.DRAFT)
        add(runtime, tx, "theirs", title="Their woods", registration_id=other, **OPEN_TO_ALL)


def add(runtime: Runtime, tx: Any, slug: str, **changes: Any) -> None:
    facts: dict[str, Any] = {
        "summary": "",
        "description": "",
        "language": "en",
        "authors": ["Ada Lopez"],
        "licence": "",
    }
    facts |= {"categories": [], "tags": [], "level": Level.ANY, "uid": slug, "imported_at": clock.now()}
    course = Course(slug=slug, **facts | {"state": PartState.PUBLISHED, "admission": Admission.LMS} | changes)
    tx.add(course)
    tx.flush()
    module = Module(course_id=course.id, slug="m", position=0, title="M", summary="", after=[])
    tx.add(module)
    tx.flush()
    item = Item(course_id=course.id, module_id=module.id, position=0, kind=ItemKind.LESSON, slug="l", title="L")
    item.summary, item.minutes = "", 90
    tx.add(item)
    index_course(tx, course)
    publish_progress_outline(tx, slug)


@pytest.fixture
def visit(app: Flask, someone: Any, listed: None) -> Callable[..., Teacher]:
    """`visit(role, course)` → a browser."""
    return lambda role=Role.LEARNER, slug="trees": Teacher(app, someone(role), slug)


def titles(page: str) -> list[str]:
    return re.findall(r'<li class="course-card"><h2[^>]*>(?:<a[^>]*>)?([^<]+)<', page)


def test_people_see_published_courses_of_their_platform_and_teachers_drafts_too(visit: Any) -> None:
    assert titles(visit().get(HERE).text) == ["Rivers", "Stones", "Trees"]
    assert titles(visit(Role.TEACHER).get(HERE).text) == ["Hidden woods", "Rivers", "Stones", "Trees"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=wood", ["Trees", "Stones"]),
        ("q=WOODEN", ["Stones"]),
        ("q=grosse", ["Trees"]),
        ("q=größe", ["Trees"]),
        ("q=ada+riv", ["Rivers"]),
        ("q=ada+nothing", []),
        ("q=%25", ["Rivers", "Stones", "Trees"]),
        ("q=%27%22%3Cb%3E%00", []),
        ("category=Nature", ["Trees"]),
        ("level=advanced", ["Stones"]),
        ("level=nonsense", ["Rivers", "Stones", "Trees"]),
        ("language=de", ["Rivers"]),
        ("price=free&language=en", ["Stones", "Trees"]),
        ("price=paid", ["Rivers"]),
        ("mine=1", []),
        ("page=9999999999", []),
        ("page=-1", ["Rivers", "Stones", "Trees"]),
    ],
)
def test_search_and_filters(runtime: Runtime, visit: Any, query: str, found: list[str]) -> None:
    browser = visit()
    browser.get(HERE)
    with counted(runtime) as statements:
        answer = browser.get(f"{HERE}?{query}")
    assert (answer.status_code, titles(answer.text)) == (200, found)
    assert "<b>" not in re.sub(r"<b class|<b>No|<b>\d", "", answer.text)
    assert len(statements) <= (3 if "9999999999" in query else 2)


def selects(page: str) -> list[str]:
    return re.findall(r'<select [^>]*name="(\w+)"', page)


def test_what_can_be_filtered_by_can_be_chosen_on_the_page(visit: Any) -> None:
    """A filter with one category is none; a learner's own courses are always one."""
    page = visit().get(HERE).text
    assert selects(page) == ["level", "language", "price", "rating", "mine", "sort"]
    assert '<option value="1">My courses</option>' in page
    assert selects(visit().get(f"{HERE}?category=Nature").text)[0] == "category"
    assert "mine" not in selects(visit(Role.TEACHER).get(HERE).text)


def test_the_best_rated_come_first_and_one_review_is_not_much(runtime: Runtime, visit: Any) -> None:
    with runtime.db.transaction() as tx:
        add_to_totals(tx, "trees", {5: 1})
        add_to_totals(tx, "stones", {5: 40, 4: 10})
        add_to_totals(tx, "rivers", {1: 20})
    browser = visit()
    browser.get(HERE)
    with counted(runtime) as statements:
        page = browser.get(f"{HERE}?sort=rating").text

    assert titles(page) == ["Stones", "Trees", "Rivers"]
    assert '<option value="rating" selected>Best rated first</option>' in page
    assert len(statements) <= 6
    assert titles(browser.get(f"{HERE}?sort=rating&q=wood").text) == ["Stones", "Trees"]
    assert "Best match first" in browser.get(f"{HERE}?q=wood").text
    assert titles(browser.get(f"{HERE}?sort=newest").text) == ["Rivers", "Stones", "Trees"]
    assert titles(browser.get(f"{HERE}?sort=nonsense").text) == ["Rivers", "Stones", "Trees"]

    with runtime.db.transaction() as tx:
        add_to_totals(tx, "trees", {3: 1})  # 4.0 now, from 4.0 up
    filtered = {query: titles(browser.get(f"{HERE}?{query}").text) for query in ("rating=4", "rating=4&price=paid")}
    assert filtered == {"rating=4": ["Stones", "Trees"], "rating=4&price=paid": []}
    with runtime.db.transaction() as tx:
        add_to_totals(tx, "trees", {2: 1})
    assert titles(browser.get(f"{HERE}?rating=4").text) == ["Stones"]
    assert titles(browser.get(f"{HERE}?rating=3").text) == ["Stones", "Trees"]
    assert titles(browser.get(f"{HERE}?rating=9").text) == ["Rivers", "Stones", "Trees"]


def test_a_course_without_reviews_stands_between_good_and_bad_ones(runtime: Runtime, visit: Any) -> None:
    with runtime.db.transaction() as tx:
        add(runtime, tx, "clouds", title="Clouds")
        add_to_totals(tx, "hidden", {5: 30, 1: 30})
    found = titles(visit().get(f"{HERE}?sort=rating").text)
    with runtime.db.transaction() as tx:
        tx.delete(tx.scalars(select(Course).where(Course.slug == "clouds")).one())
    assert found.index("Stones") < found.index("Clouds") < found.index("Rivers")


def test_the_first_look_takes_few_queries_too(runtime: Runtime, visit: Any) -> None:
    browser = visit(Role.ASSISTANT)
    with counted(runtime) as statements:
        page = browser.get(HERE).text
    assert len(statements) <= 4
    assert "€19.99" in page and "1 h 30 min" in page and "German" in page and "Free" in page


def test_a_learner_enrols_reads_drops_and_takes_it_up_again(runtime: Runtime, visit: Any) -> None:
    browser = visit()
    answer = browser.post("/courses/enrol/stones")
    assert answer.status_code == 303
    there = answer.headers["Location"]
    assert there.endswith("/courses/stones/") and not there.startswith(browser.prefix)
    assert browser.get(there).status_code == 200
    assert titles(browser.get(f"{HERE}?mine=1").text) == ["Stones"]

    prefix = there.removesuffix("/courses/stones/")
    assert browser.post(f"{prefix}/courses/stones/drop").status_code == 303
    page = browser.get(there).text
    assert "You have dropped this course" in page and "courses/stones/l" not in page
    assert browser.get(f"{there}l").status_code == 303
    assert browser.post("/courses/open/stones").status_code == 403
    assert browser.post(f"{prefix}/courses/stones/take-up").status_code == 303
    assert browser.get(f"{there}l").status_code == 200
    assert browser.post("/courses/open/stones").status_code == 303


@pytest.mark.parametrize(("slug", "status"), [("trees", 403), ("hidden", 404), ("theirs", 404), ("none", 404)])
def test_what_is_not_open_takes_nobody(visit: Any, slug: str, status: int) -> None:
    assert visit(slug="stones").post(f"/courses/enrol/{slug}").status_code == status


def test_only_learners_enrol_and_teachers_open_courses_of_their_platform(visit: Any) -> None:
    teacher = visit(Role.TEACHER)
    assert teacher.post("/courses/enrol/stones").status_code == 403
    assert teacher.post("/courses/open/stones").status_code == 303
    assert teacher.post("/courses/open/theirs").status_code == 404
    assert visit().post("/courses/open/stones").status_code == 403


def test_a_code_lets_in_as_many_as_it_says(runtime: Runtime, visit: Any) -> None:
    with runtime.db.transaction() as tx:
        course_id = tx.scalars(select(Course.id).where(Course.slug == "rivers")).one()
        code = make_invitation(tx, course_id, 1, 1)
    first, second = visit(), visit()

    assert first.post("/courses/invitation", {"code": "AAAAA-AAAAA"}).status_code == 404
    assert first.post("/courses/invitation", {"code": f" {code.lower()} "}).status_code == 303
    assert first.post("/courses/invitation", {"code": code}).status_code == 303  # again: no second place
    assert second.post("/courses/invitation", {"code": code}).status_code == 410
    with runtime.db.reading() as tx:
        assert len(list(tx.scalars(select(Enrolment).where(Enrolment.course_id == course_id)))) == 1


def test_a_code_lets_nobody_in_while_only_members_get_in(runtime: Runtime, visit: Any) -> None:
    with runtime.db.transaction() as tx:
        course = tx.scalars(select(Course).where(Course.slug == "rivers")).one()
        course.admission = Admission.INVITATION
        code = make_invitation(tx, course.id, 1, 5)
    early, late = visit(), visit()
    assert early.post("/courses/invitation", {"code": code}).status_code == 303
    with runtime.db.transaction() as tx:
        tx.scalars(select(Course).where(Course.slug == "rivers")).one().admission = Admission.LMS

    refused = late.post("/courses/invitation", {"code": code})
    assert refused.status_code == 403 and "Who gets in" in refused.text
    assert early.post("/courses/invitation", {"code": code}).status_code == 303, "they are in already"
    with runtime.db.transaction() as tx:
        tx.scalars(select(Course).where(Course.slug == "rivers")).one().admission = Admission.OPEN
        assert tx.scalars(select(Invitation.used).where(Invitation.hint == code[:3])).one() == 1


def test_pressing_twice_takes_one_place(runtime: Runtime, visit: Any) -> None:
    with runtime.db.transaction() as tx:
        course_id = tx.scalars(select(Course.id).where(Course.slug == "rivers")).one()
        code = make_invitation(tx, course_id, 1, 4)
    browser = visit()
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(browser.post, "/courses/invitation", {"code": code}) for _ in range(4)]
    assert [answer.result().status_code for answer in answers] == [303] * 4
    with runtime.db.reading() as tx:
        assert tx.scalars(select(Invitation.used).where(Invitation.hint == code[:3])).one() == 1


def test_a_code_that_is_over_lets_nobody_in(runtime: Runtime, visit: Any) -> None:
    teacher = visit(Role.TEACHER, "trees")
    page = teacher.post("/courses/trees/edit/people/ways", {"places": "5"})
    assert page.status_code == 403  # two platforms use it
    with runtime.db.transaction() as tx:
        course_id = tx.scalars(select(Course.id).where(Course.slug == "rivers")).one()
        code = make_invitation(tx, course_id, 1, 5)
    with clock.frozen(clock.now()):
        clock.advance(91 * 24 * 3600)
        with pytest.raises(Gone), runtime.db.transaction() as tx:
            accept_invitation(tx, code, session_of(99))


def session_of(user_id: int) -> Any:
    class Session:
        registration_id = 1

    Session.user_id = user_id  # type: ignore[attr-defined]
    return Session


def test_a_teacher_makes_a_course_and_writes_its_first_lesson(runtime: Runtime, visit: Any) -> None:
    teacher = visit(Role.TEACHER)
    answer = teacher.post("/courses/new", {"title": "Birds & bees"})
    assert answer.status_code == 303 and answer.headers["Location"].endswith("/courses/birds-bees/edit/")
    editor = teacher.get(answer.headers["Location"])
    assert editor.status_code == 200 and "First module" in editor.text
    assert visit().post("/courses/new", {"title": "X"}).status_code == 400
    assert "Birds &amp; bees" not in visit().get(HERE).text
    with runtime.db.reading() as tx:
        assert tx.scalars(select(Course.registration_id).where(Course.slug == "birds-bees")).one() is not None


def test_dropping_keeps_a_row(runtime: Runtime, visit: Any) -> None:
    browser = visit(slug="trees")
    browser.post("/courses/trees/drop")
    with runtime.db.reading() as tx:
        standings = list(tx.scalars(select(Enrolment.standing).where(Enrolment.standing == Standing.DROPPED)))
    assert standings


# ---- paid courses ----


@pytest.fixture
def paid(runtime: Runtime, place: Place) -> str:
    """A course for who pays."""
    slug = f"paid-{uuid4().hex[:8]}"
    with runtime.db.transaction() as tx:
        facts = {"title": slug, "price_minor": 1999, "currency": "EUR", "admission": Admission.PAID}
        add(runtime, tx, slug, registration_id=place.registration_id, **facts)
    return slug


def enter(browser: Any, slug: str) -> str:
    """Open a course from the catalogue; returns the path of its page."""
    answer = browser.post(f"/courses/open/{slug}")
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def user_of(runtime: Runtime, home: str) -> int:
    with runtime.db.reading() as tx:
        found = tx.get(SessionRow, digest_of(home.split("/")[2]))
    assert found is not None
    return found.user_id


def test_a_paid_course_shows_its_price_to_all_and_its_content_to_who_paid(
    runtime: Runtime, app: Flask, visit: Any, paid: str
) -> None:
    browser = visit()
    assert "€19.99" in browser.get(f"{HERE}?q={paid}").text
    assert browser.post(f"/courses/enrol/{paid}").status_code == 403
    home = enter(browser, paid)
    user_id = user_of(runtime, home)
    page = browser.get(home).text
    assert "This course costs €19.99" in page and f"{paid}-{user_id}" in page and "Drop this course" not in page
    lesson = browser.get(home + "l")
    assert lesson.status_code == 403 and "Opens once the course is paid" in lesson.text
    prefix = home.removesuffix(f"/courses/{paid}/")
    assert browser.post(f"{prefix}/courses/{paid}/take-up").status_code == 403

    with runtime.db.transaction() as tx:
        assert courses.grant(tx, user_id, paid, "payments", "line-1")
        assert not courses.grant(tx, user_id, paid, "payments", "line-1")
    assert browser.get(home + "l").status_code == 200 and "This course costs" not in browser.get(home).text
    with runtime.db.reading() as tx:
        taking = courses.find_taking(tx, user_id, paid)
        facts = courses.get_course(tx, paid)
    assert taking and taking.is_active and taking.via is Via.PAYMENT
    assert (facts.title, facts.price_minor, facts.currency, facts.authors) == (paid, 1999, "EUR", ("Ada Lopez",))
    # whoever paid may drop the course and take it up again
    browser.post(f"{prefix}/courses/{paid}/drop")
    assert browser.get(home + "l").status_code == 303
    assert browser.post(f"{prefix}/courses/{paid}/take-up").status_code == 303
    assert browser.get(home + "l").status_code == 200


def test_access_is_derived_from_all_valid_payments(runtime: Runtime, visit: Any, paid: str) -> None:
    browser = visit()
    home = enter(browser, paid)
    user_id = user_of(runtime, home)

    def say(call: Any, reference: str) -> bool:
        with runtime.db.transaction() as tx:
            return bool(call(tx, user_id, paid, "payments", reference))

    assert not say(courses.revoke, "never-granted")
    assert say(courses.grant, "order-1") and say(courses.grant, "order-2")
    assert say(courses.revoke, "order-1") and not say(courses.revoke, "order-1")
    assert browser.get(home + "l").status_code == 200
    assert say(courses.revoke, "order-2")
    assert browser.get(home + "l").status_code == 403
    assert say(courses.grant, "order-1")  # a dispute that was won
    assert browser.get(home + "l").status_code == 200


def test_payments_of_one_moment_leave_what_they_say(runtime: Runtime, visit: Any, paid: str) -> None:
    """Whatever the order: who holds one valid payment at the end takes the course."""
    user_id = user_of(runtime, enter(visit(), paid))

    def say(call: Any, reference: str) -> None:
        with runtime.db.transaction() as tx:
            call(tx, user_id, paid, "payments", reference)

    for number in range(5):
        say(courses.grant, f"old-{number}")
        with ThreadPoolExecutor(2) as pool:
            for done in (
                pool.submit(say, courses.revoke, f"old-{number}"),
                pool.submit(say, courses.grant, f"new-{number}"),
            ):
                done.result()
        with runtime.db.reading() as tx:
            taking = courses.find_taking(tx, user_id, paid)
            assert courses.is_entitled(tx, user_id, paid) and taking and taking.is_active
        say(courses.revoke, f"new-{number}")


def test_a_code_lets_into_a_paid_course_for_nothing(runtime: Runtime, visit: Any, paid: str) -> None:
    with runtime.db.transaction() as tx:
        code = make_invitation(tx, tx.scalars(select(Course.id).where(Course.slug == paid)).one(), 1, 5)
    browser = visit()
    home = browser.post("/courses/invitation", {"code": code}).headers["Location"]
    assert browser.get(home + "l").status_code == 200
    user_id = user_of(runtime, home)
    with runtime.db.transaction() as tx:
        courses.grant(tx, user_id, paid, "payments", "x")
        courses.revoke(tx, user_id, paid, "payments", "x")
    assert browser.get(home + "l").status_code == 200


@pytest.mark.parametrize("they_pay", [False, True])
def test_the_class_of_a_teacher_who_placed_it_pays_only_if_the_course_says_so(
    runtime: Runtime, visit: Any, place: Place, paid: str, they_pay: bool
) -> None:
    with runtime.db.transaction() as tx:
        tx.execute(update(Course).where(Course.slug == paid).values(lms_members_pay=they_pay))
        placement_id = record_placement(tx, place.context_id, paid)
    browser = visit()
    home = enter(browser, paid)
    assert browser.get(home + "l").status_code == (403 if they_pay else 200)
    work(runtime)
    with runtime.db.reading() as tx:
        taking = courses.find_taking(tx, user_of(runtime, home), paid)
        assert placement_id
    assert (taking is None) is they_pay and (they_pay or (taking is not None and taking.via is Via.LMS))


def test_unpaid_quizzes_are_closed_in_jupyter_too(runtime: Runtime, app: Flask, visit: Any, paid: str) -> None:
    with runtime.db.transaction() as tx:
        course = tx.scalars(select(Course).where(Course.slug == paid)).one()
        module_id = tx.scalars(select(Module.id).where(Module.course_id == course.id)).one()
        item = Item(course_id=course.id, module_id=module_id, position=1, kind=ItemKind.QUIZ, slug="q", title="Q")
        item.summary, item.assignment = "", "quiz-1"
        tx.add(item)
    home = enter(visit(), paid)
    user_id = user_of(runtime, home)
    with runtime.db.reading() as tx:
        found = tx.get(SessionRow, digest_of(home.split("/")[2]))
        assert found is not None and found.placement_id is not None
        who = Caller(found.placement_id, user_id, Role.LEARNER)
    with app.app_context():
        assert closed_quizzes(paid, who) == {"quiz-1"}
        with runtime.db.transaction() as tx:
            courses.grant(tx, user_id, paid, "payments", "x")
        assert closed_quizzes(paid, who) == frozenset()


def test_an_operator_records_a_bank_transfer(runtime: Runtime, app: Flask, visit: Any, paid: str) -> None:
    browser = visit()
    home = enter(browser, paid)
    reference = f"{paid}-{user_of(runtime, home)}"

    def run(*words: str) -> Any:
        return CliRunner().invoke(course_commands, [*words, "--reference", "Statement 7/2026"], obj=runtime)

    assert "takes" in run("grant", paid, reference).output
    assert "already" in run("grant", paid, reference).output
    assert browser.get(home + "l").status_code == 200
    with runtime.db.reading() as tx:
        said = export_personal_data(tx, user_of(runtime, home))["entitlements"]
    assert [(each["source"], each["reference"]) for each in said] == [("transfer", "Statement 7/2026")]
    assert "no longer takes" in run("revoke", paid, reference).output
    assert browser.get(home + "l").status_code == 403
    assert run("revoke", paid, reference).exit_code != 0 and run("grant", paid, "u-nobody").exit_code != 0
    assert run("grant", "no-such-course", reference).exit_code != 0


def test_erasing_keeps_the_record_of_a_payment_without_the_person(runtime: Runtime, visit: Any, paid: str) -> None:
    user_id = user_of(runtime, enter(visit(), paid))
    with runtime.db.transaction() as tx:
        courses.grant(tx, user_id, paid, "payments", "kept")
        erase_personal_data(tx, user_id)
    with runtime.db.reading() as tx:
        query = select(Entitlement.user_id).where(Entitlement.reference == "kept")
        assert tx.scalars(query).all() == [None] and courses.find_taking(tx, user_id, paid) is None


def test_words_are_found_without_case_and_accents() -> None:
    assert words_of("Größe, GROSSE Éclair x_1 é") == ["grosse", "eclair", "x_1", "e"]
