"""All pages of courses hang on this."""

from flask import Blueprint

blueprint = Blueprint("courses", __name__, url_prefix="/courses")
