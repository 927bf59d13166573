"""The pages that people see."""

from __future__ import annotations

import httpx
import pytest

from tests.functional.demo.conftest import Installed


def test_start_page_offers_everyone(either: Installed) -> None:
    page = either.http.get(f"{either.campus.base_url}/").text
    for name in ("Tess Tanaka", "Ada Lopez", "Olga Lopez", "Test Student"):
        assert name in page
    assert either.campus.profile.title in page


def test_login_goes_on_to_a_path_of_this_site_only(either: Installed) -> None:
    with either.campus.browser() as browser:
        assert browser.get("/login/ada?next=/grades").headers["location"] == "/grades"
        for away in ("//evil.example", "https://evil.example", "/\\evil.example"):
            assert browser.get("/login/ada", params={"next": away}).headers["location"] == "/course"
        assert browser.get("/login/nobody").status_code == 404
        assert browser.post("/logout").status_code == 303
        assert browser.get("/course").headers["location"] == "/"


@pytest.mark.parametrize(
    "path", ["/course", "/grades", "/people", "/admin", "/admin/faults", "/select/1", "/activities/1"]
)
def test_pages_render_for_the_teacher(either: Installed, path: str) -> None:
    either.score(comment="<b>Fine</b>")
    with either.campus.browser("tess") as browser:
        page = browser.get(path)
    assert page.status_code == 200
    assert "<b>Fine" not in page.text


@pytest.mark.parametrize("path", ["/people", "/admin", "/admin/faults", "/select/1"])
def test_teacher_pages_are_closed_to_learners(either: Installed, path: str) -> None:
    with either.campus.browser("ada") as browser:
        assert browser.get(path).status_code == 403
    with either.campus.browser() as browser:
        assert browser.get(path).status_code == 401


def test_activity_page_frames_the_tool(moodle: Installed, canvas: Installed) -> None:
    for site in (moodle, canvas):
        with site.campus.browser("ada") as browser:
            page = browser.get(f"/activities/{site.activity.id}").text
            assert f'src="/launch/{site.activity.id}"' in page
            assert ("post_message_forwarding" in page) is (site is canvas)
            assert browser.get("/activities/99").status_code == 404


def test_gradebook_shows_grade_comment_and_history(either: Installed) -> None:
    either.score(comment="Well done", scoreGiven=7.5)
    with either.campus.browser("tess") as browser:
        page = browser.get("/grades").text
    assert "7.5" in page
    assert "Well done" in page
    assert "1 received" in page
    assert "Ben Okafor" in page


def test_learner_sees_own_grades_and_observer_the_childs(either: Installed) -> None:
    either.score("ada", scoreGiven=7)
    for user in ("ada", "olga"):
        with either.campus.browser(user) as browser:
            page = browser.get("/grades").text
        assert "Ada Lopez" in page
        assert "Ben Okafor" not in page
        assert "Own grade" not in page


def test_teacher_overrides_and_lifts_a_grade(moodle: Installed) -> None:
    moodle.score()
    url = f"/grades/{moodle.campus.line_items(moodle.activity)[0].id}/ada"
    with moodle.campus.browser("tess") as browser:
        assert browser.post(url, data={"grade": "6,5"}).status_code == 303
        assert moodle.final() == 6.5
        assert "the tool says 8" in browser.get("/grades").text
        for wrong in ("eleven", "11", "nan"):
            assert browser.post(url, data={"grade": wrong}).status_code == 400
        browser.post(url, data={"grade": ""})
    assert moodle.final() == 8


def test_only_editors_delete_activities(either: Installed) -> None:
    url = f"/activities/{either.activity.id}/delete"
    for user, status in (("ada", 403), ("amir", 403), ("tess", 303)):
        with either.campus.browser(user) as browser:
            assert browser.post(url).status_code == status
    assert either.campus.activities() == []
    assert either.campus.line_items() == []


def test_empty_course_says_what_to_do(moodle: Installed) -> None:
    moodle.campus.campus.store.delete_activity(moodle.activity.id)
    with moodle.campus.browser("tess") as browser:
        assert "Select content" in browser.get("/course").text
    with moodle.campus.browser("ada") as browser:
        assert "Your teacher adds activities" in browser.get("/course").text


