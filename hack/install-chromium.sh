#!/usr/bin/env bash
# Installs Debian's Chromium, which the browser tests drive, unless it is there.
set -euo pipefail

chromium=/usr/bin/chromium
[ -x "$chromium" ] && exit

if ! command -v apt-get >/dev/null; then
	echo "The browser tests need Chromium at $chromium: install it as your system does." >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "The browser tests need Chromium: sudo apt-get install --no-install-recommends chromium" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# A machine that was installed some time ago, or just now, does not know today's packages.
apt-get install -y --no-install-recommends chromium || {
	apt-get update
	apt-get install -y --no-install-recommends chromium
}
