# shellcheck shell=bash
# ./dev demo: the whole road of the data once, in an environment of its own that is gone afterwards.

DEMO_SERVERS=(postgres rabbitmq kafka influx)
DEMO_FILE=tests/Fixtures/activity-2000.ndjson
DEMO_OLDER_CLIENT=tests/Fixtures/older-client-batch.json
# A week of a few people, so that every figure has something to show: tasks, sessions, performance, late and repeated events, a wrong clock.
DEMO_SIMULATION=(--users 4 --days 7 --events 4000 --projects 2 --late 0.03 --duplicates 0.02 --skew 0.25)

demo_command() {
  local keep=
  case "${1:-}" in '') ;; --keep) keep=yes ;; *) die "demo knows only --keep" ;; esac
  use_state "$REPO/.dev/demo"
  lock_state
  # What an earlier demo left, if it was killed.
  delete_state
  use_state "$REPO/.dev/demo"
  temporary_state
  packages_ensure
  servers_find "${DEMO_SERVERS[@]}"
  build_solution
  servers_up "${DEMO_SERVERS[@]}"
  load_addresses "${DEMO_SERVERS[@]}"
  hosts_up
  eval "$(host_addresses)"
  demo_run
  [ -z "$keep" ] || demo_keep
}

# temporary_state: whatever ends this command, nothing stays behind; only after a failure the logs do.
temporary_state() {
  trap 'temporary_end $?' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

temporary_end() {
  local part
  trap '' INT TERM HUP
  trap - EXIT
  set +e
  stop_starting
  # The servers' last words may go to the log only: what was printed last is the result.
  # An error of ours may only be the echo of a host's death.
  for part in "${HOST_PARTS[@]}"; do
    if [ "$1" -ne 0 ] && [ -e "$STATE/run/$part.pid" ] && ! alive "$part"; then warn "$part died" && log_end "$part"; fi
  done
  if [ "$1" -ne 0 ] && compgen -G "$STATE/log/*" >/dev/null; then
    rm -rf "$REPO/.dev/log.failed" && cp -a "$STATE/log" "$REPO/.dev/log.failed"
    warn "stopping; the logs are kept in .dev/log.failed"
  fi
  delete_state || warn "not everything could be stopped: ps -ef | grep '$STATE'"
  exit "$1"
}

demo_run() {
  local sample=$REPO/$DEMO_FILE total half user simulated
  total=$(grep -c . "$sample")
  half=$((total / 2))
  say
  say "sending $half sample events by HTTP, $((total - half)) to the topic, and an older client's batch …"
  devtool send-http --url "$INGEST_URL" --file "$sample" --count "$half"
  devtool send-topic --kafka "$KAFKA" --topic efficiency.events --file "$sample" --from "$half"
  devtool send-http --url "$INGEST_URL" --body "$REPO/$DEMO_OLDER_CLIENT"
  say "sending a simulated week of annotation work to the topic …"
  devtool simulate --to topic --kafka "$KAFKA" "${DEMO_SIMULATION[@]}" >"$STATE/simulated" || { cat "$STATE/simulated" && exit 1; }
  cat "$STATE/simulated"
  simulated=$(sed -n 's/^\([0-9]*\) sent, .*/\1/p' "$STATE/simulated")
  say "waiting until all is stored …"
  devtool report --postgres "$POSTGRES" --kafka "$KAFKA" --wait-for $((total + 1 + simulated)) --timeout-s 120 \
    --influx-url "$INFLUX_URL" --influx-api "$INFLUX_API" --influx-bucket "$INFLUX_BUCKET" \
    --influx-org "$INFLUX_ORG" --influx-token "$INFLUX_TOKEN" >"$STATE/report" || { cat "$STATE/report" && exit 1; }
  say
  user=$(sed -n '1s/.*"user_id":"\([^"]*\)".*/\1/p' "$sample")
  devtool stats --url "$INGEST_URL" --user "$user"
  devtool stats --url "$INGEST_URL" --user user123
  devtool stats --url "$INGEST_URL" --user sim-user-0001
  say
  cat "$STATE/report"
}

demo_keep() {
  say
  host_addresses
  server_addresses "${DEMO_SERVERS[@]}"
  say
  say "Ctrl-C stops everything and deletes it."
  trap 'exit 0' INT TERM
  # A sleep in the background: a signal interrupts wait, but would wait for a sleep in the foreground.
  while :; do
    sleep 3600 9>&- &
    wait $! || true
  done
}
