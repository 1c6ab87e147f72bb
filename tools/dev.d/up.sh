# shellcheck shell=bash
# The lasting environment of ./dev up, and what one does with it.

SERVER_PARTS=(postgres rabbitmq kafka influx)
HOST_PARTS=(processors ingest)

up_command() {
  [ $# -eq 0 ] || die "up takes no arguments"
  use_state "$REPO/.dev"
  lock_state
  up_all
  say
  cat "$STATE/env"
  say
  say "In a shell: . .dev/env    Stop: ./dev down"
}

up_all() {
  trap 'stop_starting; say "interrupted; ./dev up goes on, ./dev down stops what runs"; exit 130' INT TERM
  packages_ensure
  python_prepare
  servers_find "${SERVER_PARTS[@]}"
  build_solution
  servers_up "${SERVER_PARTS[@]}"
  load_addresses "${SERVER_PARTS[@]}"
  hosts_up
  write_env
  trap - INT TERM
}

# load_addresses PART…: the servers' addresses as variables of this shell.
load_addresses() {
  local addresses
  addresses=$(server_addresses "$@")
  eval "$addresses"
}

# .dev/env holds passwords; it appears whole and readable by its owner only.
write_env() {
  (umask 077 && { host_addresses && server_addresses "${SERVER_PARTS[@]}"; } >"$STATE/env.new" && mv "$STATE/env.new" "$STATE/env")
}

# stop_all: the hosts first, so that they can finish against living servers.
stop_all() {
  local part pids=()
  for part in "${HOST_PARTS[@]}"; do stop_part "$part" & pids+=($!); done
  wait "${pids[@]}"
  pids=()
  for part in "${SERVER_PARTS[@]}"; do server_down "$part" & pids+=($!); done
  wait "${pids[@]}"
  stop_part epmd
  stop_part tests
  # Whatever else was started for this environment, by a command that was killed or by a test.
  stop_strays
}

stop_strays() {
  local pid start
  for pid in $(strays); do
    start=$(start_time "$pid") && stop_pid "$pid" "$start" 10 TERM
  done
}

status_command() {
  local part pid down=0
  [ -d "$REPO/.dev/run" ] || { say "nothing was started here; ./dev up starts everything" && return 1; }
  use_state "$REPO/.dev"
  for part in "${SERVER_PARTS[@]}" "${HOST_PARTS[@]}"; do
    if pid=$(pid_of "$part"); then
      printf '%-11s up    pid %-8s port %-6s %s\n' "$part" "$pid" "$(status_port "$part")" "$(status_note "$part")"
    elif [ "$(kind "$part")" = given ]; then
      printf '%-11s given by the environment\n' "$part"
    elif [ "$(kind "$part")" = compose ] && tcp_answers 127.0.0.1 "$(port "$part")"; then
      printf '%-11s up    by Compose   port %s\n' "$part" "$(port "$part")"
    else
      down=1
      printf '%-11s %s\n' "$part" "$(if [ -e "$STATE/run/$part.pid" ]; then echo "dead  (./dev up repairs it)"; else echo down; fi)"
    fi
  done
  [ ! -f "$STATE/env" ] || say "addresses: .dev/env"
  return $down
}

status_port() { if [ "$(kind "$1")" = embedded ]; then sed 's/.*://' "$STATE/run/kafka.address"; else port "$1"; fi; }

status_note() {
  case $1 in
    ingest | processors)
      if http_ok "http://127.0.0.1:$(port "$1")/health/ready"; then echo ready; else echo "not ready (./dev logs $1)"; fi
      ;;
    *) "${1}_title" ;;
  esac
}

logs_command() {
  local follow='' part='' file lines=20
  local word
  for word in "$@"; do case $word in -f) follow=yes ;; *) part=$word ;; esac done
  STATE=$REPO/.dev
  [ -z "$part" ] || lines=200
  [ -n "$part" ] || part='*'
  compgen -G "$STATE/log/$part.log" >/dev/null || die "there is no log of '$part' in $STATE/log"
  # shellcheck disable=SC2086 # a pattern
  set -- "$STATE"/log/$part.log
  [ -z "$follow" ] || exec tail -n "$lines" -F "$@"
  for file in "$@"; do
    [ $# -eq 1 ] || say "=== $(basename "$file" .log)"
    tail -n "$lines" "$file"
  done
}

restart_command() {
  local part=${1:-}
  use_state "$REPO/.dev"
  lock_state
  case " ${SERVER_PARTS[*]} ${HOST_PARTS[*]} " in
    *" ${part:- } "*) ;;
    *) die "there is no part '$part'; parts: ${SERVER_PARTS[*]} ${HOST_PARTS[*]}" ;;
  esac
  case $part in
    '') stop_all ;;
    ingest | processors) stop_part "$part" ;;
    *) server_down "$part" ;;
  esac
  up_all
}

# A demo or a test run that holds its lock is at work and stops by itself; without a holder, what runs there is left over.
down_command() {
  local folder
  [ -d "$REPO/.dev" ] || { say "nothing runs here" && return; }
  for folder in "$REPO"/.dev/demo "$REPO"/.dev/test "$REPO"/.dev/bench; do
    [ -d "$folder" ] || continue
    use_state "$folder"
    if in_use; then say "${folder#"$REPO"/} is in use by a running command; left alone"; else stop_all; fi
  done
  use_state "$REPO/.dev"
  lock_state
  stop_all
  rm -f "$STATE/env"
  say "everything is stopped; the data stays in .dev (./dev clean deletes it)"
}

clean_command() {
  local folder answer=''
  [ -d "$REPO/.dev" ] || { say "there is nothing to clean" && return; }
  for folder in "$REPO"/.dev/demo "$REPO"/.dev/test "$REPO"/.dev/bench; do
    STATE=$folder
    ! in_use || die "a command is running in ${folder#"$REPO"/}; stop it first"
  done
  if [ "${1:-}" != --yes ]; then
    printf 'Stop everything and delete all data of this clone (%s)? [y/N] ' "$REPO/.dev"
    read -r answer || true
    case $answer in y | Y | yes) ;; *) die "nothing was deleted" ;; esac
  fi
  use_state "$REPO/.dev"
  lock_state
  for folder in "$REPO"/.dev/demo "$REPO"/.dev/test "$REPO"/.dev/bench "$REPO/.dev"; do
    use_state "$folder"
    delete_state
  done
  say "cleaned"
}

# delete_state: stops what runs in it and deletes all of it.
delete_state() {
  stop_all
  compose_clean
  postgres_clean
  rm -rf "$STATE"
}
