# shellcheck shell=bash
# Docker Compose, where an engine answers. Each environment is a Compose project of its own, with our ports and secrets.

compose_works() {
  [ "${PIPELINE_SERVERS:-}" != local ] || return 1
  if [ -z "${engine_runs:-}" ]; then
    engine_runs=no
    if command -v docker && timeout 10 docker info && timeout 10 docker compose version; then engine_runs=yes; fi >/dev/null 2>&1
  fi
  [ "$engine_runs" = yes ]
}

compose() {
  POSTGRES_PORT=$(port postgres) RABBITMQ_PORT=$(port rabbitmq) KAFKA_PORT=$(port kafka) INFLUX_PORT=$(port influx) \
  POSTGRES_PASSWORD=$(secret postgres) RABBITMQ_PASSWORD=$(secret rabbitmq) \
  INFLUX_PASSWORD=$(secret influx-password) INFLUX_TOKEN=$(secret influx) \
    docker compose -p "pipeline-$(printf %s "$STATE" | sha256sum | cut -c1-8)" -f "$REPO/compose/compose.yaml" "$@" 9>&-
}

compose_up() { # PART…
  local part
  for part in "$@"; do
    [ -n "$(compose ps -q --status running "$part")" ] || claim_port "$part"
  done
  say "starting by Docker Compose (the first time it fetches images): $* …"
  compose up -d --wait --wait-timeout 300 "$@" || {
    compose ps
    compose logs --tail 15 "$@"
    die "Docker Compose could not start: $*"
  }
}

compose_ready() {
  until_true 30 tcp_answers 127.0.0.1 "$(port "$1")" || die "$1: its container runs, but its port $(port "$1") does not answer"
  say "$1: up (Docker Compose)"
}

compose_down() { compose stop -t 30 "$1" && compose rm -f "$1"; }

# Volumes too, if there are any of this environment.
compose_clean() {
  if grep -qsx compose "$STATE"/run/*.kind; then compose down -v --remove-orphans; fi
}
