# shellcheck shell=bash
# The Python algorithms' packages, from Debian: /usr/bin/python3 sees them, the first python3 on PATH may be another one.

declare -A PYTHON_MODULES=([numpy]=python3-numpy [scipy]=python3-scipy [sklearn]=python3-sklearn [statsmodels]=python3-statsmodels [pytest]=python3-pytest [mypy]=mypy [grpc]=python3-grpcio)

# The Debian packages that are missing, in one line; all of them where there is no interpreter.
python_missing() {
  local module missing=()
  for module in "${!PYTHON_MODULES[@]}"; do
    /usr/bin/python3 -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$module') is None)" 2>/dev/null || missing+=("${PYTHON_MODULES[$module]}")
  done
  echo "${missing[*]}"
}

# Wanted, and no reason to stop: without them everything else runs, and the tests that need them are skipped and say so.
python_ensure() {
  local missing
  missing=$(python_missing)
  [ -n "$missing" ] || return 0
  if is_root && command -v apt-get >/dev/null; then
    say "installing $missing (the Python algorithms and their tests) …"
    # shellcheck disable=SC2086 # a list of packages
    apt_install $missing || say "note: apt-get could not install $missing; see $STATE/log/apt.log"
  else
    say "note: no Python algorithms; they come with: sudo apt-get install -y $missing"
  fi
}
