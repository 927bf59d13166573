"""The marking engine: nbgrader's rules over one course folder, with the learner's code sealed off.

`grading.engine.model` holds its plain values and is light; `grading.engine.course` does the work
and imports nbgrader, which takes about a second.
"""
