# What the scripts share. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
PRESET=${PRESET:-release}
BUILD=$ROOT/build/$PRESET
PYTHON=$ROOT/.venv/bin/python
# A BLAS core forced by the environment may be half as fast as the CPU allows.
for name in ${!OPENBLAS_@}; do unset "$name"; done

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() {
    printf '%s\n' "$*" >&2
    exit 1
}
