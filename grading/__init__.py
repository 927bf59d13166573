"""Submissions, autograding, the gradebook, and passing grades back to the LMS."""
