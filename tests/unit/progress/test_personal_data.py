"""What is kept about a person can be handed out and removed."""

import json
from datetime import timedelta

from sqlalchemy import select

from lti_tool.kernel import clock
from lti_tool.kernel.runtime import Runtime
from plugins.progress.handlers import forget_old_time
from plugins.progress.models import ItemRow, LearnerRow, TimeRow
from plugins.progress.personal_data import erase_personal_data, export_personal_data
from plugins.progress.public import Learner
from plugins.progress.recording import record
from tests.factories.progress import T0, change, ref

SPAN = [(T0.timestamp(), T0.timestamp() + 60)]


def test_export_is_json_and_complete(runtime: Runtime, ada: Learner) -> None:
    with runtime.db.transaction() as tx, clock.frozen(T0 + timedelta(hours=1)):
        record(tx, [change(ada, "film", watched=[(0, 10)], spans=SPAN)])
        said = json.loads(json.dumps(export_personal_data(tx, ada.user_id)))

    assert said["courses"][0]["seconds"] == 60
    assert (said["items"][0]["item"], said["items"][0]["watched"]) == (ref("film"), [[0, 10]])


def test_erasing_leaves_others_their_progress(runtime: Runtime, ada: Learner) -> None:
    bob = Learner(ada.placement_id, 43)
    with runtime.db.transaction() as tx, clock.frozen(T0 + timedelta(hours=1)):
        record(tx, [change(who, "film", watched=[(0, 10)], spans=SPAN) for who in (ada, bob)])
        erase_personal_data(tx, ada.user_id)

    with runtime.db.reading() as tx:
        for table in (ItemRow, LearnerRow, TimeRow):
            assert list(tx.scalars(select(table.user_id))) == [43]


def test_old_time_is_forgotten_and_its_sum_stays(runtime: Runtime, ada: Learner) -> None:
    with runtime.db.transaction() as tx, clock.frozen(T0 + timedelta(hours=1)):
        record(tx, [change(ada, "trees", spans=SPAN)])
    with clock.frozen(T0 + timedelta(days=29)):
        forget_old_time(runtime)
        with runtime.db.reading() as tx:
            assert list(tx.scalars(select(TimeRow.user_id))) == [42]
    with clock.frozen(T0 + timedelta(days=32)):
        forget_old_time(runtime)
        with runtime.db.transaction() as tx:
            assert list(tx.scalars(select(TimeRow))) == []
            record(tx, [change(ada, "trees", spans=SPAN)])
            assert tx.scalars(select(LearnerRow.seconds)).one() == 60
