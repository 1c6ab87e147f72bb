# shellcheck shell=bash
# Servers as processes that outlive this shell: started, recognised and stopped by part name.

# A pid alone may have been given to another process since. With its start time (in ticks since boot) it names one
# process for good. A zombie is dead: in containers nobody may reap it.
start_time() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -r -a stat <<<"${stat##*) }"
  [ "${stat[0]}" != Z ] && echo "${stat[19]}"
}

# pid_of PART: the pid of the living process that the part's pid file names; false if there is none.
pid_of() {
  local pid start
  { read -r pid start <"$STATE/run/$1.pid"; } 2>/dev/null || return 1
  [ "$(start_time "$pid")" = "$start" ] && echo "$pid"
}

alive() { pid_of "$1" >/dev/null; }

# spawn PART COMMAND…: starts it in its own session, output to log/PART.log. The process writes its own pid file before
# it becomes the server, so that no death of this script leaves a server that no file names; and it closes every
# descriptor it inherited, so that nobody who waits for the end of our output, or for our locks, waits for a server.
spawn() {
  local part=$1 log=$STATE/log/$1.log as=()
  shift
  if [ "${1:-}" = --as ]; then
    as=(setpriv --reuid "$2" --regid "$2" --init-groups --)
    shift 2
  fi
  if [ -f "$log" ] && [ "$(stat -c %s "$log")" -gt 20000000 ]; then mv -f "$log" "$log.1"; fi
  echo "--- $(date '+%F %T') starting" >>"$log"
  rm -f "$STATE/run/$part.pid"
  # shellcheck disable=SC2016 # expanded by the inner shell
  PIPELINE_DEV_PART="$STATE#$part" setsid bash -c '
    pidfile=$1; shift
    for fd in /proc/self/fd/*; do fd=${fd##*/}; [ "$fd" -gt 2 ] && eval "exec $fd>&-"; done 2>/dev/null
    read -r -a stat <"/proc/$$/stat"
    echo "$$ ${stat[21]}" >"$pidfile.new" && mv "$pidfile.new" "$pidfile"
    exec "$@"' bash "$STATE/run/$part.pid" "${as[@]}" "$@" >>"$log" 2>&1 </dev/null &
  until_true 5 test -s "$STATE/run/$part.pid" || die "$part could not be started"
}

# ready PART SECONDS CHECK…: waits until the check succeeds. A dead process or a passed deadline shows the log's end.
ready() {
  local part=$1 deadline=$((SECONDS + $2)) limit=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! alive "$part"; then
      log_end "$part"
      die "$part died while starting; its log: $STATE/log/$part.log"
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      log_end "$part"
      die "$part is not ready after $limit s; its log: $STATE/log/$part.log"
    fi
    sleep 0.2
  done
}

log_end() {
  [ -f "$STATE/log/$1.log" ] || return 0
  warn "last lines of $1:"
  tail -n "${2:-15}" "$STATE/log/$1.log" | sed 's/^/  | /' >&2
}

# stop_pid PID START SECONDS SIGNAL: the signal, and SIGKILL after the deadline; never to a process that took over the pid.
stop_pid() {
  local pid=$1 start=$2 limit=$3 signal
  for signal in "$4" KILL; do
    ! gone "$pid" "$start" || return 0
    # A process stopped by SIGSTOP would not see the signal before it is continued.
    kill -s "$signal" "$pid" 2>/dev/null && kill -s CONT "$pid" 2>/dev/null
    until_true "$limit" gone "$pid" "$start" && return
  done
  warn "process $pid does not end, even by SIGKILL"
  return 1
}

gone() { [ "$(start_time "$1")" != "$2" ]; }

# stop_part PART: each server's own polite signal. SIGTERM lets PostgreSQL wait for its clients; SIGINT disconnects them.
stop_part() {
  local part=$1 pid start signal=TERM
  [ "$part" != postgres ] || signal=INT
  if { read -r pid start <"$STATE/run/$part.pid"; } 2>/dev/null; then stop_pid "$pid" "$start" 30 "$signal"; fi
  rm -f "$STATE/run/$part.pid"
  strays "$part" | while read -r pid; do
    start=$(start_time "$pid") || continue
    stop_pid "$pid" "$start" 10 "$signal"
  done
}

# strays [PART]: pids of processes started for this environment (or for one part of it) that no pid file names: a server
# whose files were deleted under it, a test's child. Each carries its environment's name in its environment.
strays() {
  local pid
  { grep -lzF -e "PIPELINE_DEV_PART=$STATE#${1:-}" /proc/[0-9]*/environ || true; } 2>/dev/null |
    while IFS=/ read -r _ _ pid _; do
      [ "$pid" = "$$" ] || ! start_time "$pid" >/dev/null || echo "$pid"
    done
  return 0
}