def test_administrator_registers_by_hand_and_accepts(moodle: Installed) -> None:
    with moodle.campus.browser("root") as browser:
        form = {"name": "Second", "base_url": "http://localhost:8500/", "client_id": "second"}
        assert browser.post("/admin/tools", data=form).status_code == 303
        assert browser.post("/admin/tools", data=form).status_code == 400
        tool = moodle.campus.campus.store.find_tool_by_client("second")
        assert tool is not None
        assert tool.login_url == "http://localhost:8500/lti/login"
        browser.post(f"/admin/tools/{tool.id}/state", data={"state": "pending"})
        assert "Accept Second" in browser.get("/admin").text
        browser.post(f"/admin/tools/{tool.id}/state", data={"state": "active"})
        assert "Accept Second" not in browser.get("/admin").text


def test_registration_page_frames_the_tool_and_listens(either: Installed) -> None:
    with either.campus.browser("tess") as browser:
        page = browser.post("/admin/register", data={"url": "http://localhost:8400/lti/register/abc"}).text
        assert "http://localhost:8400/lti/register/abc?openid_configuration=" in page
        assert "org.imsglobal.lti.close" in page
        assert browser.post("/admin/register", data={"url": "javascript:alert(1)"}).status_code == 400


def test_faults_page_sets_and_clears(moodle: Installed) -> None:
    with moodle.campus.browser("tess") as browser:
        browser.post("/admin/faults", data={"endpoint": "scores", "kind": "status", "value": "503", "times": "2"})
        assert "answers with this HTTP status (503)" in browser.get("/admin/faults").text
        assert (
            browser.post("/admin/faults", data={"endpoint": "scores", "kind": "slow", "value": "x"}).status_code == 400
        )
        browser.post("/admin/faults", data={"clear": "1"})
        assert "Everything works" in browser.get("/admin/faults").text


def test_rotating_the_key_on_the_page(moodle: Installed) -> None:
    with moodle.campus.browser("tess") as browser:
        browser.post("/admin/keys")
    assert len(moodle.http.get(moodle.campus.jwks_url).json()["keys"]) == 2


def test_unknown_page_is_a_calm_404(either: Installed) -> None:
    page = either.http.get(f"{either.campus.base_url}/nowhere")
    assert page.status_code == 404
    assert "Choose a person" in page.text


def test_json_api_mirrors_the_python_one(moodle: Installed) -> None:
    base = f"{moodle.campus.base_url}/_test"

    def post(path: str, **body: object) -> httpx.Response:
        return moodle.http.post(f"{base}/{path}", json=body)

    assert post("tools", base_url="http://localhost:1", client_id="c9", name="Nine").json()["name"] == "Nine"
    made = post("activities", title="Via JSON", lineItem={"scoreMaximum": 4}).json()
    assert post("people", username="dan", name="Dan Lee").json()["role"] == "learner"
    assert post("start-launch", user="dan", activity=made["id"]).json()["fields"]["iss"] == moodle.campus.issuer
    assert post("start-launch", user="nobody").status_code == 404
    assert post("mint", user="dan", activity=made["id"], header={"alg": "none"}).json()["id_token"].endswith(".")
    assert post("faults", endpoint="scores", kind="status", times=1).json()[0]["value"] == 500
    assert moodle.http.delete(f"{base}/faults").json() == []
    moodle.score()
    book = moodle.http.get(f"{base}/gradebook").json()
    assert book["ada"][0]["final"] == 8
    assert book["ada"][0]["history"][0]["status"] == 200
    post("override", line_item=book["ada"][0]["line_item"]["id"], user="ada", grade=1)
    assert moodle.final() == 1
    assert len(moodle.http.get(f"{base}/scores").json()) == 1
    assert post("keys", keep_old=False).json()["kid"]
    before = moodle.campus.clock.now()
    assert post("clock", advance=1000).json()["now"] >= before + 1000
    assert post("login", user="ada").headers["set-cookie"]
    assert "mint" not in moodle.http.get(f"{base}/state").text


def test_json_api_is_off_by_default() -> None:
    from lti_tool.demo import CampusConfig, create_campus

    app = create_campus(CampusConfig())
    assert app.test_client().get("/_test/state").status_code == 404
    app.extensions["campus"].close()
