"""What a teacher is told about their own launch: how the browser was recognised, the clocks, what the LMS allows."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from lti_tool.kernel.db import Tx
from lti_tool.lti.ags import SCORE_SCOPE
from lti_tool.lti.ladder import Rung, Step, read_step
from lti_tool.lti.models import Context, Link
from lti_tool.web.session import SignedIn

AHEAD_S, BEHIND_S = 5, 30
"""A token is made seconds before it comes: so far its clock may seem off and nothing be wrong."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, in words for a teacher."""

    title: str
    is_good: bool
    text: str
    advice: str = ""
    """What to do; empty: nothing."""


def list_findings(tx: Tx, session: SignedIn, *, sends_cookie: bool, leeway_s: int) -> list[Finding]:
    """What is known of the launch that made this session; what the LMS allows is for its teachers alone.

    `sends_cookie`: this very request came with our cookie.
    """
    launched = session.launched or {}
    found: list[Finding] = []
    if launched:
        found += [_rung(session, launched["rung"], read_step(launched["step"]), sends_cookie)]
        found += [_clock(session, launched["clock_ahead_s"], leeway_s)]
    return [*found, *_services(tx, session)] if session.role.is_staff else found


def _rung(session: SignedIn, rung: str, step: Step, sends_cookie: bool) -> Finding:
    title, platform = _("Your browser was recognised"), session.platform_name
    if rung == Rung.STORAGE:
        kept = _("%(platform)s kept your sign-in for this page (LTI platform storage).", platform=platform)
        cookie = _("Your browser keeps our cookie here as well.")
        none = _("Your browser keeps no cookie for this page inside the LMS, and none is needed.")
        return Finding(title, True, f"{kept} {cookie if sends_cookie else none}")
    if rung == Rung.WINDOW:
        return Finding(
            _("Your browser needs a window of its own"),
            False,
            _(
                "It keeps no cookie for this page inside %(platform)s, so the activity opened in a new window after "
                "one click. Everything works there, and grades arrive as usual.",
                platform=platform,
            ),
            _("To do without the click, allow cookies for this site in the browser.")
            if not session.role.is_staff
            else _(
                "To do without the click, allow cookies for this site in the browser, or set the activity in the LMS "
                "to open in a new window. Learners with the same browser see the same page."
            ),
        )
    text = _("It keeps our cookie, for the pages inside %(platform)s alone.", platform=platform)
    if step is Step.SILENT:
        text += " " + _("The LMS offered its own storage, too, but that did not answer in time; it was not needed.")
    return Finding(title, True, text)


def _clock(session: SignedIn, ahead_s: float, leeway_s: int) -> Finding:
    seconds = round(abs(ahead_s))
    if ahead_s > AHEAD_S:
        text = ngettext(
            "The clock of the LMS is %(num)d second ahead of ours.",
            "The clock of the LMS is %(num)d seconds ahead of ours.",
            seconds,
        )
        limit = _(
            "Launches are refused from %(limit)d seconds on. Tell the people who run the LMS: its clock should be "
            "set by the network (NTP).",
            limit=leeway_s,
        )
        return Finding(_("The clocks differ"), False, text, limit)
    if ahead_s < -BEHIND_S:
        text = ngettext(
            "The launch was signed %(num)d second before it came here, by our clock.",
            "The launch was signed %(num)d seconds before it came here, by our clock.",
            seconds,
        )
        return Finding(
            _("The clocks differ, or the way is slow"),
            False,
            text,
            _("If other pages are quick, tell the people who run the LMS that its clock may be behind."),
        )
    return Finding(
        _("The clocks agree"), True, _("The launch came within %(num)d seconds of being signed.", num=max(1, seconds))
    )


def _services(tx: Tx, session: SignedIn) -> Iterator[Finding]:
    link = tx.get(Link, session.link_id) if session.link_id else None
    context = tx.get(Context, session.context_id) if session.context_id else None
    if link is not None:
        yield _grades(session, link)
    if context is not None:
        yield _roster(session, context)


def _roster(session: SignedIn, context: Context) -> Finding:
    if context.memberships_url:
        text = _(
            "%(platform)s tells who is in the course, so learners are listed before they start.",
            platform=session.platform_name,
        )
        return Finding(_("The roster can be read"), True, text)
    text = _(
        "%(platform)s does not tell who is in the course. Learners are listed once they have been here.",
        platform=session.platform_name,
    )
    advice = _("Ask the people who run the LMS to switch on names and roles for this tool.")
    return Finding(_("The roster cannot be read"), False, text, advice)


def _grades(session: SignedIn, link: Link) -> Finding:
    if link.lineitem_url and SCORE_SCOPE in link.scopes:
        return Finding(
            _("Grades can be sent"),
            True,
            _("This activity has a column in the gradebook of %(platform)s.", platform=session.platform_name),
        )
    if SCORE_SCOPE in link.scopes:
        return Finding(
            _("This activity has no grades"),
            True,
            _("It has no column in the gradebook, which is right for a text or a video."),
            _("If it should be graded, add it anew by choosing the quiz from this tool."),
        )
    return Finding(
        _("Grades cannot be sent"),
        False,
        _("%(platform)s does not let this tool send grades.", platform=session.platform_name),
        _("Ask the people who run the LMS to allow assignment and grade services for this tool."),
    )
