"""The manifests of config/deploy/kubernetes, sound by the schemas and sealed where it matters; the units of systemd."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from config.settings import unknown_variables
from grading.commands import sandbox
from lti_tool.app.cli import cli

FOLDER = Path(__file__).parents[2] / "config" / "deploy" / "kubernetes"
OBJECTS: list[dict[str, Any]] = [
    each for path in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())
]
VERSIONS = ("1.31", "1.37")


def one(kind: str) -> dict[str, Any]:
    (found,) = (each for each in OBJECTS if each["kind"] == kind)
    return found


def pod() -> dict[str, Any]:
    found: dict[str, Any] = one("Deployment")["spec"]["template"]["spec"]
    return found


def containers() -> list[dict[str, Any]]:
    return [*pod()["initContainers"], *pod()["containers"]]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("found", OBJECTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_each_object_is_what_kubernetes_takes(found: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(found, version, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    wrong = one("NetworkPolicy") | {"spec": one("NetworkPolicy")["spec"] | {"egres": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_pods_keep_to_the_strictest_standard() -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, which the namespace enforces."""
    assert one("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    shared = pod()["securityContext"]
    assert shared["runAsNonRoot"] is True
    assert shared["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & pod().keys()
    assert pod()["automountServiceAccountToken"] is False
    for each in containers():
        assert each["securityContext"]["allowPrivilegeEscalation"] is False
        assert each["securityContext"]["readOnlyRootFilesystem"] is True
        assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory", "ephemeral-storage"} == each["resources"]["limits"].keys()
    assert {next(iter(volume.keys() - {"name"})) for volume in pod()["volumes"]} == {
        "persistentVolumeClaim",
        "emptyDir",
    }


def test_pods_run_in_the_runtime_class_and_under_the_policy() -> None:
    assert pod()["runtimeClassName"] == one("RuntimeClass")["metadata"]["name"]
    policy = one("NetworkPolicy")["spec"]
    assert (policy["podSelector"], policy["ingress"]) == ({}, [])
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert sorted(port["port"] for rule in policy["egress"] for port in rule["ports"]) == [53, 53, 5432, 6379, 9000]
    assert all(peer.keys() == {"namespaceSelector", "podSelector"} for rule in policy["egress"] for peer in rule["to"])
    names = {one("Namespace")["metadata"]["name"]}
    assert {each["metadata"].get("namespace") for each in OBJECTS} - {None} == names


def test_they_call_the_tool_as_it_is() -> None:
    variables = {item["name"]: "" for each in containers() for item in each["env"]}
    assert unknown_variables(variables) == []
    commands = {**cli.commands, "sandbox": sandbox}
    for each in containers():
        name, *arguments = each["args"]
        commands[name].make_context(name, arguments)


def test_memory_is_enough_for_what_a_worker_may_use() -> None:
    """Submissions at once, each with the most that a teacher may ask for, beside the worker and its warm processes."""
    (worker,) = pod()["containers"]
    said = {item["name"]: item.get("value") for item in worker["env"]}
    at_once = int(worker["args"][worker["args"].index("--concurrency") + 1])
    most = max(int(said["COURSEBRIDGE_GRADING__MEMORY_MB"]), int(said["COURSEBRIDGE_QUIZZES__MAX_MEMORY_MB"]))
    limit = worker["resources"]["limits"]["memory"]
    assert limit.endswith("Gi")
    assert int(limit.removesuffix("Gi")) * 1024 >= at_once * (most + 600 + 400) + 400


UNITS = sorted(FOLDER.parent.glob("systemd/*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_of_systemd_has_each_process_told_by_the_first_and_names_real_settings(unit: Path) -> None:
    lines = [line.partition("=")[::2] for line in unit.read_text().splitlines() if not line.startswith(("#", "["))]
    told = dict(lines)

    assert told["KillMode"] == "mixed", "sandboxes and pools are not to be told to stop by anybody else"
    names = [value.partition("=")[0] for name, value in lines if name == "Environment"]
    assert names
    assert unknown_variables(dict.fromkeys(names, "")) == []


def test_there_is_a_unit_for_the_tool_and_one_for_the_hub() -> None:
    commands = [re.search(r"^ExecStart=\S+/bin/(.+)$", unit.read_text(), re.MULTILINE) for unit in UNITS]

    assert [found and found[1] for found in commands] == ["python -m jupyter_ext.hub", "coursebridge up"]
    assert "up" in cli.commands
