#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs a command as two processes of one training, each on a host of its own: a network namespace,
# the two joined by a cable. Nothing else can be reached from there, names included.
#
#   two_hosts.sh [--kill SECONDS | --cut SECONDS] COMMAND [ARGUMENT...]
#
# --kill ends process 1 with SIGKILL after so many seconds, --cut pulls the cable; process 0 is then
# left to notice. "{rank}" in an argument becomes 0 or 1. The output of each goes to standard
# output, its lines marked; the exit status is the larger of the two, or process 0's alone after
# --kill or --cut. 77 (skipped) without root or iproute2.
set -u

usage() {
  sed -n '4,13s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

skip() {
  echo "two_hosts.sh: skipped: $1" >&2
  exit 77
}

mode=run
after=0
case "${1-}" in
  --kill | --cut)
    [ $# -ge 2 ] || usage
    mode=${1#--}
    after=$2
    shift 2
    ;;
esac
[ $# -ge 1 ] || usage

[ "$(id -u)" = 0 ] || skip "network namespaces need root"
command -v ip >/dev/null || skip "iproute2 is not installed"

name=hepar$$
pids=()
# shellcheck disable=SC2317  # The trap below calls it.
cleanup() {
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null; done
  for rank in 0 1; do ip netns delete "$name-$rank" 2>/dev/null; done
}
trap cleanup EXIT
trap 'exit 130' INT TERM

for rank in 0 1; do
  ip netns add "$name-$rank" 2>/dev/null || skip "this kernel or container gives no network namespace"
done
ip -n "$name-0" link add eth0 type veth peer name eth0 netns "$name-1" 2>/dev/null ||
  skip "this kernel or container gives no pair of virtual network interfaces"
for rank in 0 1; do
  ip -n "$name-$rank" address add "10.99.0.$((rank + 1))/24" dev eth0
  ip -n "$name-$rank" link set lo up
  ip -n "$name-$rank" link set eth0 up
done

for rank in 0 1; do
  # The shell that marks the lines is a child of its own, so that $! is the program itself.
  RANK=$rank WORLD_SIZE=2 LOCAL_RANK=0 MASTER_ADDR=10.99.0.1 MASTER_PORT=29500 \
    ip netns exec "$name-$rank" "${@//\{rank\}/$rank}" > >(sed -u "s/^/[$rank] /") 2>&1 &
  pids+=($!)
done

status=0
if [ "$mode" = run ]; then
  for pid in "${pids[@]}"; do
    wait "$pid"
    result=$?
    [ "$result" -gt "$status" ] && status=$result
  done
else
  sleep "$after"
  if [ "$mode" = kill ]; then
    disown "${pids[1]}" # Nothing is to be said of its end.
    kill -KILL "${pids[1]}"
  else
    ip -n "$name-0" link set eth0 down
  fi
  SECONDS=0
  wait "${pids[0]}"
  status=$?
  echo "two_hosts.sh: process 0 ended with status $status, $SECONDS s after the $mode"
fi
sleep 0.2 # For the last lines.
exit "$status"
