"""kill -9 of the workers at points between submit and passback, the broker emptied each time.

SQLite and PostgreSQL take every other point each: a worker takes seconds to start, and the long run has all on either.

Every submission ends graded once and delivered: none lost, none doubled, and no process is left behind. All of it is
real: course import, launch, upload, workers as `coursebridge up` starts them, broker, nbgrader in the sandbox, LMS.

A longer run: `COURSEBRIDGE_TEST_KILLS=200 make test-sqlite ARGS=tests/durability` kills that many times more, at random
points and at random moments, with several submissions at work (5 to 10 s a kill; `COURSEBRIDGE_TEST_SEED` repeats one).
`test_safeguards` takes safeguards away and shows that the same checks then fail.
"""

import os
import random
import time

import pytest

from tests.databases import KIND
from tests.durability.scene import Scene

pytestmark = pytest.mark.timeout(900)

POINTS = (
    "submit.stored",
    "submit.committed",
    "autograde.started",
    "autograde.claimed",
    "autograde.marked",
    "autograde.recorded",
    "autograde.committed",
    "passback.started",
    "passback.claimed",
    "passback.sent",
    "passback.recorded",
    "passback.committed",
)
HERE = POINTS[KIND == "postgresql" :: 2]
BEFORE = "gradebook.tables", "prepare.made"
"""Killed while the gradebook of the LMS course is made, and just after: the first launch has it made."""
SENT_TWICE = ("passback.sent", "passback.recorded")
"""Killed after the LMS took the score and before we wrote that down: it is sent again, the same score."""
NEVER_ANNOUNCED = ("passback.claimed",)
"""Killed when the LMS may have been told of a new submission: it is not told again, only given the score."""
MEANWHILE = 3
"""Scores of other learners that may be on their way at the moment of a kill: Canvas is sent four at once."""
KILLS = int(os.environ.get("COURSEBRIDGE_TEST_KILLS", "0"))
SEED = int(os.environ.get("COURSEBRIDGE_TEST_SEED", "0")) or random.randrange(1 << 30)
SLOW = "import time\ntime.sleep(3)"


def test_kill_at_each_point_loses_nothing_and_doubles_nothing(scene: Scene) -> None:
    left: list[str] = []
    for point in (*BEFORE, *HERE):
        in_submit = point.startswith("submit.")
        if not in_submit:
            scene.machine.start(crash_at=point)
        scene.submit(crash_at=point if in_submit else "")
        if not in_submit:
            scene.machine.wait_for_death()
            left += scene.machine.kill()
    scene.machine.start()
    scene.settle()
    left += scene.machine.kill()

    assert scene.problems() == []
    assert left == []
    submitted = len(BEFORE + HERE)
    posts, announcements = scene.posts_and_announcements()
    kills = sum(point.startswith("passback.") for point in HERE)
    sent_twice, never_announced = (sum(point in HERE for point in each) for each in (SENT_TWICE, NEVER_ANNOUNCED))
    assert 0 <= posts - (submitted + sent_twice) <= MEANWHILE * kills
    assert 0 <= (submitted - never_announced) - announcements <= MEANWHILE * kills


@pytest.mark.skipif(not KILLS, reason="only with COURSEBRIDGE_TEST_KILLS=n")
@pytest.mark.parametrize("campus", ["moodle", "canvas"], indirect=True)
@pytest.mark.parametrize("settings", [{"concurrency": 2}], indirect=True)
@pytest.mark.timeout(30 + 60 * KILLS)
def test_many_kills_at_random_lose_nothing_and_double_nothing(scene: Scene) -> None:
    print(f"COURSEBRIDGE_TEST_SEED={SEED}")
    chance, left = random.Random(SEED), []
    for _ in range(KILLS):
        point = chance.choice(["", *POINTS])
        in_submit = point.startswith("submit.")
        scene.machine.start(crash_at="" if in_submit else point)
        for _ in range(chance.randint(1, 3)):
            scene.submit(crash_at=point if in_submit else "")
        if point and not in_submit:
            scene.machine.wait_for_death()
        else:
            time.sleep(chance.uniform(2, 6))
        left += scene.machine.kill()
    scene.machine.start()
    scene.settle()
    left += scene.machine.kill()

    assert scene.problems() == []
    assert left == []
    assert scene.posts_and_announcements()[1] <= len(scene.handed)


@pytest.mark.one_database
def test_kill_in_the_middle_of_marking_leaves_no_sandbox_and_the_submission_is_marked(scene: Scene) -> None:
    scene.machine.start()
    scene.submit(code=SLOW)
    scene.machine.wait_for_kernel()

    assert scene.machine.kill() == []
    scene.machine.start()
    scene.settle()
    assert scene.problems() == []


@pytest.mark.skipif(KIND == "sqlite", reason="two workers on PostgreSQL and Redis")
def test_two_marking_workers_share_a_queue_and_one_is_killed_in_the_middle(scene: Scene) -> None:
    for _ in range(4):
        scene.submit(code="import time\ntime.sleep(1)")
    scene.machine.start(more=1)
    scene.wait_until_at_work(2)

    scene.machine.kill_one()
    scene.settle()
    left = scene.machine.kill()

    assert scene.problems() == []
    assert left == []
    assert sorted(scene.attempts_at_marking()) == [1, 1, 1, 2], "one had to begin again"
    assert scene.posts_and_announcements() == (4, 4)
