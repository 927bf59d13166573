"""Pages of errors that nobody foresaw."""

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from lti_tool.kernel.runtime import Runtime


def test_page_is_there_when_the_session_cannot_be_read(app: Flask, client: FlaskClient, runtime: Runtime) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with runtime.db.transaction() as tx:
        tx.execute(text("DROP TABLE web_session"))
    answer = client.get("/s/some-token/lti/pick")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text and "quote reference" in answer.text
    assert "frame-ancestors" in answer.headers["Content-Security-Policy"]
