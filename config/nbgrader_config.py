"""nbgrader inside single-user servers: a learner's own, or a grader's or writer's for one course (the Hub names it)."""

import os

from jupyter_ext.singleuser.exchange import configure, configure_commands

c = get_config()  # nbgrader defines it while it reads this file

if os.environ.get("COURSEBRIDGE_COURSE"):
    c.CourseDirectory.course_id = os.environ["COURSEBRIDGE_COURSE"]
    c.CourseDirectory.root = os.environ["COURSEBRIDGE_COURSE_ROOT"]
    c.CourseDirectory.db_url = os.environ["COURSEBRIDGE_GRADEBOOK_URL"]
    c.FormgradeExtension.debug = False
    # what learners wrote is shown to the grader without its scripts: they would act with the grader's rights
    c.HTMLExporter.sanitize_html = True
    c.HTMLExporter.preprocessors = ["jupyter_ext.grader_view.HarmlessNotebook"]
    c.HTMLExporter.filters = {
        "markdown2html": "jupyter_ext.grader_view.markdown",
        "clean_html": "jupyter_ext.grader_view.clean",
    }
    c.Exchange.root = os.environ["HOME"]  # formgrader uses no exchange, it only wants to see a folder
    configure_commands(c)
elif os.environ.get("COURSEBRIDGE_WRITE"):
    c.CourseDirectory.root = os.environ["HOME"]  # has source/<quiz>/
    c.Exchange.root = os.environ["HOME"]
else:
    # learners' files are ~/<course>/<assignment>, so that two courses may both have a quiz-1
    configure(c)
