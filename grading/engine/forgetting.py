"""Taking a learner out of a gradebook: marks, comments, and the notebooks beside it."""

import shutil

from grading.engine.gradebook import writing
from grading.engine.nbgrader_parts import api
from grading.engine.portable_folder import INBOUND, list_folders
from grading.engine.portable_names import find_name_problem
from grading.engine.site import Site

FOLDERS = ("submitted", "autograded", "feedback")


def forget(site: Site, learner: str) -> None:
    """Remove all that a gradebook has of a learner, in one transaction, then the files; safe to repeat."""
    if find_name_problem(learner):
        raise ValueError(f"{learner!r} cannot be the name of a learner")
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
        for name in list_folders(site.work / INBOUND):
            if name.startswith(f"{learner}+"):
                shutil.rmtree(site.work / INBOUND / name, ignore_errors=True)
