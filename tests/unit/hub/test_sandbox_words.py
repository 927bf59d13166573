"""bubblewrap's arguments, for each way the Hub may run. The sandbox itself is proven in tests/functional/hub."""

from pathlib import Path

from jupyter_ext.hub.sandbox import Confinement, Limits, arguments, inner_command
from jupyter_ext.hub.spawner import make_home


def words(confinement: Confinement) -> str:
    return " ".join(arguments(confinement, info_fd=9, etc={"passwd": 10}))


def test_without_an_account_a_user_namespace_is_made(tmp_path: Path) -> None:
    said = words(Confinement(tmp_path, "/home/learner"))
    assert "--unshare-user --uid 1000 --gid 1000 --cap-drop ALL" in said
    assert inner_command(Confinement(tmp_path, "/home/learner"), ["x"])[0] == "/usr/bin/env"


def test_with_an_account_root_is_left_for_good(tmp_path: Path) -> None:
    confinement = Confinement(tmp_path, "/home/learner", account=200_001)
    assert "--unshare-user" not in words(confinement)
    assert inner_command(confinement, ["x"])[:3] == ["/usr/bin/setpriv", "--reuid", "200001"]
    assert "--no-new-privs" in inner_command(confinement, ["x"])


def test_processes_ipc_and_the_hosts_kernel_files_are_kept_apart(tmp_path: Path) -> None:
    said = words(Confinement(tmp_path, "/home/learner"))
    for option in (
        "--unshare-pid",
        "--unshare-ipc",
        "--new-session",
        "--ro-bind-try /proc/sys /proc/sys",
        "--remount-ro /",
    ):
        assert option in said
    assert "--die-with-parent" not in said  # a restarted Hub finds its servers again
    assert "--share-net" not in said


def test_a_project_below_tmp_is_shown_to_other_accounts_too() -> None:
    said = words(Confinement(Path("/srv/homes/u-a"), "/home/learner", read_only=(Path("/tmp/project/jupyter_ext"),)))
    assert said.index("--tmpfs /tmp ") < said.index("--perms 0755 --dir /tmp/project ")


def test_hidden_folders_inside_shown_ones_are_covered(tmp_path: Path) -> None:
    hidden = tmp_path / "shown" / "secret"
    hidden.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    confinement = Confinement(
        tmp_path, "/home/learner", read_only=(tmp_path / "shown",), hidden=(hidden, elsewhere), limits=Limits()
    )
    assert f"--tmpfs {hidden}" in words(confinement)
    assert str(elsewhere) not in words(confinement)


def test_limits_are_set_where_they_are_wanted(tmp_path: Path) -> None:
    confinement = Confinement(tmp_path, "/home/learner", limits=Limits(memory=5, processes=7))
    command = inner_command(confinement, ["x"])
    assert "--data=5:5" in command
    assert "--nproc=7:7" in command
    assert not any(word.startswith(("--cpu", "--fsize")) for word in command)


def test_home_is_the_persons_alone(tmp_path: Path) -> None:
    home = make_home(tmp_path / "homes", "u-a", None)
    assert home.stat().st_mode & 0o777 == 0o700
    assert home.parent.stat().st_mode & 0o777 == 0o700
