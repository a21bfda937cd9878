#!/bin/sh
# Fetches what bench:waf reads, as packages of Debian, into the folder given: attacks and false positives of
# libinjection (in the source of modsecurity, with libinjection itself), the sayings of fortunes, and the
# word lists of dirb. Run as root, or with apt's archives readable.
set -eu
folder=$1
mkdir -p "$folder/lists/partial" "$folder/packages"
cd "$folder"
sed 's/^Types: deb$/Types: deb-src/; s/^deb /deb-src /' /etc/apt/sources.list.d/debian.sources >sources.sources
options="-o Dir::Etc::sourcelist=$folder/sources.sources -o Dir::Etc::sourceparts=/dev/null"
options="$options -o Dir::State::lists=$folder/lists -o APT::Sandbox::User=root"
[ -d libinjection ] || {
  # shellcheck disable=SC2086
  apt-get -qq $options update
  # shellcheck disable=SC2086
  apt-get -qq $options source --download-only modsecurity
  tar -xzf modsecurity_*.orig.tar.gz --wildcards --strip-components=2 '*/others/libinjection'
}
cd packages
[ -d usr ] || {
  apt-get -qq -o APT::Sandbox::User=root download fortunes fortunes-min dirb
  for package in *.deb; do dpkg -x "$package" .; done
}
