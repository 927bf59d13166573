"""What a pod sees of a course: the `pre_spawn_hook` for KubeSpawner, on the claims of Zero to JupyterHub."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jupyter_ext.hub.places import COURSES_MOUNT, course_mounts

HOME_MOUNT = "/home/learner"
"""Where every server has its home (`singleuser.storage.homeMountPath`)."""


def in_pods(decide: Callable[[Any], Awaitable[None]], claim: str) -> Callable[[Any], Awaitable[None]]:
    """A `pre_spawn_hook` that lets `decide` (`admission`) say for which course a server is, and mounts that course.

    `claim` names the PersistentVolumeClaim, in the namespace of the servers, of the tool's data directory. Of it every
    server gets the environments of the quizzes in its person's courses, to read; learners and writers nothing else:
    their work travels by HTTP.
    """

    async def hook(spawner: Any) -> None:
        await decide(spawner)
        if spawner.grade_course:
            mount_course(spawner, claim)
        mount_environments(spawner, claim)

    return hook


def mount_course(spawner: Any, claim: str) -> None:
    """Give a marking server its course below `/courses`, only the gradebook to write to, a home that ends with it."""
    mounts, volumes = _values(spawner.volume_mounts), _values(spawner.volumes)
    homes = {mount["name"] for mount in mounts if mount["mountPath"] == HOME_MOUNT} | {"home", "course"}
    spawner.storage_pvc_ensure = False
    spawner.volumes = [
        *(volume for volume in volumes if volume["name"] not in homes),
        {"name": "home", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "course", "persistentVolumeClaim": {"claimName": claim}},
    ]
    spawner.volume_mounts = [
        *(mount for mount in mounts if mount["name"] not in homes),
        {"name": "home", "mountPath": HOME_MOUNT},
        *(
            {
                "name": "course",
                "mountPath": mount.inside,
                "subPath": str(mount.outside),
                "readOnly": not mount.is_writable,
            }
            for mount in course_mounts(Path("courses"), spawner.grade_course)
        ),
    ]
    spawner.notebook_dir = COURSES_MOUNT


def mount_environments(spawner: Any, claim: str) -> None:
    """Give a server the environments that `admission` has named, where `COURSEBRIDGE_ENVIRONMENTS` says, to read."""
    place, name = spawner.environment["COURSEBRIDGE_ENVIRONMENTS"], "environments"
    mounts = [mount for mount in _values(spawner.volume_mounts) if mount["name"] != name]
    volumes = [volume for volume in _values(spawner.volumes) if volume["name"] != name]
    folders = spawner.quiz_environments
    if folders:
        volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claim}})
    for folder in folders:
        where = {"mountPath": f"{place}/{folder}", "subPath": f"environments/{folder}"}
        mounts.append({"name": name, "readOnly": True, **where})
    spawner.volumes, spawner.volume_mounts = volumes, mounts


def _values(given: dict[str, Any] | list[Any]) -> list[dict[str, Any]]:
    """KubeSpawner takes both; the chart gives a dict."""
    return list(given.values() if isinstance(given, dict) else given)
