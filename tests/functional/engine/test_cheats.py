"""Nobody is paid silently for nothing: an attack gains nothing, or a teacher is told of it; and nobody else is."""

import textwrap
from collections.abc import Callable

import pytest

from grading.engine.canaries import WHY
from grading.engine.course import CourseRoot
from grading.engine.model import Marking
from tests.factories import cheats
from tests.factories.cheats import Cheat
from tests.functional.engine.conftest import LIMITS, SUBMITTED

Hand = Callable[[Cheat], Marking]


@pytest.fixture(scope="module")
def hand_in(tmp_path_factory: pytest.TempPathFactory) -> Hand:
    root = tmp_path_factory.mktemp("cheats")
    (root / "source" / "quiz").mkdir(parents=True)
    (root / "source" / "quiz" / "quiz.ipynb").write_bytes(cheats.QUIZ)
    course = CourseRoot(root)
    released = course.make_release("quiz").files["quiz.ipynb"]

    def hand(cheat: Cheat) -> Marking:
        files = {"quiz.ipynb": cheats.fill(released, cheat, str(root)), **cheat.files}
        learner = f"u-{cheat.name}"
        return course.mark("quiz", learner, files, submitted_at=SUBMITTED, attempt=1, limits=LIMITS)

    return hand


@pytest.mark.parametrize("cheat", cheats.CHEATS, ids=lambda cheat: cheat.name)
def test_nobody_is_paid_silently_for_nothing(hand_in: Hand, cheat: Cheat) -> None:
    result = hand_in(cheat)

    assert result.marks is not None
    if cheat.earns:
        assert result.marks.total > 0  # else the attack proves nothing
        assert result.suspicion is not None
        assert result.suspicion.startswith(f"{WHY} In quiz.ipynb a copy of ")
    else:
        assert result.marks.total == 0
        assert (result.suspicion is not None) == cheat.is_refused
    assert result.marks.max_score == len(cheats.TESTS)


@pytest.mark.parametrize("name", cheats.HONEST)
def test_honest_code_of_any_kind_is_paid(hand_in: Hand, name: str) -> None:
    result = hand_in(Cheat(name, textwrap.dedent(cheats.HONEST[name]).strip(), earns=True))

    assert result.marks is not None
    assert result.marks.total == len(cheats.TESTS), result.notebooks["quiz.ipynb"].decode()
    assert result.suspicion is None
