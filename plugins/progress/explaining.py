"""A percentage in words that a learner can check."""

from collections.abc import Sequence

from flask_babel import gettext as _
from flask_babel import ngettext

from plugins.progress.outline import Needs, Rule, TextDone
from plugins.progress.standing import Part


def explain(parts: Sequence[Part], *, is_even: bool) -> list[str]:
    """One line for each kind of item that counts."""
    lines = [_explain_part(part) for part in parts]
    if not is_even:
        lines.append(_("Some count more than others"))
    return lines


def explain_rule(rule: Rule) -> str:
    """When the course is finished, in one or two sentences."""
    needs = {
        Needs.ALL: _("Finished when every required item is done."),
        Needs.LESSONS: _("Finished when every required lesson is done; quizzes do not count."),
        Needs.QUIZZES: _("Finished when every required quiz is done; lessons do not count."),
    }[rule.needs]
    texts = {
        TextDone.SEEN: "",
        TextDone.MARKED: _("A lesson is done when you mark it as done."),
    }[rule.texts]
    score = "" if rule.min_score is None else _("The quizzes need %(min)s %% on average.", min=rule.min_score)
    return " ".join(filter(None, [needs, texts if rule.needs is not Needs.QUIZZES else "", score]))


def spent_words(seconds: int) -> str:
    """Time spent: minutes, or hours and minutes."""
    minutes = seconds // 60
    if seconds and not minutes:
        return str(_("under 1 min"))
    if minutes < 60:
        return str(_("%(num)s min", num=minutes))
    return str(_("%(hours)s h %(minutes)s min", hours=minutes // 60, minutes=minutes % 60))


def _explain_part(part: Part) -> str:
    done = part.done
    if part.kind == "score":
        return str(_("Quizzes: %(mean)s %% on average, %(least)s %% needed", mean=done, least=part.total))
    words: dict[str, str] = {
        "lesson": ngettext("%(done)s of %(num)d lesson", "%(done)s of %(num)d lessons", part.total, done=done),
        "video": ngettext(
            "%(done)s of %(num)d video watched", "%(done)s of %(num)d videos watched", part.total, done=done
        ),
        "quiz": _quiz_words(part),
        "file": ngettext("%(done)s of %(num)d file", "%(done)s of %(num)d files", part.total, done=done),
        "link": ngettext("%(done)s of %(num)d link", "%(done)s of %(num)d links", part.total, done=done),
    }
    fallback: str = ngettext("%(done)s of %(num)d item", "%(done)s of %(num)d items", part.total, done=done)
    return words.get(part.kind, fallback)


def _quiz_words(part: Part) -> str:
    """Passed, where there is something to pass; without a pass mark a quiz is done when it is marked."""
    done = part.done
    if part.has_pass_mark:
        said = ngettext("%(done)s of %(num)d quiz passed", "%(done)s of %(num)d quizzes passed", part.total, done=done)
    else:
        said = ngettext("%(done)s of %(num)d quiz done", "%(done)s of %(num)d quizzes done", part.total, done=done)
    return str(said)
