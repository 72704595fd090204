#!/usr/bin/env bash
# Checks the contract: the committed stubs are current, the protos lint, nothing broke since the last release.
# `make check` calls it.
set -euo pipefail
cd "$(dirname "$0")"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

./generate.sh "$fresh/stubs" 2>"$fresh/said" || { cat "$fresh/said" >&2; exit 1; }
if ! diff --recursive --brief --exclude=__init__.py --exclude=py.typed --exclude=__pycache__ \
  python/trunkline/v1 "$fresh/stubs/trunkline/v1"; then
  echo "The stubs in proto/python/trunkline/v1 are not current: run 'make proto' and commit them." >&2
  exit 1
fi

buf lint

tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)
if [ -z "$tag" ]; then
  echo "buf breaking: there is no release tag yet, so nothing to compare with."
else
  mkdir "$fresh/released"
  git archive "$tag" . | tar -x -C "$fresh/released"
  buf breaking --against "$fresh/released"
  echo "buf breaking: compatible with $tag."
fi
