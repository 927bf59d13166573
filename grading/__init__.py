"""Quizzes done in notebooks: submissions, marking, the marks that count, and their way into the LMS gradebook."""
