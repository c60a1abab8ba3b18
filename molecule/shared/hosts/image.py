# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one image of all hosts: Debian's own packages, unpacked, made once and only read afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hosts.shell import HostError, remove_tree, say, wait

SUITE = "bookworm"
PACKAGES = [
    *("ca-certificates", "curl", "dbus", "iproute2", "iptables", "iputils-arping", "iputils-ping", "kmod"),
    *("libfaketime", "libpam-systemd", "nftables", "openssh-server", "openssl", "procps", "python3", "python3-apt"),
    *("sudo", "systemd", "systemd-sysv", "util-linux-extra"),
]
# Not installed: hosts have no way to an archive, and what a role installs there has to come from somewhere.
FETCHED = ["nginx", "python3-cryptography", "python3-packaging", "python3-venv", "ufw"]
# What mmdebstrap mounts and starts is gone with it, and it with this process, whatever ends that.
CONTAINED = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child")
APT = "APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get"
OPTIONS = (
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::GzipIndexes "true"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    f"--customize-hook={APT} clean",
    f"--customize-hook={APT} --yes --download-only --no-install-recommends install {' '.join(FETCHED)}",
    "--skip=cleanup/apt",
)
# A host has a copy of its own of what would else be one value for the whole machine.
SYSCTL_UNIT = """\
[Unit]
Description=Kernel settings of this host alone
DefaultDependencies=no
Before=systemd-sysctl.service sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'cd /var/lib/testhost/sysctl; find . -type f | while read -r f; do \\
  mount --bind "$f" "/proc/sys/$f"; done'

[Install]
WantedBy=sysinit.target
"""
FILES = {
    "etc/systemd/system/testhost-sysctl.service": SYSCTL_UNIT,
    "etc/systemd/journald.conf.d/testhost.conf": "[Journal]\nSystemMaxUse=16M\n",
    "etc/ssh/sshd_config.d/testhost.conf": "UseDNS no\nMaxSessions 100\nMaxStartups 100\n",
}
LINKS = {
    "etc/systemd/system/sysinit.target.wants/testhost-sysctl.service": "/etc/systemd/system/testhost-sysctl.service",
    # What would wait for the Internet or for a terminal, and what belongs to the machine's one kernel.
    **{
        f"etc/systemd/system/{unit}": "/dev/null"
        for unit in (
            "apt-daily.timer",
            "apt-daily-upgrade.timer",
            "console-getty.service",
            "dpkg-db-backup.timer",
            "e2scrub_all.timer",
            "e2scrub_reap.service",
            "fstrim.timer",
            "proc-sys-fs-binfmt_misc.automount",
            "sys-kernel-config.mount",
            "sys-kernel-debug.mount",
            "sys-kernel-tracing.mount",
            "systemd-binfmt.service",
        )
    },
}
# Each host gets these anew.
LEFT_OUT = ("etc/hostname", "etc/hosts", "etc/machine-id", "etc/resolv.conf", "var/lib/dbus/machine-id")


def key() -> str:
    """Return the name of the image that this recipe makes."""
    recipe = json.dumps([SUITE, PACKAGES, OPTIONS, FILES, LINKS, LEFT_OUT])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def cache() -> Path:
    """Return the folder that keeps images from one run to the next."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelops-serving" / "test-hosts"


def image() -> Path:
    """Return the unpacked image; make it where there is none."""
    place = cache() / key()
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with _locked(place.with_suffix(".lock")):
            if not place.is_dir():
                _make(place)
    return place


def _make(place: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise HostError("There is no mmdebstrap here to make the hosts' image with (Debian package: mmdebstrap).")
    # What an interrupted run left; the lock says that nobody else writes there.
    for old in place.parent.glob("*.part"):
        _remove(old)
    say(f"Making the image of the test hosts from Debian {SUITE} (once, about a minute)")
    began = time.monotonic()
    part = Path(tempfile.mkdtemp(suffix=".part", dir=place.parent))
    try:
        part.chmod(0o755)
        _install(part, began)
        _finish(part)
        part.rename(place)
    except BaseException:
        _remove(part)
        raise
    say(f"The image is ready after {time.monotonic() - began:.0f} s")


def _install(part: Path, began: float) -> None:
    command = [*CONTAINED, "mmdebstrap", *OPTIONS, f"--include={','.join(PACKAGES)}", SUITE, str(part)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                    break
                say(f"Still making the image, {time.monotonic() - began:.0f} s")
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode != 0:
            said.seek(0)
            raise HostError(f"mmdebstrap ended with {process.returncode}:\n{said.read()[-3000:]}")


def _remove(part: Path) -> None:
    def removed() -> bool:
        # Whoever writes there is about to end.
        remove_tree(part)
        return not part.exists()

    wait(removed, f"{part} to be removed", seconds=30)


def _finish(part: Path) -> None:
    for name in LEFT_OUT:
        (part / name).unlink(missing_ok=True)
    for name, text in FILES.items():
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).write_text(text, encoding="utf-8")
    for name, target in LINKS.items():
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).unlink(missing_ok=True)
        (part / name).symlink_to(target)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for somebody else who makes the image")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
