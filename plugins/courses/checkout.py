"""The way to pay for a course: a payment plugin says where, else the operator's words and a reference do."""

from collections.abc import Callable

from flask import Flask, current_app

EXTENSION = "coursebridge_checkout"
Checkout = Callable[[str], str | None]
"""`course slug` → address of the page where this session pays for it; None: not there."""


def set_checkout(app: Flask, checkout: Checkout) -> None:
    """Have the pages of unpaid courses lead there."""
    app.extensions[EXTENSION] = checkout


def checkout_url(slug: str) -> str | None:
    """Where the person of this request pays for a course; None: nobody takes money here."""
    checkout: Checkout | None = current_app.extensions.get(EXTENSION)
    return checkout(slug) if checkout else None


def payment_reference(slug: str, user_id: int) -> str:
    """What a bank transfer names, so that the operator knows whom and what it is for."""
    return f"{slug}-{user_id}"
