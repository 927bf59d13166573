"""The one blueprint that the view modules of LTI hang their pages on."""

from flask import Blueprint

BLUEPRINT = Blueprint("lti", __name__)
