"""Who a student of an nbgrader course is: nobody is guessed, and nobody is two."""

import pytest

from grading.portable_people import By, Match, Student, match
from lti_tool.kernel.permissions import Role
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti.models import User
from lti_tool.lti.public import Contact
from tests.factories.grading import Place, Someone, make_person, placement_at


@pytest.fixture
def ada(runtime: Runtime, place: Place) -> Someone:
    """Known to the LMS as 17."""
    with runtime.db.transaction() as tx:
        person = make_person(tx, place, "Ada")
        tx.get_one(User, person.user_id).sub = "17"
    return person


CONTACTS = [Contact("17", "Ada@uni.example", "al"), Contact("18", "", ""), Contact("19", "x@y.z", "x")]


def find(
    runtime: Runtime, place: Place, *students: Student, said: dict[str, str] | None = None, by: tuple[By, ...] = ()
) -> list[Match]:
    with runtime.db.reading() as tx:
        return match(tx, placement_at(runtime, place), students, said or {}, by, CONTACTS)


def only(found: list[Match]) -> tuple[int | None, str | None, str]:
    (each,) = found
    return each.person.id if each.person else None, each.wanted, each.why_not


def test_an_id_that_happens_to_be_the_same_proves_nothing(runtime: Runtime, place: Place, ada: Someone) -> None:
    assert only(find(runtime, place, Student("17", "", ""))) == (None, None, "nothing says who that is")
    assert only(find(runtime, place, Student("17", "", ""), by=(By.ID,))) == (ada.user_id, "17", "")


@pytest.mark.parametrize(
    ("student", "by"),
    [
        (Student("a", "17", ""), ()),
        (Student("a", "", "ada@UNI.example"), (By.EMAIL,)),
        (Student("ada@uni.example", "", ""), (By.EMAIL,)),
        (Student("AL", "", ""), (By.USERNAME,)),
        (Student("AL", "", "x@y.z"), (By.EMAIL, By.USERNAME)),
    ],
)
def test_what_the_gradebook_and_the_lms_say_is_believed(
    runtime: Runtime, place: Place, ada: Someone, student: Student, by: tuple[By, ...]
) -> None:
    assert only(find(runtime, place, student, by=by)) == (ada.user_id, "17", "")


def test_a_list_is_believed_more_than_the_gradebook(runtime: Runtime, place: Place, ada: Someone) -> None:
    student = Student("a", "99", "x@y.z")

    assert only(find(runtime, place, student, said={"a": "17"}, by=(By.EMAIL,)))[0] == ada.user_id
    assert only(find(runtime, place, student, said={"a": ada.hub_name}))[:2] == (ada.user_id, "17")
    assert only(find(runtime, place, student))[1:] == ("99", "is not in the LMS course as a learner yet")


def test_an_export_of_this_tool_is_known_again(runtime: Runtime, place: Place, ada: Someone) -> None:
    assert only(find(runtime, place, Student(ada.hub_name, "", "")))[0] == ada.user_id


def test_nobody_becomes_two_students(runtime: Runtime, place: Place, ada: Someone) -> None:
    found = find(runtime, place, Student("a", "17", ""), Student("b", "", ""), said={"b": "17"})
    assert [each.person for each in found] == [None, None]
    assert "Ada would be several students; say which with --people" in found[0].why_not

    one, two = find(runtime, place, Student("a", "17", ""), Student(ada.hub_name, "55", ""))
    assert (one.person, two.person) == (None, None)
    assert "another student of the gradebook is called" in one.why_not


def test_whoever_is_somebody_here_is_nobody_else(runtime: Runtime, place: Place, ada: Someone, other: Someone) -> None:
    person, _wanted, why = only(find(runtime, place, Student(other.hub_name, "", ""), said={other.hub_name: "17"}))

    assert (person, why) == (None, f"{other.hub_name} is somebody else here, and not Ada")


def test_a_teacher_is_no_student(runtime: Runtime, place: Place) -> None:
    with runtime.db.transaction() as tx:
        tx.get_one(User, make_person(tx, place, "T", Role.TEACHER).user_id).sub = "20"

    assert only(find(runtime, place, Student("t", "20", "")))[0] is None
