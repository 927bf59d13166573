"""What this plugin offers."""

from lti_tool.contract import Plugin
from plugins.progress.models import MODELS

PLUGIN = Plugin(
    name="progress",
    summary="Progress of learners: percent, time, completion, where to go on.",
    requires=("lti", "grading"),
    models=MODELS,
)
