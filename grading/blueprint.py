"""The blueprint that all pages of grading hang on."""

from flask import Blueprint

blueprint = Blueprint("grading", __name__, url_prefix="/grading")
