#!/bin/sh
# The one test command: installs what is missing, then runs type check, lint and all tests.
# On Debian, as root or with sudo, it installs the real servers and tools that the tests run against;
# elsewhere it says what to install. Ends with the test runner's own summary.
set -eu
cd "$(dirname "$0")/.."

packages='redis-server:redis-server unbound:unbound dig:bind9-dnsutils named-checkzone:bind9-utils named:bind9
nsd:nsd gdnsd:gdnsd knotd:knot kdig:knot-dnsutils curl:curl openssl:openssl ip:iproute2 dnsmasq:dnsmasq-base
pdns_recursor:pdns-recursor kresd:knot-resolver promtool:prometheus dnsperf:dnsperf dnsdist:dnsdist git:git
python3:python3 chromium:chromium amtool:prometheus-alertmanager fstrm_capture:fstrm-bin'
PATH="$PATH:/usr/sbin:/sbin"
missing=''
for pair in $packages; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
  as_root=''
  [ "$(id -u)" -eq 0 ] || as_root='sudo -n'
  if command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || sudo -n true 2>/dev/null; }; then
    echo "installing for the tests:$missing"
    # Installed services must not start by themselves: the tests start their own on loopback.
    policy=/usr/sbin/policy-rc.d
    made_policy=''
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
      $as_root chmod 755 "$policy"
      made_policy=yes
    fi
    $as_root apt-get update -qq >/dev/null || true
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
      echo "could not install all of:$missing; tests that need them will say so" >&2
    [ -z "$made_policy" ] || $as_root rm -f "$policy"
  else
    echo "please install:$missing (tests that need them are skipped and say so)" >&2
  fi
fi

stamp=node_modules/.package-lock.json
if [ ! -e "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
  npm ci --no-audit --no-fund
fi
PATH="$PWD/node_modules/.bin:$PATH"
# What Node makes of a source file is made once for all test files and the programs that they start.
export NODE_COMPILE_CACHE="$PWD/node_modules/.cache/isochrone"
echo "node $(node --version)"
tsc --noEmit &
program=$!
tsc --noEmit -p src/console/web &
web=$!
biome check --error-on-warnings .
wait "$program"
wait "$web"
exec node test/suite.ts
