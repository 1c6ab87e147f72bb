# shellcheck shell=bash
# InfluxDB: the binary named by INFLUXD, the toolbox's, or the system's (Debian packages 1.6, which speaks API v1).

INFLUX_BUCKET_NAME=efficiency_events

influx_given() { echo "${PIPELINE_INFLUX_URL:-}"; }
influx_wish() { [ "${PIPELINE_INFLUX:-}" != 1 ] || echo local1; }
influx_default_port() { echo 8086; }
influx_title() { case $(kind influx) in local1) echo "InfluxDB 1.x, API v1" ;; *) echo "InfluxDB 2.x, API v2" ;; esac }

# Sets FOUND to local2 or local1, by what the binary says it is.
influx_find() {
  local kept=$1 binary='' version toolbox=$PIPELINE_TOOLBOX/influxdb/influxdb
  if [ -n "${INFLUXD:-}" ]; then
    binary=$INFLUXD
    [ -x "$binary" ] || die "INFLUXD=$INFLUXD is not a program"
  elif [ -z "$(influx_wish)" ] && [ -n "$kept" ] && [ -x "$(cat "$STATE/run/influx.binary" 2>/dev/null)" ]; then
    # The first choice stays, because the data lies in its format.
    binary=$(cat "$STATE/run/influx.binary")
  elif [ -z "$(influx_wish)" ] && [ -x "$toolbox" ]; then
    binary=$("$toolbox" path) || die "the toolbox's influxd could not be unpacked"
  else
    command -v influxd >/dev/null || need_package influxdb -- "InfluxDB is missing (INFLUXD may name a binary of 2.x)"
    binary=$(command -v influxd)
  fi
  need_command curl curl "servers are asked over HTTP whether they are ready"
  version=$("$binary" version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+' | head -n 1)
  case $version in
    1.*) take local1 ;;
    2.*) take local2 ;;
    *) die "influx: $binary is of no version we know (\"$("$binary" version 2>&1 | head -n 1)\")" ;;
  esac
  echo "$binary" >"$STATE/run/influx.binary"
}

influx_start() {
  claim_port influx
  mkdir -p "$STATE/data/influx"
  if [ "$(kind influx)" = local1 ]; then influx_start_1; else influx_start_2; fi
}

influx_start_2() {
  local folder=$STATE/data/influx/2
  # Collected less often and written to its files in larger pieces, it answers in half the time while points arrive (docs/benchmarks.md), for some hundred megabytes.
  GOGC=${GOGC:-400} INFLUXD_STORAGE_CACHE_SNAPSHOT_MEMORY_SIZE=${INFLUXD_STORAGE_CACHE_SNAPSHOT_MEMORY_SIZE:-134217728} \
    spawn influx "$(cat "$STATE/run/influx.binary")" --http-bind-address "127.0.0.1:$(port influx)" --engine-path "$folder/engine" \
    --bolt-path "$folder/influxd.bolt" --sqlite-path "$folder/influxd.sqlite" --reporting-disabled --log-level warn
}

influx_start_1() {
  local folder=$STATE/data/influx/1
  mkdir -p "$folder"
  claim_port influx-rpc
  cat >"$folder/influxdb.conf" <<TEXT
reporting-disabled = true
bind-address = "127.0.0.1:$(port influx-rpc)"
[meta]
  dir = "$folder/meta"
[data]
  dir = "$folder/data"
  wal-dir = "$folder/wal"
  query-log-enabled = false
  index-version = "tsi1"
[http]
  bind-address = "127.0.0.1:$(port influx)"
  log-enabled = false
[logging]
  level = "warn"
TEXT
  spawn influx "$(cat "$STATE/run/influx.binary")" run -config "$folder/influxdb.conf"
}

influx_wait() {
  local url
  url=http://127.0.0.1:$(port influx)
  ready influx 60 http_ok "$url/ping"
  if [ "$(kind influx)" = local1 ]; then
    curl -fsS --max-time 20 -o /dev/null -X POST "$url/query" --data-urlencode "q=CREATE DATABASE $INFLUX_BUCKET_NAME" ||
      die "influx: its database could not be made"
  else
    ready influx 60 http_ok "$url/health"
    influx_setup "$url"
  fi
}

# Allowed once in the life of the data; the server itself knows whether it has happened.
influx_setup() {
  curl -fsS --max-time 10 "$1/api/v2/setup" | grep -q '"allowed": *true' || return 0
  printf '{"username":"pipeline","password":"%s","org":"pipeline","bucket":"%s","token":"%s","retentionPeriodSeconds":0}' \
    "$(secret influx-password)" "$INFLUX_BUCKET_NAME" "$(secret influx)" |
    curl -fsS --max-time 30 -o /dev/null -X POST "$1/api/v2/setup" --data-binary @- ||
    die "influx: its first set-up failed; see $STATE/log/influx.log"
}

influx_address() {
  local url=http://127.0.0.1
  case $1 in
    given)
      influx_lines "$PIPELINE_INFLUX_URL" "${PIPELINE_INFLUX_TOKEN:-}" "${PIPELINE_INFLUX_ORG:-pipeline}" \
        "${PIPELINE_INFLUX_BUCKET:-$INFLUX_BUCKET_NAME}" "$(influx_api "$PIPELINE_INFLUX_URL")"
      ;;
    local1) influx_lines "$url:$(port influx)" '' '' "$INFLUX_BUCKET_NAME" v1 ;;
    *) influx_lines "$url:$(port influx)" "$(secret influx)" pipeline "$INFLUX_BUCKET_NAME" v2 ;;
  esac
}

influx_lines() { # URL TOKEN ORG BUCKET API
  local name
  for name in URL TOKEN ORG BUCKET API; do
    assign "INFLUX_$name" "$1"
    shift
  done
}

# A server of 1.x says so in every answer.
influx_api() {
  if curl -sS -o /dev/null -D - --max-time 5 "$1/ping" | grep -qi '^x-influxdb-version: *v\?1\.'; then echo v1; else echo v2; fi
}
