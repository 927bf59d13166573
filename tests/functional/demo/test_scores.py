"""What each platform does with a score."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.functional.demo.conftest import Installed

SUBMISSION = "https://canvas.instructure.com/lti/submission"
LATER = "2030-01-01T10:00:05+00:00"


def test_full_score_is_rescaled_to_the_column(either: Installed) -> None:
    assert either.score(scoreGiven=4, scoreMaximum=5).status_code == 200
    assert either.final() == 8


def test_every_score_is_on_record_also_refused_ones(either: Installed) -> None:
    either.score()
    either.score(activityProgress=None, timestamp=LATER)
    kept = either.campus.received_scores("ada")
    assert [s.status for s in kept] == [200, 400]
    assert "activityProgress" in kept[1].reason


def test_timestamp_without_zone_is_refused(either: Installed) -> None:
    assert either.score(timestamp="2030-01-01T10:00:00").status_code == 400


def test_progress_words_are_required(either: Installed) -> None:
    assert either.score(activityProgress="Done").status_code == 400
    assert either.score(gradingProgress=None).status_code == 400


def test_moodle_refuses_the_same_second_and_older(moodle: Installed) -> None:
    assert moodle.score(timestamp="2030-01-01T10:00:00.200+00:00").status_code == 200
    same = moodle.score(timestamp="2030-01-01T10:00:00.900+00:00", scoreGiven=9)
    older = moodle.score(timestamp="2030-01-01T09:59:59+00:00", scoreGiven=9)
    assert (same.status_code, older.status_code) == (409, 409)
    assert same.text == "[]"
    assert "timestamp" in same.reason_phrase
    assert moodle.final() == 8
    assert moodle.score(timestamp="2030-01-01T10:00:01+00:00", scoreGiven=9).status_code == 200


def test_canvas_refuses_only_older_scores(canvas: Installed) -> None:
    canvas.score(timestamp="2030-01-01T10:00:00.500+00:00")
    assert canvas.score(timestamp="2030-01-01T10:00:00.500+00:00", scoreGiven=7).status_code == 200
    assert canvas.score(timestamp="2030-01-01T10:00:00.400+00:00", scoreGiven=9).status_code == 400
    assert canvas.final() == 7


def test_moodle_erases_a_grade_that_is_not_fully_graded(moodle: Installed) -> None:
    moodle.score()
    assert moodle.score(timestamp=LATER, gradingProgress="PendingManual").status_code == 200
    assert moodle.final() is None


def test_moodle_erases_a_grade_without_points(moodle: Installed) -> None:
    moodle.score()
    moodle.score(timestamp=LATER, scoreGiven=None, scoreMaximum=None)
    assert moodle.final() is None


def test_moodle_caps_and_floors_scores(moodle: Installed) -> None:
    moodle.score(scoreGiven=15)
    assert moodle.final() == 10
    moodle.score(scoreGiven=-3, timestamp=LATER)
    assert moodle.final() == 0


def test_moodle_keeps_an_override(moodle: Installed) -> None:
    moodle.score()
    moodle.campus.override_grade("ada", moodle.activity, 3)
    assert moodle.score(scoreGiven=9, timestamp=LATER).status_code == 200
    assert moodle.final() == 3
    grade = moodle.campus.grade("ada", moodle.activity)
    assert grade is not None
    assert grade.score == 9


def test_moodle_refuses_teachers_and_strangers(moodle: Installed) -> None:
    assert moodle.score("tess").status_code == 400
    assert moodle.score("9999").status_code == 400


def test_moodle_breaks_on_a_user_id_that_is_no_number(moodle: Installed) -> None:
    broken = moodle.score("someone")
    assert broken.status_code == 502
    assert "<html>" in broken.text


def test_moodle_wants_the_maximum_and_the_exact_media_type(moodle: Installed) -> None:
    assert moodle.score(scoreMaximum=None).status_code == 400
    assert moodle.score(media="application/json").status_code == 400
    assert moodle.score(media="application/vnd.ims.lis.v1.score+json; charset=utf-8").status_code == 200


def test_canvas_counts_manual_grading_and_clears_other_states(canvas: Installed) -> None:
    canvas.score(gradingProgress="PendingManual")
    assert canvas.final() == 8
    canvas.score(gradingProgress="Pending", timestamp=LATER)
    assert canvas.final() is None


def test_canvas_keeps_the_grade_when_asked(canvas: Installed) -> None:
    canvas.score()
    canvas.score(gradingProgress="Pending", timestamp=LATER, **{SUBMISSION: {"preserve_score": True}})
    assert canvas.final() == 8


def test_moodle_does_not_know_the_submission_extension(moodle: Installed) -> None:
    moodle.score()
    moodle.score(gradingProgress="Pending", timestamp=LATER, **{SUBMISSION: {"preserve_score": True}})
    assert moodle.final() is None


def test_canvas_answers_422_to_a_missing_maximum_and_to_ungraded_people(canvas: Installed) -> None:
    assert canvas.score(scoreMaximum=None).status_code == 422
    assert canvas.score("tess").status_code == 422
    assert canvas.score("olga").status_code == 422
    assert canvas.score("nobody").status_code == 422
    assert canvas.score(scoreGiven=-1).status_code == 422


def test_canvas_allows_more_than_the_maximum(canvas: Installed) -> None:
    canvas.score(scoreGiven=12)
    assert canvas.final() == 12


def test_canvas_knows_the_numeric_id_too(canvas: Installed) -> None:
    number = canvas.campus.person("ada").id
    assert canvas.score(str(number)).status_code == 200
    assert canvas.final() == 8


def test_canvas_refuses_a_submission_from_the_future(canvas: Installed) -> None:
    now = canvas.campus.clock.now()
    near, far = (datetime.fromtimestamp(now + s, UTC).isoformat() for s in (30, 3600))
    assert canvas.score(submission={"submittedAt": far}).status_code == 400
    assert canvas.score(**{SUBMISSION: {"submitted_at": far}}).status_code == 400
    assert canvas.score(submission={"submittedAt": near}).status_code == 200


def test_canvas_counts_new_submissions_only(canvas: Installed) -> None:
    first = {"new_submission": True, "submission_type": "basic_lti_launch", "submission_data": "https://tool/x"}
    canvas.score(**{SUBMISSION: first})
    canvas.score(timestamp=LATER, **{SUBMISSION: {**first, "new_submission": False}})
    grade = canvas.campus.grade("ada", canvas.activity)
    assert grade is not None
    assert grade.submission["attempts"] == 1
    assert grade.submission["data"] == "https://tool/x"
    assert canvas.score(timestamp=LATER, **{SUBMISSION: {"submission_type": "poem"}}).status_code == 422


def test_canvas_override_stays_only_when_asked(canvas: Installed) -> None:
    canvas.campus.override_grade("ada", canvas.activity, 3)
    canvas.score(**{SUBMISSION: {"prioritize_non_tool_grade": True}})
    assert canvas.final() == 3
    canvas.score(timestamp=LATER)
    assert canvas.final() == 8


def test_results_show_the_final_grade(either: Installed) -> None:
    either.score(comment="Well done")
    either.score("ben", scoreGiven=2)
    either.campus.override_grade("ben", either.activity, 5)
    rows = either.http.get(either.under_item("results"), headers=either.bearer()).json()
    assert [(r["resultScore"], r["resultMaximum"]) for r in rows] == [(8, 10), (5, 10)]
    assert rows[0]["scoreOf"] == either.item_url
    assert rows[0]["comment"] == "Well done"
    one = either.campus.person("ben").sub
    params = {"user_id": one, **dict(p.split("=") for p in [either.item_url.partition("?")[2]] if p)}
    filtered = either.http.get(either.under_item("results"), params=params, headers=either.bearer()).json()
    assert [r["userId"] for r in filtered] == [one]


def test_moodle_results_break_on_limit(moodle: Installed) -> None:
    url = f"{moodle.under_item('results')}&limit=5"
    answer = moodle.http.get(url, headers=moodle.bearer())
    assert answer.status_code == 404
    assert "<html>" in answer.text


def test_canvas_results_come_in_pages(canvas: Installed) -> None:
    for user in ("ada", "ben", "chi"):
        canvas.score(user)
    first = canvas.http.get(f"{canvas.under_item('results')}?limit=2", headers=canvas.bearer())
    assert len(first.json()) == 2
    second = canvas.http.get(first.links["next"]["url"], headers=canvas.bearer())
    assert len(second.json()) == 1
    assert "next" not in second.links
