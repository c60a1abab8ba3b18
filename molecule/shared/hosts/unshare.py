# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher that uses util-linux alone. Its hosts may write to all of their control groups, version 1 included.

That is what a container engine inside needs where the machine keeps its controllers in version 1.
"""

from __future__ import annotations

from hosts.nspawn import FORBIDDEN, pairs
from hosts.state import Host, Scenario

# Arguments: the root, the data folder, the host's name, the control groups' version, and pairs of paths to bind.
SCRIPT = r"""
root=$1 data=$2 version=$4
hostname "$3"
shift 4
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc -o nosuid,nodev,noexec
# Only the host's own network is its to set; the rest is the machine's.
for place in sys sysrq-trigger acpi bus fs irq; do
  [ -e "proc/$place" ] || continue
  mount --bind "proc/$place" "proc/$place"
  mount -o remount,bind,ro,nosuid,nodev,noexec "proc/$place"
done
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,rw,nosuid,nodev,noexec proc/sys/net
mount -t sysfs sysfs sys -o nosuid,nodev,noexec
if [ "$version" = 2 ] || ! grep -q '^[1-9]' /proc/self/cgroup; then
  mount -t cgroup2 cgroup sys/fs/cgroup -o nosuid,nodev,noexec
else
  mount -t tmpfs tmpfs sys/fs/cgroup -o mode=755,nosuid,nodev,noexec
  while IFS=: read -r number names path; do
    place=sys/fs/cgroup/${names#name=}
    [ -n "$names" ] || place=sys/fs/cgroup/unified
    mkdir "$place"
    case $names in
      '') mount -t cgroup2 cgroup "$place" -o nosuid,nodev,noexec ;;
      name=*) mount -t cgroup cgroup "$place" -o "nosuid,nodev,noexec,none,$names" ;;
      *) mount -t cgroup cgroup "$place" -o "nosuid,nodev,noexec,$names" ;;
    esac
  done </proc/self/cgroup
  mount -o remount,bind,ro,nosuid,nodev,noexec sys/fs/cgroup
fi
mount -o remount,bind,ro,nosuid,nodev,noexec sys
mount -t tmpfs tmpfs dev -o mode=755,nosuid
mkdir dev/pts dev/shm dev/mqueue dev/net
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666,mode=620,gid=5
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for device in null zero full random urandom tty net/tun; do
  [ -e "/dev/$device" ] || continue
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mount -t tmpfs tmpfs run -o mode=755,nosuid,nodev
mount -t tmpfs tmpfs tmp -o mode=1777,nosuid,nodev
mount --bind "$data" var/lib/rancher
while [ $# -gt 0 ]; do
  if [ -d "$1" ]; then mkdir -p ".$2"; else mkdir -p ".${2%/*}"; : >>".$2"; fi
  mount --bind "$1" ".$2"
  shift 2
done
mkdir run/outside
pivot_root . run/outside
umount -l /run/outside
rmdir /run/outside
exec env -i container=testhost PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  setpriv "--bounding-set=$FORBIDDEN" "--inh-caps=$FORBIDDEN" /sbin/init
"""


def environment(scenario: Scenario) -> dict[str, str]:
    """Return what the command has to find in its environment."""
    return {"FORBIDDEN": ",".join(name.lower().replace("cap_", "-") for name in FORBIDDEN)}


def command(scenario: Scenario, host: Host) -> list[str]:
    """Return the command that is the host."""
    place = scenario.place(host)
    return [
        "nsenter",
        f"--net=/run/netns/{scenario.label(host)}",
        *("unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child"),
        *("sh", "-euc", SCRIPT, "sh"),
        str(place / "root"),
        str(place / "data"),
        host.name,
        scenario.cgroups,
        *(path for pair in pairs(scenario) for path in pair),
    ]
