"""nbgrader's tables as far as marks by hand need them; importing nbgrader itself takes seconds.

A test compares them with nbgrader's own.
"""

from sqlalchemy import Boolean, DateTime, Float, Text, column, table

assignment = table("assignment", column("id"), column("name", Text), column("duedate", DateTime))
notebook = table("notebook", column("id"), column("name", Text), column("assignment_id"))
cell = table("base_cell", column("id"), column("name", Text), column("notebook_id"), column("type", Text))
grade_cell = table("grade_cells", column("id"), column("max_score", Float), column("cell_type", Text))
task_cell = table("task_cells", column("id"), column("max_score", Float), column("cell_type", Text))
student = table(
    "student", column("id", Text), column("first_name", Text), column("last_name", Text), column("email", Text)
)
submission = table(
    "submitted_assignment",
    column("id"),
    column("assignment_id"),
    column("student_id", Text),
    column("timestamp", DateTime),
)
submitted = table(
    "submitted_notebook",
    column("id"),
    column("assignment_id"),
    column("notebook_id"),
    column("late_submission_penalty", Float),
)
grade = table(
    "grade",
    column("id"),
    column("notebook_id"),
    column("cell_id"),
    column("auto_score", Float),
    column("manual_score", Float),
    column("extra_credit", Float),
    column("needs_manual_grade", Boolean),
)
comment = table(
    "comment",
    column("id"),
    column("notebook_id"),
    column("cell_id"),
    column("auto_comment", Text),
    column("manual_comment", Text),
)

TABLES = (assignment, notebook, cell, grade_cell, task_cell, student, submission, submitted, grade, comment)
