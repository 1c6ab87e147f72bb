# shellcheck shell=bash
# The two hosts, Ingest and Processors, as processes. They run from a copy of the build, because the next build would
# write over the files of a running process.

host_project() { case $1 in ingest) echo src/Ingest ;; processors) echo src/Processors ;; esac }

# app_copy PROJECT: the built folder, into the environment, by one rename.
app_copy() {
  local name
  name=$(basename "$1")
  rm -rf "$STATE/app/$name.new" && cp -a "$(built "$1")" "$STATE/app/$name.new"
  rm -rf "$STATE/app/$name" && mv "$STATE/app/$name.new" "$STATE/app/$name"
}

# Each host refuses keys it does not know, so each gets its own. The addresses are those of load_addresses.
# shellcheck disable=SC2153
host_settings() {
  cat <<TEXT
ASPNETCORE_URLS=http://127.0.0.1:$(port "$1")
Pipeline__Kafka__BootstrapServers=$KAFKA
Pipeline__Postgres__ConnectionString=$POSTGRES
Pipeline__Influx__Url=$INFLUX_URL
Pipeline__Influx__Bucket=$INFLUX_BUCKET
Pipeline__Influx__Api=$INFLUX_API
TEXT
  [ -z "$INFLUX_ORG" ] || echo "Pipeline__Influx__Org=$INFLUX_ORG"
  [ -z "$INFLUX_TOKEN" ] || echo "Pipeline__Influx__Token=$INFLUX_TOKEN"
  if [ "$1" = ingest ]; then
    # Nobody but this machine reaches it.
    echo "Pipeline__Ingest__Operations=true"
    echo "Pipeline__Analysis__Engines__0=http://127.0.0.1:$(port processors)"
    return 0
  fi
  echo "Pipeline__Processors__Roles=events-postgres,events-influx,failures,analysis,results-postgres,schedules"
  local python
  python=$(python_interpreter)
  [ -z "$python" ] || echo "Pipeline__Analysis__PythonInterpreter=$python"
  echo "Pipeline__Analysis__GrpcAddress=127.0.0.1:$(port grpc)"
  echo "Pipeline__Analysis__GrpcSocket=$(engine_socket)"
  echo "Pipeline__RabbitMq__Uri=$RABBITMQ"
  # The embedded broker is empty after a restart: its new log is nobody's loss.
  [ "$KAFKA_KIND" != embedded ] || echo "Pipeline__Kafka__AcceptNewLogs=true"
}

# The kernel takes at most 100 bytes or so; a clone may lie deeper than that.
engine_socket() {
  local path=$STATE/run/engine.sock
  if [ "$(printf %s "$path" | wc -c)" -le 100 ]; then echo "$path"; else echo ""; fi
}

# What a running host was started from: its settings and its build. Another of either means another start.
host_fingerprint() {
  local folder
  folder=$(built "$(host_project "$1")")
  { host_settings "$1" && cat "$folder"/*.dll "$folder"/*.json; } | sha256sum
}

hosts_up() {
  local host
  # Processors first: it makes the schema and the topics that Ingest's readiness asks for.
  for host in processors ingest; do host_launch "$host"; done
  for host in processors ingest; do host_wait "$host"; done
}

host_launch() {
  local host=$1 folder settings
  if alive "$host"; then
    [ "$(host_fingerprint "$host")" != "$(cat "$STATE/run/$host.made_of" 2>/dev/null)" ] || return 0
    say "$host: its build or the servers' addresses changed; starting it again"
  elif [ -e "$STATE/run/$host.pid" ]; then
    say "$host: its process is gone; starting it again"
  fi
  stop_part "$host"
  claim_port "$host"
  [ "$host" != processors ] || claim_port grpc
  app_copy "$(host_project "$host")"
  folder=$STATE/app/$(basename "$(host_project "$host")")
  mapfile -t settings < <(host_settings "$host")
  # Its folder is its working folder, where it looks for appsettings.json.
  (cd "$folder" && spawn "$host" env "${settings[@]}" dotnet "$folder/Pipeline.$(basename "$folder").dll")
  host_fingerprint "$host" >"$STATE/run/$host.made_of"
  : >"$STATE/run/$host.new"
}

host_wait() {
  local host=$1 url
  url=http://127.0.0.1:$(port "$host")
  if ! (ready "$host" 90 http_ok "$url/health/ready"); then
    curl -s --max-time 5 "$url/health" >&2 || true
    exit 1
  fi
  if [ -e "$STATE/run/$host.new" ]; then
    rm -f "$STATE/run/$host.new"
    say "$host: up ($url)"
  else
    say "$host: already up ($url)"
  fi
}

host_addresses() {
  assign INGEST_URL "http://127.0.0.1:$(port ingest)"
  assign PROCESSORS_URL "http://127.0.0.1:$(port processors)"
  # Analyses by gRPC, by TCP and by a Unix socket.
  assign ENGINE "127.0.0.1:$(port grpc)"
  assign ENGINE_SOCKET "$(engine_socket)"
}
