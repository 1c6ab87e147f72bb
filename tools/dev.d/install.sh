# shellcheck shell=bash
# What this machine lacks: as root it is installed, otherwise it is named with the command that brings it.

# need_package PACKAGE… -- WHY: installs them, or ends with the command that does.
need_package() {
  local packages=()
  while [ "$1" != -- ]; do packages+=("$1") && shift; done
  shift
  if ! command -v apt-get >/dev/null; then die "$*: this system has no apt-get; install the counterparts of: ${packages[*]}"; fi
  is_root || die "$*. It comes with: sudo apt-get install -y ${packages[*]}"
  say "installing ${packages[*]} ($*) …"
  apt_install "${packages[@]}" || die "apt-get could not install ${packages[*]}; see $STATE/log/apt.log"
}

# Packages of servers start their server at once, on its usual port. We only want the files: policy-rc.d is Debian's own
# way to say so, and it is put back at once.
apt_install() {
  local policy=/usr/sbin/policy-rc.d mine='' result=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && mine=yes
  fi
  apt_get install -y --no-install-recommends "$@" ||
    { apt_get update && apt_get install -y --no-install-recommends "$@"; } || result=1
  [ -z "$mine" ] || rm -f "$policy"
  return $result
}

apt_get() {
  say "  apt-get $* …"
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@" \
    >>"$STATE/log/apt.log" 2>&1 9>&-
}

need_command() { # COMMAND PACKAGE WHY
  command -v "$1" >/dev/null || need_package "$2" -- "$1 is missing ($3)"
}

need_dotnet() {
  command -v dotnet >/dev/null || die "the .NET 10 SDK is missing: https://dotnet.microsoft.com/download/dotnet/10.0"
  # Asked inside the repository, so that global.json has its say.
  (cd "$REPO" && dotnet --version >/dev/null 2>&1) ||
    die "this needs the .NET 10 SDK (global.json); found: $(dotnet --list-sdks | tr '\n' ' ')"
}

# java_major: the major version of the Java that would run, or nothing.
java_major() {
  command -v java >/dev/null || return 0
  java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1
}
