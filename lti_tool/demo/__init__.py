"""Campus: a small, strict LTI 1.3 Advantage platform to develop, show and test the tool against.

It shares no code with the tool and uses another JWT library (joserfc), so that a mistake in one is not repeated,
and hidden, in the other. Two profiles, ``moodle`` and ``canvas``, behave as those platforms were observed to.
"""

from lti_tool.demo.campus import Campus
from lti_tool.demo.config import CampusConfig, Clock
from lti_tool.demo.server import create_campus, run_campus

__all__ = ["Campus", "CampusConfig", "Clock", "create_campus", "run_campus"]
