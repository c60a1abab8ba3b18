#!/bin/sh
# Runs a program in the guise of another host: a network with one address, a /run and cgroups of its own. The kernel, its
# features and its processes stay those of this machine, and nothing of it is changed.
#
# guise.sh ADDRESS CONTROLLERS INIT PROGRAM [ARGUMENT...]
#   CONTROLLERS  those of cgroup v2, with commas; - for none at all
#   INIT         systemd, or anything else
set -eu
if [ "${GUISE:-}" != on ]; then
  mapped=
  [ "$(id -u)" = 0 ] || mapped=--map-root-user
  GUISE=on exec unshare --mount --net $mapped "$0" "$@"
fi
address=$1 controllers=$2 init=$3
shift 3
PATH=$PATH:/usr/sbin:/sbin
ip link add eth0 type veth peer name wire
ip link set wire up
ip address add "$address/24" dev eth0
ip link set eth0 up
ip route add default via "${address%.*}.1" dev eth0
mount -t tmpfs none /run
[ "$init" != systemd ] || mkdir -p /run/systemd/system
mount -t tmpfs none /sys/fs/cgroup
[ "$controllers" = - ] || echo "$controllers" | tr , ' ' >/sys/fs/cgroup/cgroup.controllers
exec "$@"
