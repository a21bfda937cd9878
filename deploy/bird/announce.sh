#!/bin/sh
# Keeps anycast addresses on lo while the name server is ready: announce.sh ADDRESS/32 [ADDRESS/128 …] [READY-URL]
# Withdraws after three bad looks in a row (3 to 6 s), announces after five good ones, and says when. Ends, at SIGTERM,
# with the addresses withdrawn. It needs the right to change addresses (CAP_NET_ADMIN): isochrone-announce.service.
set -eu
url=http://127.0.0.1:5380/readyz addresses=''
for word in "$@"; do
  case $word in
    http*) url=$word ;;
    *) addresses="$addresses $word" ;;
  esac
done
if [ -z "$addresses" ]; then
  echo 'usage: announce.sh ADDRESS/32 [ADDRESS/128 …] [READY-URL]' >&2
  exit 2
fi
announce() {
  for address in $addresses; do ip address replace "$address" dev lo || return 0; done
  echo "announced:$addresses"
}
withdraw() {
  for address in $addresses; do ip address del "$address" dev lo 2>/dev/null || true; done
  echo "withdrawn:$addresses"
}
trap 'withdraw; exit 0' INT TERM
good=0 bad=0
while :; do
  if curl --silent --fail --max-time 1 --output /dev/null "$url"; then
    good=$((good + 1)) bad=0
    [ "$good" -ne 5 ] || announce
  else
    bad=$((bad + 1)) good=0
    [ "$bad" -ne 3 ] || withdraw
  fi
  sleep 1
done
