"""`coursebridge course grant` and `revoke`: payments that an operator learns of, as by bank transfer."""

import click

from lti_tool.kernel.db import Tx
from lti_tool.kernel.errors import NotFound
from lti_tool.kernel.runtime import Runtime
from lti_tool.lti import public as lti
from plugins.courses import public

SOURCE = "transfer"
_reference = click.option(
    "--reference", required=True, help="What the payment is known by, as on the bank's statement; up to 100 characters."
)


@click.command("grant")
@click.argument("slug")
@click.argument("person")
@_reference
@click.pass_obj
def grant_command(runtime: Runtime, slug: str, person: str, reference: str) -> None:
    """Record that PERSON has paid for the course SLUG, and let them in.

    PERSON is the number at the end of the reference that the course page shows (`trees-12`), that reference, or the
    name in JupyterHub (`u-…`).
    """
    with runtime.db.transaction() as tx:
        found = _find_person(tx, slug, person)
        is_new = public.grant(tx, found.id, slug, SOURCE, _check(reference))
    click.echo(f"{found.display_name} takes {slug}." if is_new else f"That is recorded already: {found.display_name}.")


@click.command("revoke")
@click.argument("slug")
@click.argument("person")
@_reference
@click.pass_obj
def revoke_command(runtime: Runtime, slug: str, person: str, reference: str) -> None:
    """Record that a payment of PERSON for the course SLUG was given back.

    They keep the course if another payment, a code or their LMS course lets them in; what they did stays.
    """
    with runtime.db.transaction() as tx:
        found = _find_person(tx, slug, person)
        was_valid = public.revoke(tx, found.id, slug, SOURCE, _check(reference))
        taking = public.find_taking(tx, found.id, slug)
    if not was_valid:
        raise NotFound("payment_not_found", f"No valid payment {reference} of {found.display_name} is recorded.")
    stays = taking is not None and taking.is_active
    click.echo(f"Recorded. {found.display_name} {'still takes' if stays else 'no longer takes'} {slug}.")


def _find_person(tx: Tx, slug: str, said: str) -> lti.Person:
    number = said.removeprefix(f"{slug}-")
    if number.isascii() and number.isdecimal() and len(number) < 10:
        return lti.get_person(tx, int(number))
    person = lti.find_person_by_hub_name(tx, said)
    if person is None:
        raise NotFound("person_not_found", f"There is nobody called {said}.")
    return person


def _check(reference: str) -> str:
    text = " ".join(reference.split())
    if not 0 < len(text) <= 100:
        raise click.BadParameter("It has 1 to 100 characters.", param_hint="--reference")
    return text
