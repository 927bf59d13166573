"""LTI 1.3 Advantage: platforms, launches, deep linking, grades and people.

What other parts may use is in `public` (questions and commands) and `messages` (facts); the rest is ours.
"""
