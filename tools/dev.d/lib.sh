# shellcheck shell=bash
# Words, secrets, ports and locks of an environment. An environment is one folder (STATE): .dev is that of ./dev up,
# .dev/demo, .dev/test and .dev/bench are others, so that none of them disturbs another.

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
  warn "dev: $*"
  exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# use_state FOLDER: the environment that everything after this line speaks of.
use_state() {
  STATE=$1
  if [ -e "$REPO/.dev" ] && [ ! -w "$REPO/.dev" ]; then
    die "$REPO/.dev belongs to $(stat -c %U "$REPO/.dev"). As that user: ./dev clean"
  fi
  mkdir -p "$STATE/run" "$STATE/log" "$STATE/data" "$STATE/app"
}

# One command at a time per environment. Descriptor 9 holds the lock; spawn closes it for the servers, which outlive us.
# The lock files lie beside the environments, because a demo deletes its own.
lock_state() {
  local file
  file=$(lock_file)
  exec 9>"$file"
  flock -n 9 && return
  say "waiting for another ./dev that works on ${STATE#"$REPO"/} …"
  flock -w 900 9 || die "another ./dev has held $file for 15 minutes (fuser -v '$file' shows it)"
}

lock_file() { mkdir -p "$REPO/.dev/lock" && echo "$REPO/.dev/lock/$(basename "$STATE")"; }

in_use() { ! flock -n "$(lock_file)" true; }

# secret NAME: a random word made at first use and kept with the environment, readable by its owner only.
secret() {
  local file=$STATE/run/$1.secret
  [ -s "$file" ] || (umask 077 && head -c 30 /dev/urandom | base64 | tr -d '+/=\n' >"$file.new" && mv "$file.new" "$file")
  cat "$file"
}

# The kernel's own table says who listens; connecting instead would miss sockets that do not accept yet.
port_is_free() {
  local hex
  printf -v hex '%04X' "$1"
  ! grep -qsE "^ *[0-9]+: [0-9A-F]+:$hex [0-9A-F:]+ 0A " /proc/net/tcp /proc/net/tcp6
}

# port NAME: the port kept for that name; chosen at first use, below the range from which the kernel takes client ports.
port() {
  local file=$STATE/run/$1.port candidate
  if [ ! -s "$file" ]; then
    candidate=$((15000 + (RANDOM * 32768 + RANDOM) % 17000))
    while ! port_is_free "$candidate" || grep -qsx "$candidate" "$STATE"/run/*.port; do candidate=$((15000 + RANDOM % 17000)); done
    echo "$candidate" >"$file"
  fi
  cat "$file"
}

# claim_port NAME: before a server starts. A port that somebody else took meanwhile is given up, and that is said.
claim_port() {
  local kept
  kept=$(port "$1")
  # A process that has just ended may hold its socket for a moment longer.
  until_true 2 port_is_free "$kept" && return
  rm -f "$STATE/run/$1.port"
  say "$1: port $kept is taken by another program now; using $(port "$1")"
}

# until_true SECONDS COMMAND…: repeats the command until it succeeds; false at the deadline.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

tcp_answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

http_ok() { curl -fs -o /dev/null --max-time 3 "$1"; }

# assign NAME VALUE: one line of shell that any POSIX shell reads back as it was.
assign() { printf "%s='%s'\n" "$1" "${2//\'/\'\\\'\'}"; }

# host_and_port URI DEFAULT_PORT: "host port" of scheme://user:password@host:port/path or host:port,other:port.
host_and_port() {
  local rest=${1#*://}
  rest=${rest##*@}
  rest=${rest%%[/,?]*}
  case $rest in *:*) echo "${rest%:*} ${rest##*:}" ;; *) echo "$rest $2" ;; esac
}
