"""The learner's side of Coursebridge: what runs in a single-user Jupyter server.

It fetches quizzes from the tool, keeps a copy of every saved notebook in the course, and hands work in, all over
HTTP with the user's own JupyterHub token. It imports nothing of the tool.
"""
