"""Whether a path lies on a file system that another machine serves.

SQLite's write-ahead log needs memory that all its users share, and locks that hold;
over a network it has neither for certain. Linux tells what is mounted where in
/proc/self/mountinfo (see proc(5)); on other systems nothing is known here, and nothing
is refused.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

_MOUNTS = Path("/proc/self/mountinfo")

# Names as Linux gives them: served by another machine, or shared by several.
_NETWORK = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb3"),
        *("smbfs",),
    )
)
# The same behind FUSE, which says "fuse.<name>".
_NETWORK_FUSE = frozenset(
    (
        *("ceph", "ceph-fuse", "curlftpfs", "davfs", "davfs2", "gcsfuse", "glusterfs"),
        *("goofys", "grpcfuse", "gvfsd-fuse", "juicefs", "mountpoint-s3", "rclone"),
        *("s3fs", "smbnetfs", "sshfs"),
    )
)
_OCTAL = re.compile(r"\\([0-7]{3})")  # how blanks and backslashes are written


def network_kind(path: Path) -> str | None:
    """Return the kind of network file system that `path` lies on, such as "nfs4".

    Args:
        path: absolute, without symbolic links; need not exist.

    Returns:
        None where it is local, or where the system does not tell.
    """
    try:
        mountinfo = _MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:  # not Linux, or /proc is hidden
        return None
    kind = kind_of(PurePosixPath(path), mountinfo)
    return kind if kind is not None and is_network(kind) else None


def is_network(kind: str) -> bool:
    """Return whether a file system of this kind is reached over a network."""
    family, _, name = kind.partition(".")
    return kind in _NETWORK or (family == "fuse" and name in _NETWORK_FUSE)


def kind_of(path: PurePosixPath, mountinfo: str) -> str | None:
    """Return the kind of file system that holds `path`, or None if none does.

    The longest mount point above the path holds it; of two at one place the later one
    covers the earlier.
    """
    found, depth = None, 0
    for line in mountinfo.splitlines():
        place, dash, source = line.partition(" - ")
        fields = place.split(" ")
        if not dash or len(fields) < 5:
            continue
        point = PurePosixPath(_OCTAL.sub(lambda m: chr(int(m[1], 8)), fields[4]))
        if len(point.parts) >= depth and path.is_relative_to(point):
            found, depth = source.split(" ")[0], len(point.parts)
    return found
