# shellcheck shell=bash
# The Python algorithms' packages: of ./dev up in a virtual environment from python/pyproject.toml where PyPI is in reach, else from Debian, whose packages /usr/bin/python3 sees and the first python3 on PATH
# may not. Tests take Debian's, so that every machine tests the same versions.

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

# python_prepare: an interpreter for the hosts. PIPELINE_PYTHON names another one; then nothing is made or installed.
python_prepare() {
  [ -z "${PIPELINE_PYTHON:-}" ] || return 0
  python_venv_is_there || { pypi_is_in_reach && python_venv_make; } || python_ensure
}

# What the hosts are told to use; nothing where they are to look for themselves.
python_interpreter() {
  if [ -n "${PIPELINE_PYTHON:-}" ]; then echo "$PIPELINE_PYTHON"; elif python_venv_is_there; then echo "$(python_venv)/bin/python"; fi
}

python_venv() { echo "$REPO/.dev/python"; }

# The file that it was made from, so that another one makes another environment.
python_stamp() { sha256sum <"$REPO/python/pyproject.toml"; }

python_venv_is_there() { [ "$(cat "$(python_venv)/made-from" 2>/dev/null)" = "$(python_stamp)" ] && "$(python_venv)/bin/python" -c '' 2>/dev/null; }

pypi_is_in_reach() { curl -fsL -m 5 -o /dev/null "${PIP_INDEX_URL:-https://pypi.org/simple}/numpy/"; }

python_venv_make() {
  local venv base log=$STATE/log/pip.log needed
  venv=$(python_venv)
  base=$(python_base) || { say "note: no virtual environment: no python3 of 3.10 or later has the modules venv and ensurepip (Debian: python3-venv)" && return 1; }
  say "making a virtual environment for the Python algorithms from python/pyproject.toml, once (log: ${log#"$REPO"/}) …"
  rm -rf "$venv"
  if "$base" -m venv "$venv" >"$log" 2>&1 && needed=$(python_needed "$venv/bin/python" 2>>"$log") \
    && xargs "$venv/bin/python" -m pip install --quiet --disable-pip-version-check <<<"$needed" >>"$log" 2>&1 \
    && "$venv/bin/python" "$REPO/python/worker.py" --check >>"$log" 2>&1; then
    python_stamp >"$venv/made-from"
  else
    say "note: no virtual environment: $(grep . "$log" | tail -n 1)"
    rm -rf "$venv"
    return 1
  fi
}

python_base() {
  local folder found
  while read -rd : folder; do
    found=$folder/python3
    [ -x "$found" ] && "$found" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo "$found" && return
  done <<<"$PATH:/usr/bin:"
  return 1
}

# Each dependency in quotes, as xargs wants what has characters of the shell in it.
python_needed() {
  "$1" -c '
import sys
try:
    import tomllib
except ImportError:  # before 3.11
    from pip._vendor import tomli as tomllib
with open(sys.argv[1], "rb") as project:
    for needed in tomllib.load(project)["project"]["dependencies"]:
        print(f"\"{needed}\"")
' "$REPO/python/pyproject.toml"
}
