"""What a teacher may pick, and what follows: an answer to the LMS, or content for an activity that was opened empty."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from lti_tool.contract import Choice, Contents
from lti_tool.kernel import clock
from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import Forbidden, Gone, Invalid, NotFound
from lti_tool.kernel.once import use_once
from lti_tool.kernel.permissions import Right
from lti_tool.lti.column_updates import want_update
from lti_tool.lti.models import Link
from lti_tool.lti.people import record_placement, record_visit
from lti_tool.lti.sign_in import find_choice
from lti_tool.web.session import SignedIn

MOST_ITEMS = 50
SELECTION_USED = "selection_used"
"""Code of the refusal of a second answer."""


@dataclass
class Entry:
    """One line of the picker; `courses/pick.html` says what the fields are."""

    id: str
    kind: str
    title: str
    max_points: object
    chosen: bool = False


@dataclass
class Group:
    """A module and what is in it."""

    title: str
    entries: list[Entry] = field(default_factory=list)


def require_picker(session: SignedIn) -> None:
    """Raises: Forbidden: this session chooses nothing."""
    if session.deep_linking is None and not (Right.EDIT_COURSE in session.rights and session.link_id):
        raise Forbidden("role_refused", "Only teachers choose what an activity shows. Ask a teacher of this course.")


def takes_activities(session: SignedIn) -> bool:
    """Does the LMS take what this tool offers, where a teacher chooses content now?"""
    return session.deep_linking is None or "ltiResourceLink" in session.deep_linking["accept_types"]


def list_choices(tx: Tx, contents: Sequence[Contents], registration_id: int) -> list[Choice]:
    """Everything that a teacher of this platform may place."""
    return [choice for source in contents for choice in source.list_choices(tx, registration_id)]


def group_choices(choices: Sequence[Choice], chosen: str | None) -> list[Group]:
    """By module, in order. A whole course stands first, under its own title."""
    groups: list[Group] = []
    for choice in choices:
        title = choice.group or choice.course_title
        if not groups or groups[-1].title != title:
            groups.append(Group(title))
        entry = Entry(choice.ref, choice.kind, choice.title, choice.max_points, chosen=choice.ref == chosen)
        groups[-1].entries.append(entry)
    return groups


def require_choices(tx: Tx, contents: Sequence[Contents], session: SignedIn, refs: Sequence[str]) -> list[Choice]:
    """The choices behind what the form sent. Raises: Invalid: none or too many. NotFound: one is gone."""
    several = session.deep_linking is not None and session.deep_linking["accept_multiple"]
    if not refs:
        raise Invalid("nothing_chosen", "Choose what to add, then press the button again.")
    if len(refs) > (MOST_ITEMS if several else 1):
        raise Invalid("too_many_chosen", f"Choose at most {MOST_ITEMS if several else 1}.")
    found = [find_choice(tx, contents, session.registration_id, ref) for ref in dict.fromkeys(refs)]
    choices = [pair[1] for pair in found if pair]
    if len(choices) < len(found):
        raise NotFound("item_not_found", "Something that you chose is no longer there. Choose again.")
    return choices


def in_order(refs: Sequence[str], order: str) -> list[str]:
    """What was ticked, in the order of the ticks (`order`: references, one a line); the rest as listed."""
    ranks = {ref: rank for rank, ref in enumerate(order.split())}
    return sorted(refs, key=lambda ref: ranks.get(ref, len(ranks)))


def matching(choices: Sequence[Choice], words: str) -> list[Choice]:
    """The choices that have all these words in their title or module."""
    wanted = words.casefold().split()
    return [choice for choice in choices if all(word in f"{choice.title} {choice.group}".casefold() for word in wanted)]


def spend_selection(tx: Tx, session_digest: str, session_hours: int) -> None:
    """One deep linking launch gives one answer. Raises: Gone."""
    if not use_once(tx, "lti-selection", session_digest, clock.now() + timedelta(hours=session_hours)):
        raise Gone(SELECTION_USED, "Your choice was sent to the LMS already. To add more, choose content there again.")


def place_in_link(tx: Tx, session: SignedIn, choice: Choice) -> SignedIn:
    """Make the activity show this from now on; returns the session to go on with. Raises: NotFound."""
    link = tx.get(Link, session.link_id) if session.link_id else None
    if link is None or session.context_id is None:
        raise NotFound("link_not_found", "The activity is no longer known. Open it again from your course.")
    link.item_ref, link.is_inherited = choice.ref, False
    want_update(tx, link, choice)
    tx.flush()
    slug = choice.course_slug or None
    placement_id = record_placement(tx, session.context_id, slug) if slug else None
    record_visit(tx, session.user_id, link, session.role, placement_id)
    title = choice.course_title or session.course_title
    return replace(session, course_slug=slug, course_title=title, placement_id=placement_id)
