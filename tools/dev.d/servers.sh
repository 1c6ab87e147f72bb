# shellcheck shell=bash
# The servers of an environment. For each, in this order: an address in the environment; Docker Compose where an engine
# runs; a process of our own. What was chosen first is kept (run/PART.kind), because the data lies there; only an address,
# or a wish in the environment, overrules it. A part's file defines PART_given, PART_find, PART_start and PART_address.

kind() { cat "$STATE/run/$1.kind" 2>/dev/null || true; }

# servers_find PART…: before anything that takes long. Names everything that is missing, not only the first.
servers_find() {
  local part missing=
  # Asked here once, so that the subshells know: a daemon that does not answer takes its time.
  compose_works || true
  # In a subshell, which die ends; the choice is kept in a file.
  for part in "$@"; do (choose "$part") || missing=yes; done
  [ -z "$missing" ] || die "see above for what is missing (./dev doctor shows all)"
  servers_found="$*"
}

servers_up() { # PART…
  local part failed=() composed=()
  [ "${servers_found:-}" = "$*" ] || servers_find "$@"
  for part in "$@"; do [ "$(kind "$part")" != compose ] || composed+=("$part"); done
  [ ${#composed[@]} -eq 0 ] || compose_up "${composed[@]}"
  # Side by side: each spends most of its start waiting.
  starting=()
  for part in "$@"; do
    (server_up "$part") &
    starting+=($!)
  done
  for part in "$@"; do
    wait "${starting[0]}" || failed+=("$part")
    starting=("${starting[@]:1}")
  done
  [ ${#failed[@]} -eq 0 ] || die "not started: ${failed[*]}"
}

# After an interruption: those who still start a server must not report its end as a failure.
stop_starting() { [ ${#starting[@]} -eq 0 ] || kill "${starting[@]}" 2>/dev/null || true; }
starting=()

# choose PART: decides its kind and makes sure that what it needs is there; one part after the other, as apt-get wants.
# PART_find takes a kind; it is told what was there before.
choose() {
  local part=$1 kept
  kept=$(kind "$part")
  if [ -n "$("${part}_given")" ]; then
    FOUND=given
  elif [ -z "$("${part}_wish")" ] && { [ "$kept" = compose ] || [ -z "$kept" ] || [ "$kept" = given ]; } && compose_works; then
    FOUND=compose
  else
    "${part}_find" "$kept"
  fi
  if [ -n "$kept" ] && [ "$kept" != "$FOUND" ]; then
    say "$part: was $kept, is $FOUND now"
    server_down "$part"
  fi
  echo "$FOUND" >"$STATE/run/$part.kind"
}

take() { FOUND=$1; }

server_up() {
  local part=$1 started=$SECONDS what
  case $(kind "$part") in
    given) given_answers "$part" ;;
    compose) compose_ready "$part" ;;
    *)
      what=$("${part}_title")
      if alive "$part"; then
        "${part}_wait"
        say "$part: already up ($what)"
        return
      fi
      [ ! -e "$STATE/run/$part.pid" ] || say "$part: its process is gone; starting it again"
      # Processes of this part that no pid file names would hold its data.
      stop_part "$part"
      "${part}_start"
      "${part}_wait"
      say "$part: up ($what, $((SECONDS - started)) s)"
      ;;
  esac
}

given_answers() {
  local part=$1 address host port
  address=$("${part}_given")
  read -r host port <<<"$(host_and_port "$address" "$("${part}_default_port")")"
  until_true 10 tcp_answers "$host" "$port" || die "$part: nothing answers at $host:$port, the address given in the environment"
  say "$part: using the given one at $host:$port"
}

server_down() {
  case $(kind "$1") in
    given | "") ;;
    compose) compose_down "$1" ;;
    *) stop_part "$1" ;;
  esac
}

# fresh_if_unfinished PART FOLDER: a data folder whose set-up did not finish is worth nothing and breaks the next start.
fresh_if_unfinished() {
  if [ ! -e "$2" ] || [ -e "$STATE/run/$1.made" ]; then return; fi
  say "$1: an earlier first start did not finish; making its data anew"
  rm -rf "$2"
}

made() { : >"$STATE/run/$1.made"; }

# server_addresses PART…: shell assignments of all, for .dev/env and for ourselves.
server_addresses() {
  local part
  for part in "$@"; do "${part}_address" "$(kind "$part")"; done
}
