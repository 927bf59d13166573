"""What the durability checks say when a safeguard is missing: they notice, so their silence means something."""

import time

import pytest

from tests.durability.conftest import LEASE_S
from tests.durability.scene import Scene

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize("guard", ["sandbox", "parent_watch"])
def test_check_notices_what_a_killed_worker_leaves_behind(scene: Scene, guard: str) -> None:
    scene.machine.start(guard_off=guard)
    scene.submit(code="import time\ntime.sleep(25)")
    scene.machine.wait_for_kernel()

    assert scene.machine.kill() != []


def test_check_notices_when_lapsed_leases_are_nobodys(scene: Scene) -> None:
    scene.machine.start(crash_at="autograde.claimed")
    scene.submit()
    scene.machine.wait_for_death()
    scene.machine.kill()
    scene.machine.start(guard_off="leases")
    time.sleep(2 * LEASE_S + 3)
    scene.machine.kill()

    assert "l0: attempts are [(1, 'running')]" in scene.problems()
    scene.machine.start()
    scene.settle()
    assert scene.problems() == []


def test_check_notices_when_the_outbox_is_not_written_with_the_grade(scene: Scene) -> None:
    scene.machine.start(guard_off="outbox")
    scene.submit()
    scene.machine.wait_for_death()
    scene.machine.kill()
    scene.machine.start()
    scene.settle()

    assert "l0: the outbox is not settled" in scene.problems()
