"""Which servers a token of JupyterHub opens."""

import pytest

from grading.hub_tokens import ANY_SERVER, HubToken, marking_server_name, servers_in, writing_server_name
from jupyter_ext.hub.places import grade_server_name, write_server_name
from lti_tool.kernel.errors import Forbidden

ADA = "u-" + "a" * 26
KEY = "trees-7"


@pytest.mark.parametrize("key", [KEY, "an-introduction-to-data-science-7", "a-course-whose-name-is-cut-1234567890"])
def test_tool_and_hub_name_a_marking_server_alike(key: str) -> None:
    assert marking_server_name(key) == grade_server_name(key)
    assert writing_server_name(key) == write_server_name(key)


@pytest.mark.parametrize(
    ("scopes", "servers"),
    [
        (["users:activity!user=" + ADA], set()),
        ([f"access:servers!server={ADA}/"], {""}),
        ([f"access:servers!server={ADA}/grade-trees-7", 7, None], {"grade-trees-7"}),
        ([f"access:servers!server={ADA}b/grade-trees-7", "access:servers!server=u-b/grade-trees-7"], set()),
        ([f"access:servers!user={ADA}"], {ANY_SERVER}),
        (["access:servers!user=u-b", "read:servers", "access:services"], set()),
        (["access:servers"], {ANY_SERVER}),
    ],
)
def test_scopes_name_the_servers_of_their_owner(scopes: list[object], servers: set[str]) -> None:
    assert servers_in(scopes, ADA) == servers


@pytest.mark.parametrize("servers", [{""}, {"grade-trees-8"}, set(), {"grade-trees-71"}])
def test_only_the_marking_server_of_a_placement_reaches_its_class(servers: set[str]) -> None:
    with pytest.raises(Forbidden):
        HubToken(ADA, frozenset(servers)).require_marking_server(KEY)
    for enough in ("grade-trees-7", ANY_SERVER):
        HubToken(ADA, frozenset(servers | {enough})).require_marking_server(KEY)
