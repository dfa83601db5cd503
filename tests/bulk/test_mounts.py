"""Which paths lie on a network file system, by what Linux says is mounted."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from liangxin_async.bulk._mounts import is_network, kind_of, network_kind

MOUNTS = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 27 0:50 / /home rw,relatime shared:7 master:2 - nfs4 server:/home rw,vers=4.2
41 40 254:1 / /home/ann/fast rw - xfs /dev/vdb rw
42 27 0:51 / /mnt/two\040words rw - cifs //server/share rw
43 27 0:52 / /mnt/far rw - fuse.sshfs ann@host: rw
44 27 254:2 / /mnt/twice rw - nfs server:/old rw
45 27 254:3 / /mnt/twice rw - ext4 /dev/vdc rw
46 27 0:53 / /mnt/tab\011\134x rw - 9p host rw
a line that says nothing
47 27 0:54 / /mnt/cut
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/out/journal.sqlite", "ext4"),
        ("/", "ext4"),
        ("/home", "nfs4"),
        ("/home/ann/out/journal.sqlite", "nfs4"),
        ("/home/ann/fast/journal.sqlite", "xfs"),  # the longest one holds it
        ("/home/ann/faster/journal.sqlite", "nfs4"),  # and only at a whole name
        ("/homes/journal.sqlite", "ext4"),
        ("/mnt/two words/j", "cifs"),
        ("/mnt/tab\t\\x/j", "9p"),
        ("/mnt/far/j", "fuse.sshfs"),
        ("/mnt/twice/j", "ext4"),  # the later one covers the earlier
        ("/mnt/cut/j", "ext4"),
        ("/proc/j", "proc"),
    ],
)
def test_kind_of_the_mount_that_holds_a_path(path, kind):
    """The longest mount point above the path decides, the later of two at one place."""
    assert kind_of(PurePosixPath(path), MOUNTS) == kind


def test_kind_of_without_mounts():
    """A text that says nothing gives nothing."""
    assert kind_of(PurePosixPath("/a"), "") is None


@pytest.mark.parametrize(
    "kind",
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs"),
        *("lustre", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse"),
    ],
)
def test_is_network_of_what_others_serve(kind):
    """File systems of another machine are known by name."""
    assert is_network(kind)


@pytest.mark.parametrize(
    "kind",
    ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "apfs", "fuseblk", "fuse.bindfs"],
)
def test_is_network_of_local_ones(kind):
    """Disks, memory and their overlays are local."""
    assert not is_network(kind)


def test_network_kind_of_a_local_folder(tmp_path):
    """The real table of this machine is read; its temporary folder is local."""
    assert network_kind(tmp_path / "not there yet") is None
