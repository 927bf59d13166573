"""The one blueprint that the pages of the console hang on."""

from flask import Blueprint

BLUEPRINT = Blueprint("admin", __name__, url_prefix="/admin")
