"""How soon the tool hears of a mark that was saved in formgrader."""

from itertools import accumulate

from jupyter_ext.grader_extension import FIRST_WAIT_S, LONGEST_WAIT_S, pauses_s


def test_a_saved_mark_is_reported_within_five_seconds_even_if_the_first_try_fails() -> None:
    tries = list(accumulate(pauses_s(FIRST_WAIT_S)))
    assert tries[1] < 5
    assert len(tries) > 2 and max(pauses_s(FIRST_WAIT_S)) == LONGEST_WAIT_S, "then with more and more patience"
