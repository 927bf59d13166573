"""What a pod sees of a course: the `pre_spawn_hook` for KubeSpawner, on the claims of Zero to JupyterHub."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jupyter_ext.hub.places import COURSES_MOUNT, course_mounts

HOME_MOUNT = "/home/learner"
"""Where every server has its home (`singleuser.storage.homeMountPath`)."""


def in_pods(decide: Callable[[Any], Awaitable[None]], claim: str) -> Callable[[Any], Awaitable[None]]:
    """A `pre_spawn_hook` that lets `decide` (`admission`) say for which course a server is, and mounts that course.

    `claim` names the PersistentVolumeClaim, in the namespace of the servers, of the tool's data directory. Learners and
    writers get nothing of it: their work travels by HTTP.
    """

    async def hook(spawner: Any) -> None:
        await decide(spawner)
        if spawner.grade_course:
            mount_course(spawner, claim)

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


def _values(given: dict[str, Any] | list[Any]) -> list[dict[str, Any]]:
    """KubeSpawner takes both; the chart gives a dict."""
    return list(given.values() if isinstance(given, dict) else given)
