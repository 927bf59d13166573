"""Two graders at one cell in formgrader: who saves over a mark that they have not seen is told, and nothing is lost.

nbgrader's page sends what is typed and compares nothing. `SCRIPT` goes into that page after nbgrader's own scripts:
each save says which states of the mark the page has seen (`seen`), those that it has sent itself included. The server
compares them with the gradebook and writes in one transaction. Whoever sends no `seen` saves as with nbgrader.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from nbgrader.api import MissingEntry
from nbgrader.server_extensions.formgrader import base
from sqlalchemy import text
from tornado import web

MARK = ("manual_score", "extra_credit")
COMMENT = ("manual_comment",)

SCRIPT = """<script>
(function () {
  var fields = [[Grade, ["manual_score", "extra_credit"]], [Comment, ["manual_comment"]]];
  function tell(text) {
    var close = $('<button type="button" class="close" data-dismiss="alert" aria-label="Close">&times;</button>');
    var box = $("#coursebridge-told");
    if (!box.length) {
      box = $('<div id="coursebridge-told" role="alert"></div>').css(
        {position: "fixed", bottom: 0, left: 0, right: 0, zIndex: 2000, padding: "1em"}).appendTo("body");
    }
    $('<div class="alert alert-danger" style="margin: 0"></div>').text(text).prepend(close).appendTo(box.empty());
  }
  fields.forEach(function (kind) {
    var model = kind[0].prototype, names = kind[1];
    function note(of, row) { of.seen = (of.seen || []).concat([_.pick(row, names)]).slice(-20); }
    model.parse = function (row) { note(this, row); return row; };
    model.save = function (values, options) {
      var that = this, seen = this.seen;
      var sent = _.extend({}, this.attributes, values);
      note(this, sent);
      return Backbone.Model.prototype.save.call(this, values, _.extend({}, options, {
        attrs: _.extend({}, sent, {seen: seen}),
        error: function (_model, answer) {
          var said = answer.responseJSON || {};
          if (said.now) { that.seen = [_.pick(said.now, names)]; that.set(said.now); that.trigger("refused"); }
          tell(said.message || "This was not saved. Check the connection, then change it again.");
        }
      }));
    };
  });
  [GradeUI, CommentUI].forEach(function (ui) {
    var start = ui.prototype.initialize;
    ui.prototype.initialize = function () {
      start.apply(this, arguments);
      this.listenTo(this.model, "refused", function () { this.$glyph.hide(); this.render(); });
    };
  });
})();
</script>"""


class ComparesFirst(base.BaseApiHandler):
    """Mixed into the handlers that save: 409 with the row as it is, if the page has not seen it so."""

    finder = ""
    """Name of the gradebook's method that finds the row."""
    compared: Sequence[str] = ()
    """Columns of it."""

    @web.authenticated
    @base.check_xsrf
    def put(self, row_id: str) -> None:
        """Save, unless somebody else has changed it since."""
        seen = self.get_json_body().get("seen")
        if isinstance(seen, list):
            self.gradebook.db.rollback()
            self.gradebook.db.execute(text("BEGIN IMMEDIATE"))  # nobody writes between the comparison and the save
            try:
                row = getattr(self.gradebook, self.finder)(row_id).to_dict()
            except MissingEntry as error:
                raise web.HTTPError(HTTPStatus.NOT_FOUND) from error
            if not any(_is_same(row, state, self.compared) for state in seen):
                self.gradebook.db.rollback()
                self.set_status(HTTPStatus.CONFLICT)
                self.finish(json.dumps({"message": _tell(row), "now": row}))
                return
        super().put(row_id)


def _is_same(row: Mapping[str, Any], state: Any, names: Sequence[str]) -> bool:
    return isinstance(state, dict) and all(_plain(name, row[name]) == _plain(name, state.get(name)) for name in names)


def _plain(name: str, value: Any) -> Any:
    """Points come as numbers from the gradebook and as text from a page; nothing and an empty text are the same."""
    try:
        return float(value) if name in MARK else value or None
    except (TypeError, ValueError):
        return value or None


def _tell(row: Mapping[str, Any]) -> str:
    if "manual_comment" in row:
        what = f"has saved this comment: “{row['manual_comment']}”" if row["manual_comment"] else "took the comment off"
    elif row["manual_score"] is None:
        what = "took the points by hand away"
    else:
        what = f"has saved {row['manual_score']:g} points"
        what += f" and {row['extra_credit']:g} extra" if row["extra_credit"] else ""
    return (
        f"Somebody else {what} here after you had opened this page. That is shown now, and yours is not saved. "
        "Type yours again if it is to take its place."
    )
