"""Taking a learner out of a gradebook: marks, comments, and the notebooks beside it."""

import shutil

from grading.engine.files import check_name
from grading.engine.gradebook import writing
from grading.engine.nbgrader_parts import api
from grading.engine.site import Site

FOLDERS = ("submitted", "autograded", "feedback")


def forget(site: Site, learner: str) -> None:
    """Remove all that a gradebook has of a learner, in one transaction, then the files; safe to repeat."""
    check_name(learner)
    if not site.is_there():
        return
    with site.held():
        with writing(site.gradebook_url) as gradebook:
            try:
                gradebook.remove_student(learner)
            except api.MissingEntry:
                gradebook.db.rollback()
        for name in FOLDERS:
            shutil.rmtree(site.work / name / learner, ignore_errors=True)
