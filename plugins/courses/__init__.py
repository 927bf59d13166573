"""Courses: modules of lessons and quizzes, written as a folder of files and imported."""
