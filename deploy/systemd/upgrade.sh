#!/bin/sh
# Replaces the running name server by one with the code and configuration of now, without losing a query: starts the
# other of the instances `a` and `b` with --replace, which takes the sockets; the one before ends by itself.
# If the new one does not come up, the old one goes on, and this ends with 1. As root, after `git pull && npm ci --omit=dev`.
set -eu
cd /opt/isochrone
node_modules/.bin/node src/main.ts check --config /etc/isochrone/isochrone.yaml

old=a new=b
if systemctl --quiet is-active isochrone-serve@b; then old=b new=a; fi
if ! systemctl --quiet is-active "isochrone-serve@$old"; then
  exec systemctl start "isochrone-serve@$old"
fi
systemctl set-environment ISOCHRONE_REPLACE=--replace
trap 'systemctl unset-environment ISOCHRONE_REPLACE' EXIT
systemctl start "isochrone-serve@$new"
for _ in $(seq 60); do
  systemctl --quiet is-active "isochrone-serve@$old" || break
  sleep 1
done
if systemctl --quiet is-active "isochrone-serve@$old"; then
  echo "the new name server did not take over: see journalctl -u isochrone-serve@$new" >&2
  systemctl stop "isochrone-serve@$new"
  exit 1
fi
systemctl disable --quiet "isochrone-serve@$old"
systemctl enable --quiet "isochrone-serve@$new"
