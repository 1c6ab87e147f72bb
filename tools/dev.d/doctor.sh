# shellcheck shell=bash
# ./dev doctor: each thing that is needed, where it was found and in which version, or the command that brings it.

doctor_command() {
  doctor_missing=0
  say "needed:"
  doctor_dotnet
  doctor_librdkafka
  doctor_tool curl curl essential
  doctor_tool setsid util-linux essential
  doctor_tool flock util-linux essential
  if compose_works; then
    found "Docker engine" "$(docker version --format '{{.Server.Version}}' 2>/dev/null); the servers run by Docker Compose"
  else
    doctor_postgres
    doctor_rabbitmq
  fi
  say "of several kinds:"
  doctor_kafka
  doctor_influx
  say "optional:"
  doctor_tool git git optional
  doctor_tool npm npm optional "builds librdkafka where NuGet lacks it"
  doctor_tool gcc gcc optional "builds librdkafka where NuGet lacks it"
  doctor_tool make make optional "builds librdkafka where NuGet lacks it"
  doctor_python
  doctor_grpc
  doctor_header openssl/ssl.h libssl-dev "builds librdkafka where NuGet lacks it"
  doctor_header zstd.h libzstd-dev "zstd in a librdkafka built here"
  if compose_works; then :; else absent "Docker engine" "none answers; local processes instead"; fi
  found "toolbox" "${PIPELINE_TOOLBOX:-none (PIPELINE_TOOLBOX); not needed}"
  found "larger trace" "${PIPELINE_TRACE:-none (PIPELINE_TRACE); the tests that need it are skipped}"
  doctor_room
  [ "$doctor_missing" -eq 0 ] || {
    say "$doctor_missing essential things are missing"
    return 1
  }
  say "all that is essential is here"
}

found() { printf '  ok       %-15s %s\n' "$1" "$2"; }
absent() { printf '  absent   %-15s %s\n' "$1" "$2"; }
missing() {
  printf '  MISSING  %-15s %s\n' "$1" "$2"
  doctor_missing=$((doctor_missing + 1))
}
install_with() { if is_root; then echo "./dev installs it (apt-get install -y $*)"; else echo "sudo apt-get install -y $*"; fi; }

# As root a missing package is no obstacle: ./dev brings it.
lacking() {
  if is_root && command -v apt-get >/dev/null; then absent "$1" "$(install_with "$2")"; else missing "$1" "$(install_with "$2")"; fi
}

doctor_tool() { # COMMAND PACKAGE essential|optional [WHY]
  if command -v "$1" >/dev/null; then
    found "$1" "$(command -v "$1")"
  elif [ "$3" = essential ]; then
    lacking "$1" "$2"
  else
    absent "$1" "$(install_with "$2")${4:+ ($4)}"
  fi
}

doctor_header() {
  if has_header "$1"; then found "$2" "<$1>"; else absent "$2" "$(install_with "$2") ($3)"; fi
}

doctor_dotnet() {
  local version
  if version=$(cd "$REPO" && dotnet --version 2>/dev/null); then
    found ".NET SDK" "$version, $(command -v dotnet)"
  else
    missing ".NET SDK" "10.0 (global.json): https://dotnet.microsoft.com/download/dotnet/10.0"
  fi
}

doctor_python() {
  local missing interpreter
  interpreter=$(python_interpreter)
  [ -z "$interpreter" ] || found "Python for ./dev up" "$interpreter"
  missing=$(python_missing)
  if [ -z "$missing" ]; then
    found "Python packages" "/usr/bin/python3 has ${!PYTHON_MODULES[*]}"
  else
    # shellcheck disable=SC2086 # a list of packages
    absent "Python packages" "$(install_with $missing) (the Python algorithms and their tests)"
  fi
}

doctor_grpc() {
  if grpc_client_is_there; then
    found "gRPC client" "$(grpc_client_folder): ${GRPC_NPM[*]}"
  else
    absent "gRPC client" "${GRPC_NPM[*]}; ./dev test takes it from npm (tests only)"
  fi
}

