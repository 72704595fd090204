#!/usr/bin/env bash
# Regenerates the Python stubs in proto/python/trunkline/v1 from the protos. `make proto` calls it.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
out=${1:-python}
mkdir -p "$out"
"$python" -m grpc_tools.protoc -I . --python_out="$out" --grpc_python_out="$out" \
  --mypy_out="$out" --mypy_grpc_out="only_async:$out" \
  $(find trunkline -name '*.proto' | LC_ALL=C sort)
