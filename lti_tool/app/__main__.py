"""`python -m lti_tool.app` is the `coursebridge` command."""

from lti_tool.app.cli import main

main()
