#!/bin/sh
# Leaves behind what the browser tests need beside Python: Chromium (Debian's package) and axe-core (from npm, pinned).
set -eu
cd "$(dirname "$0")/.."

chromium="${FAM_AUTH_TEST_CHROMIUM:-/usr/bin/chromium}"
if ! [ -x "$chromium" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "browser: installing chromium"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -qq -y --no-install-recommends chromium fonts-liberation >/dev/null
    else
        echo "browser: there is no $chromium. Install it (on Debian: sudo apt-get install chromium)," >&2
        echo "         or name another Chromium: FAM_AUTH_TEST_CHROMIUM=/path/to/chrome make browser" >&2
        exit 1
    fi
fi

wanted=$(sed -n 's/.*"axe-core": "\(.*\)".*/\1/p' tests/browser/package.json)
there=$(sed -n 's/.*"version": "\(.*\)".*/\1/p' tests/browser/node_modules/axe-core/package.json 2>/dev/null | head -n 1 || true)
if [ "$wanted" != "$there" ]; then
    command -v npm >/dev/null || {
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq
            apt-get install -qq -y --no-install-recommends npm >/dev/null
        else
            echo "browser: axe-core comes from npm, which is not there. Install it (on Debian: sudo apt-get install npm)." >&2
            exit 1
        fi
    }
    echo "browser: installing axe-core $wanted"
    npm install --prefix tests/browser --no-package-lock --no-audit --no-fund --silent
fi
