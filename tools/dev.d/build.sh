# shellcheck shell=bash
# Builds the solution. dotnet decides what is out of date; two builds of one tree at once would trip over each other.

build_solution() {
  local log=$STATE/log/build.log started=$SECONDS
  say "building …"
  (
    exec 8>"$REPO/.dev/lock/build"
    flock -n 8 || { say "another ./dev is building; waiting for it …" && flock -w 900 8; }
    # No build servers: they would stay behind for minutes after the command ended.
    cd "$REPO" && tidy_dotnet build Pipeline.sln -c Release --disable-build-servers -v quiet -clp:NoSummary >"$log" 2>&1 8>&- 9>&-
  ) || {
    grep -E 'error|warn' "$log" | sort -u | head -n 30 >&2 || true
    die "the build failed; its log: $log"
  }
  say "built ($((SECONDS - started)) s)"
}

# dotnet leaves a folder in the temporary one each time; it gets one of its own, which is deleted. Not one of ours under
# the repository: the names of its sockets would become too long. Told of a terminal it would also write control codes to it.
tidy_dotnet() {
  local folder result=0
  folder=$(mktemp -d)
  TMPDIR=$folder TERM=dumb dotnet "$@" || result=$?
  rm -rf "$folder"
  return $result
}

# A project's built folder. Hosts run from a copy (see hosts.sh).
built() { echo "$REPO/$1/bin/Release/net10.0"; }

devtool() { TERM=dumb dotnet "$(built tools/DevTool)/Pipeline.DevTool.dll" "$@"; }
