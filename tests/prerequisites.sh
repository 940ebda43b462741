#!/usr/bin/env bash
# What the tests need beside .venv: PostgreSQL's server programs. Installs them where it may.
set -euo pipefail
if compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || command -v initdb > /dev/null; then
  exit 0
fi
if [[ $(id -u) -eq 0 ]] && command -v apt-get > /dev/null; then
  echo "Installing PostgreSQL for the tests ..."
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql > /dev/null
  exit 0
fi
echo "PostgreSQL's server programs are missing (initdb, postgres): install the package 'postgresql'." >&2
[[ -z "${CI:-}" ]] || exit 1
