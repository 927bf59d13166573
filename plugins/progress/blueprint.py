"""The blueprint that all pages hang on."""

from flask import Blueprint

blueprint = Blueprint("progress", __name__, url_prefix="/progress")
