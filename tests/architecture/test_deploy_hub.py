"""The values for Zero to JupyterHub: they set what exists, say what config/jupyterhub_config.py says, and make pods.

The chart hands `hub.config` to JupyterHub's classes as it is and runs `hub.extraConfig`; so does this. What it makes of
`singleuser` is KubeSpawner's settings, by the table in `SINGLEUSER` (the chart's files/hub/jupyterhub_config.py).
"""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kubernetes_validate
import kubespawner.spawner
import pytest
import yaml
from jupyterhub.app import JupyterHub
from jupyterhub.scopes import scope_definitions
from kubernetes_asyncio.client import ApiClient
from kubespawner import KubeSpawner
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from jupyter_ext.hub.authenticator import CoursebridgeAuthenticator
from jupyter_ext.hub.pods import in_pods
from jupyter_ext.hub.settings import HubSettings
from tests.architecture.test_deploy import VERSIONS, one

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parents[2]
FILE = ROOT / "config" / "deploy" / "zero-to-jupyterhub" / "values.yaml"
VALUES: dict[str, Any] = yaml.safe_load(FILE.read_text())
HUB, SERVERS = VALUES["hub"], VALUES["singleuser"]
CLASSES = {each.__name__: each for each in (JupyterHub, CoursebridgeAuthenticator, KubeSpawner)}
SINGLEUSER = {
    "cmd": "cmd",
    "defaultUrl": "default_url",
    "startTimeout": "start_timeout",
    "uid": "uid",
    "fsGid": "fs_gid",
    "extraEnv": "environment",
    "extraPodConfig": "extra_pod_config",
}
TOKEN = "the hub's own token"


@pytest.fixture
def hub_config(monkeypatch: pytest.MonkeyPatch) -> Config:
    """What JupyterHub is configured with by `hub.config` and then `hub.extraConfig`, in the Hub's environment."""
    for name, value in HUB["extraEnv"].items():
        monkeypatch.setenv(name, value if isinstance(value, str) else TOKEN)
    config = Config(HUB["config"])
    config.JupyterHub.services, config.JupyterHub.load_roles = [], []
    for code in HUB["extraConfig"].values():
        exec(compile(code, str(FILE), "exec"), {"c": config})
    return config


def server(name: str = "") -> Any:
    """KubeSpawner for one server of a person, configured as the chart does it from `singleuser`."""
    user = SimpleNamespace(name="u-" + "a" * 26, id=1, url="/user/a/", escaped_name="u-" + "a" * 26)
    hub = SimpleNamespace(public_host="", url="/hub/", base_url="/hub/", api_url="http://hub:8081/hub/api")
    spawner = KubeSpawner(config=Config({"KubeSpawner": HUB["config"]["KubeSpawner"]}), user=user, hub=hub)
    spawner.orm_spawner, spawner.port = SimpleNamespace(name=name, server=None), 8888
    for key, trait in SINGLEUSER.items():
        setattr(spawner, trait, SERVERS[key])
    spawner.image = ":".join(SERVERS["image"].values())
    for kind, short in (("memory", "mem"), ("cpu", "cpu")):
        setattr(spawner, f"{short}_limit", SERVERS[kind]["limit"])
        setattr(spawner, f"{short}_guarantee", SERVERS[kind]["guarantee"])
    home = {"name": "volume-a", "persistentVolumeClaim": {"claimName": "claim-a"}}
    spawner.storage_pvc_ensure = True
    spawner.volumes = {"volume-a": home}
    mount = {"name": "volume-a", "mountPath": SERVERS["storage"]["homeMountPath"]}
    spawner.volume_mounts = {"volume-a": mount}
    return spawner


def pod_of(name: str = "", course: str = "", environments: tuple[str, ...] = ()) -> dict[str, Any]:
    """The pod that KubeSpawner makes, as it goes to Kubernetes; twice started, as the object outlives its server."""

    async def make() -> Any:
        spawner = server(name)
        spawner.grade_course, spawner.quiz_environments = course, environments
        spawner.environment |= {"COURSEBRIDGE_ENVIRONMENTS": HUB["extraEnv"]["COURSEBRIDGE_JUPYTERHUB_ENVIRONMENTS"]}
        hook = in_pods(decided, "coursebridge-data")
        for _ in range(2):
            await hook(spawner)
        assert spawner.storage_pvc_ensure is not bool(course)
        async with ApiClient() as client:
            return client.sanitize_for_serialization(await spawner.get_pod_manifest())

    made: dict[str, Any] = asyncio.run(make())
    return made


async def decided(spawner: Any) -> None:
    """The tool has said what the server is for."""


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubespawner.spawner, "load_config", lambda **settings: None)


def test_every_setting_exists_and_takes_its_value(hub_config: Config) -> None:
    for name, section in hub_config.items():
        if name == "Spawner":
            continue
        traits = CLASSES[name].class_traits(config=True)
        assert not section.keys() - traits.keys(), name
        for trait, value in section.items():
            traits[trait]._validate(CLASSES[name].__new__(CLASSES[name]), value)
    assert set(HUB["extraEnv"]) - {"COURSEBRIDGE_URL", "COURSEBRIDGE_BASE_URL"} <= known_variables()


