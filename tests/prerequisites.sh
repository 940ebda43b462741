#!/usr/bin/env bash
# What the tests need beside .venv: PostgreSQL's server programs, and a Chromium. Installs them where it may.
set -euo pipefail
missing=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || command -v initdb > /dev/null || missing+=(postgresql)
command -v chromium > /dev/null || missing+=(chromium)
if ((${#missing[@]} == 0)); then
  exit 0
fi
if [[ $(id -u) -eq 0 ]] && command -v apt-get > /dev/null; then
  echo "Installing ${missing[*]} for the tests ..."
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" fonts-dejavu-core > /dev/null
  exit 0
fi
echo "Missing for the tests: install the packages ${missing[*]}." >&2
[[ -z "${CI:-}" ]] || exit 1
