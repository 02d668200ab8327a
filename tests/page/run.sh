#!/usr/bin/env bash
# The web page in a headless browser against the daemon that `cargo build` has made. Installs Debian's browser and driver where they are missing.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
    apt-get update -qq
    apt-get install -qq -y chromium chromium-driver
fi
exec python3 run.py "$@"