def known_variables() -> set[str]:
    text = (ROOT / "docs" / "hub.md").read_text()
    own = {f"COURSEBRIDGE_JUPYTERHUB_{name}" for name in re.findall(r"`([A-Z_]+)`", text)}
    return own | set(re.findall(r"COURSEBRIDGE_HUB__[A-Z_]+", text))


def test_rights_and_services_are_those_of_the_hub_on_one_machine(
    hub_config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COURSEBRIDGE_DATA_DIR", str(tmp_path))
    ours = PyFileConfigLoader("jupyterhub_config.py", path=str(ROOT / "config")).load_config()
    roles = {role["name"]: role for role in ours.JupyterHub.load_roles}
    assert VALUES["cull"]["removeNamedServers"] is True and roles.pop("idle-culler")  # the chart brings its own
    assert {name: {"name": name} | role for name, role in HUB["loadRoles"].items()} == roles
    assert all(scope.partition("!")[0] in scope_definitions for role in roles.values() for scope in role["scopes"])
    (watch,) = hub_config.JupyterHub.services
    (theirs,) = (each for each in ours.JupyterHub.services if each["name"] == "role-watch")
    assert watch["environment"] == theirs["environment"]
    assert watch["command"] == theirs["command"][-3:]
    for trait in ("allow_all", "manage_groups", "auth_refresh_age", "admin_users", "tool_url", "service_token"):
        assert hub_config.CoursebridgeAuthenticator[trait] == ours.CoursebridgeAuthenticator[trait], trait
    assert hub_config.JupyterHub.tornado_settings["cookie_options"] == {"samesite": "Lax", "secure": True}
    assert HubSettings.from_env().concurrent_spawns == 20 and HUB["concurrentSpawnLimit"] == 0
    assert (HUB["allowNamedServers"], HUB["namedServerLimitPerUser"]) == (True, HubSettings.grade_servers)


def test_there_is_no_secret_in_the_file() -> None:
    assert "valueFrom" in HUB["extraEnv"]["COURSEBRIDGE_HUB__SERVICE_TOKEN"]
    secret_keys = {"apiToken", "cookieSecret", "secretToken", "password", "service_token", "cookie_secret", "keys"}

    def keys(of: Any) -> set[str]:
        if isinstance(of, list):
            return set().union(*map(keys, of))
        return set(of) | set().union(*map(keys, of.values())) if isinstance(of, dict) else set()

    assert not keys(VALUES) & secret_keys


@pytest.mark.parametrize("version", VERSIONS)
def test_pod_of_a_learner_has_limits_and_their_home_alone(version: str) -> None:
    pod = pod_of()
    kubernetes_validate.validate(pod, version, strict=True)
    spec = pod["spec"]
    (container,) = spec["containers"]
    assert container["args"] == ["python", "-m", "jupyter_ext.server"]
    assert container["resources"]["limits"] == {"cpu": 2, "memory": 2 * 2**30}
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/home/learner"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "runAsUser": 10001}
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    assert TOKEN not in str(pod)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("course", ["", "notebooks-101-7"])
def test_pod_sees_the_environments_of_its_persons_quizzes_and_cannot_write_to_them(version: str, course: str) -> None:
    folders = ("0" * 64, "1" * 64)
    pod = pod_of("grade-notebooks-101-7" if course else "", course, folders)
    kubernetes_validate.validate(pod, version, strict=True)
    (container,) = pod["spec"]["containers"]
    mounts = [mount for mount in container["volumeMounts"] if mount["name"] == "environments"]
    assert mounts == [
        {
            "name": "environments",
            "mountPath": f"/environments/{folder}",
            "subPath": f"environments/{folder}",
            "readOnly": True,
        }
        for folder in folders
    ]
    (volume,) = (volume for volume in pod["spec"]["volumes"] if volume["name"] == "environments")
    assert volume["persistentVolumeClaim"]["claimName"] == "coursebridge-data"


@pytest.mark.parametrize("version", VERSIONS)
def test_pod_for_marking_sees_its_course_and_writes_to_the_gradebook_alone(version: str) -> None:
    pod = pod_of("grade-notebooks-101-7", "notebooks-101-7")
    kubernetes_validate.validate(pod, version, strict=True)
    (container,) = pod["spec"]["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    inside, own = "/courses/notebooks-101-7", "courses/notebooks-101/placements/7"
    paths = {path: mount["subPath"] for path, mount in mounts.items() if path != "/home/learner"}
    assert paths == {
        **{f"{inside}/{name}": f"courses/notebooks-101/{name}" for name in ("source", "release")},
        **{f"{inside}/{name}": f"{own}/{name}" for name in ("submitted", "autograded", "feedback", "gradebook")},
    }
    assert [path for path, mount in mounts.items() if not mount.get("readOnly")] == [
        "/home/learner",
        f"{inside}/gradebook",
    ]
    assert "claim-a" not in str(pod)
    account = (SERVERS["uid"], SERVERS["fsGid"])
    marking = one("Deployment")["spec"]["template"]["spec"]["securityContext"]
    assert account == (marking["runAsUser"], marking["fsGroup"])
