"""The kernel is tested without any plugin."""

import pytest

from lti_tool.contract import Plugin


@pytest.fixture
def plugins() -> list[Plugin]:
    return []