doctor_librdkafka() {
  local folder=${NUGET_PACKAGES:-$HOME/.nuget/packages}/librdkafka.redist/$RDKAFKA_VERSION
  if [ -f "$folder/.nupkg.metadata" ]; then
    found librdkafka "$RDKAFKA_VERSION, $folder"
  elif [ -f "$(feed_folder)/librdkafka.redist.$RDKAFKA_VERSION.nupkg" ]; then
    found librdkafka "$RDKAFKA_VERSION, $(feed_folder)"
  else
    absent librdkafka "$RDKAFKA_VERSION; ./dev takes it from NuGet or builds it once"
  fi
}

doctor_postgres() {
  local bin version
  if [ -n "${PIPELINE_POSTGRES:-}" ]; then
    found PostgreSQL "given by PIPELINE_POSTGRES"
  elif bin=$(postgres_bin) && version=$(postgres_version "$bin/postgres") && [ "$version" -ge 15 ]; then
    found PostgreSQL "$version, $bin"
  else
    lacking PostgreSQL "postgresql"
  fi
}

doctor_rabbitmq() {
  if [ -n "${PIPELINE_RABBITMQ:-}" ]; then
    found RabbitMQ "given by PIPELINE_RABBITMQ"
  elif [ -x "$(rabbitmq_script)" ]; then
    found RabbitMQ "$(basename "$(compgen -G '/usr/lib/rabbitmq/lib/rabbitmq_server-*' | head -n 1)"), $(rabbitmq_script)"
  else
    lacking RabbitMQ rabbitmq-server
  fi
}

doctor_kafka() {
  local java
  java=$(java_major)
  if [ -n "${PIPELINE_KAFKA:-}" ]; then
    found Kafka "given by PIPELINE_KAFKA"
  elif [ -z "$java" ] || [ "$java" -lt 17 ]; then
    absent Kafka "Java 17 is missing: $(install_with openjdk-17-jre-headless); until then the embedded broker"
  elif kafka_jars "${KAFKA_HOME:-/nowhere}/libs"; then
    found Kafka "KAFKA_HOME=$KAFKA_HOME, Java $java"
  elif [ -n "$PIPELINE_TOOLBOX" ] && kafka_jars "$PIPELINE_TOOLBOX/kafka/libs"; then
    found Kafka "$PIPELINE_TOOLBOX/kafka, Java $java"
  elif kafka_jars "$(kafka_cache)/$KAFKA_NAME/libs"; then
    found Kafka "$(kafka_cache)/$KAFKA_NAME, Java $java"
  elif http_ok "$KAFKA_URL.sha512"; then
    found Kafka "to be downloaded once from archive.apache.org, Java $java"
  else
    absent Kafka "archive.apache.org is out of reach (KAFKA_HOME may name a distribution); the embedded broker instead"
  fi
}

doctor_influx() {
  if [ -n "${PIPELINE_INFLUX_URL:-}" ]; then
    found InfluxDB "given by PIPELINE_INFLUX_URL"
  elif [ -n "${INFLUXD:-}" ]; then
    found InfluxDB "INFLUXD=$INFLUXD"
  elif [ -n "$PIPELINE_TOOLBOX" ] && [ -x "$PIPELINE_TOOLBOX/influxdb/influxdb" ]; then
    found InfluxDB "$PIPELINE_TOOLBOX/influxdb"
  elif command -v influxd >/dev/null; then
    found InfluxDB "$(command -v influxd), $(influxd version 2>/dev/null | head -n 1)"
  else
    lacking InfluxDB influxdb
  fi
}

# A full demo with all servers takes about this much.
doctor_room() {
  local free
  free=$(df -Pk "$REPO" | awk 'NR == 2 { print int($4 / 1048576) }')
  if [ "$free" -ge 3 ]; then found "disk" "$free GB free"; else missing "disk" "$free GB free; 3 are needed"; fi
}
