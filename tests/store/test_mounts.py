"""What a data directory is on: a place that stays, and one for a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortd.store.data_directory import DATABASE, StoreError
from shortd.store.mounts import check_place, file_system_of, is_of_network, mounted

MOUNTS = r"""
22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 28 0:50 / /srv rw,relatime shared:2 - nfs4 nas:/export rw,vers=4.2
41 40 0:51 / /srv/my\040data rw,relatime - cifs //nas/share rw
42 28 0:52 / /mnt/s rw master:3 propagate_from:2 - fuse.sshfs me@nas:/ rw
43 28 0:53 / /mnt/over rw - ext4 /dev/vdb rw
44 43 0:54 / /mnt/over rw - 9p share rw
torn line
"""


@pytest.mark.parametrize(
    ("folder", "kind", "is_far"),
    [
        ("/var/lib/shortd", "ext4", False),
        ("/srv", "nfs4", True),
        ("/srv/deep/down", "nfs4", True),
        ("/srv/my data/shortd", "cifs", True),
        ("/srv/my", "nfs4", True),
        ("/srvother", "ext4", False),
        ("/mnt/s/x", "fuse.sshfs", True),
        ("/mnt/over/x", "9p", True),
    ],
)
def test_what_a_folder_is_on(folder: str, kind: str, is_far: bool) -> None:
    assert file_system_of(Path(folder), mounted(MOUNTS)) == kind
    assert is_of_network(kind) is is_far


@pytest.mark.parametrize("kind", ["fuse.mergerfs", "fuseblk", "tmpfs", "zfs", "overlay", "btrfs"])
def test_file_systems_of_this_machine(kind: str) -> None:
    assert not is_of_network(kind)


def test_nothing_is_known_without_mounts() -> None:
    assert file_system_of(Path("/srv"), []) == ""


def test_a_place_that_would_be_lost_is_refused_until_there_are_data(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    check_place(directory, require_mount=False)
    for _ in range(2):
        with pytest.raises(StoreError, match="has no data in it and is no mount point"):
            check_place(directory, require_mount=True)
        assert not [*directory.glob("*")]
        directory.mkdir(exist_ok=True)
    (directory / DATABASE).parent.mkdir()
    (directory / DATABASE).touch()
    check_place(directory, require_mount=True)


def test_a_mount_point_will_do() -> None:
    check_place(Path("/proc"), require_mount=True)
