"""The heat strip: for each part, who has watched it."""

from plugins.video.watching import weigh_watching


def test_a_part_counts_who_has_watched_half_of_it() -> None:
    found = weigh_watching([[(0, 12)], [(0, 60)], [(10, 12), (13, 20)]], 60)

    assert [(part.start_s, part.end_s) for part in found.parts[:3]] == [(0, 5), (5, 10), (10, 15)]
    assert [part.learners for part in found.parts] == [2, 2, 2, 2, *[1] * 8]
    assert (found.learners, found.finished, found.mean_percent) == (3, 1, 45)


def test_what_one_learner_has_watched_twice_counts_once() -> None:
    found = weigh_watching([[(0, 10), (5, 10), (0, 10)]], 10)
    assert (found.mean_percent, [part.learners for part in found.parts]) == (100, [1, 1])


def test_long_videos_have_few_parts_of_round_length() -> None:
    found = weigh_watching([], 5400)
    assert len(found.parts) == 18
    assert (found.parts[1].start_s, found.parts[-1].end_s, found.mean_percent) == (300, 5400, 0)
