"""What this part offers."""

from lti_tool.contract import Plugin
from lti_tool.lti import views
from lti_tool.lti.blueprint import BLUEPRINT
from lti_tool.lti.models import MODELS

PLUGIN = Plugin(name="lti", summary="LTI 1.3 Advantage.", models=MODELS, blueprints=(BLUEPRINT,))
