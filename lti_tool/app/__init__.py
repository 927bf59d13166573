"""The composition root: builds the app, the worker and the command line from settings and plugins."""
