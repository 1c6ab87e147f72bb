# shellcheck shell=bash
# Kafka: a real broker (one node, KRaft) where there are its jars and Java 17, else the embedded one of tools/DevTool.
# The jars come from KAFKA_HOME, the toolbox, or a download into the cache that its published checksum confirms.

KAFKA_VERSION=4.2.0
KAFKA_NAME=kafka_2.13-$KAFKA_VERSION
KAFKA_URL=${PIPELINE_KAFKA_URL:-https://archive.apache.org/dist/kafka/$KAFKA_VERSION}/$KAFKA_NAME.tgz
KAFKA_TOPICS=efficiency.events:12,analysis.requests:12,analysis.results:12

kafka_given() { echo "${PIPELINE_KAFKA:-}"; }
kafka_wish() { [ "${PIPELINE_BROKER:-}" != embedded ] || echo embedded; }
kafka_default_port() { echo 9092; }
kafka_title() {
  case $(kind kafka) in
    embedded) echo "embedded broker: in memory, 5 MB per partition, empty after a restart" ;;
    compose) echo "Apache Kafka by Compose" ;;
    *) echo "Apache Kafka, $(dirname "$(cat "$STATE/run/kafka.libs")")" ;;
  esac
}

kafka_find() {
  local libs
  take embedded
  [ -z "$(kafka_wish)" ] || return 0
  # The first choice stays: a broker of another kind would not have the data.
  [ "$1" != embedded ] || return 0
  if [ "$1" = local ] && kafka_jars "$(cat "$STATE/run/kafka.libs")" && kafka_java; then
    take local
    return
  fi
  if [ -n "${KAFKA_HOME:-}" ]; then
    libs=$KAFKA_HOME/libs
    kafka_jars "$libs" || die "KAFKA_HOME=$KAFKA_HOME holds no Kafka (no libs/kafka-server*.jar)"
    kafka_java || need_package openjdk-17-jre-headless -- "KAFKA_HOME needs Java 17"
  elif [ -n "$PIPELINE_TOOLBOX" ] && kafka_jars "$PIPELINE_TOOLBOX/kafka/libs"; then
    libs=$PIPELINE_TOOLBOX/kafka/libs
    if ! kafka_java && is_root; then need_package openjdk-17-jre-headless -- "Kafka needs Java 17"; fi
  else
    libs=$(kafka_cache)/$KAFKA_NAME/libs
  fi
  if ! kafka_java; then
    say "kafka: no Java 17 (apt-get install -y openjdk-17-jre-headless); using the embedded broker"
  elif kafka_jars "$libs" || kafka_download; then
    take local
    echo "$libs" >"$STATE/run/kafka.libs"
  fi
}

kafka_jars() { compgen -G "$1/kafka-server-[0-9]*.jar" >/dev/null; }
kafka_java() { [ "$(java_major)" -ge 17 ] 2>/dev/null; }
kafka_cache() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/pipeline"; }

# Out of reach is no failure: there is the embedded broker.
kafka_download() {
  local cache sum
  cache=$(kafka_cache)
  mkdir -p "$cache"
  need_command curl curl "Kafka is fetched with it"
  # Published as "NAME: HEX HEX …" over several lines.
  sum=$(curl -fs --connect-timeout 4 --max-time 15 "$KAFKA_URL.sha512" | tr -d ' \n' | grep -oiE '[0-9a-f]{128}' | tr 'A-F' 'a-f') || sum=
  [ -n "$sum" ] || { say "kafka: ${KAFKA_URL%/*} is out of reach; using the embedded broker" && return 1; }
  say "kafka: downloading $KAFKA_NAME once (130 MB) …"
  if ! curl -f --progress-bar --connect-timeout 4 --max-time 1800 -o "$cache/$KAFKA_NAME.tgz.$$" "$KAFKA_URL" ||
    ! echo "$sum  $cache/$KAFKA_NAME.tgz.$$" | sha512sum --check --status; then
    rm -f "$cache/$KAFKA_NAME.tgz.$$"
    say "kafka: the download failed or its checksum is wrong; using the embedded broker"
    return 1
  fi
  rm -rf "${cache:?}/$KAFKA_NAME"
  mkdir "$cache/unpack.$$" && tar -xzf "$cache/$KAFKA_NAME.tgz.$$" -C "$cache/unpack.$$" &&
    mv -T "$cache/unpack.$$/$KAFKA_NAME" "$cache/$KAFKA_NAME"
  rm -rf "$cache/unpack.$$" "$cache/$KAFKA_NAME.tgz.$$"
  kafka_jars "$cache/$KAFKA_NAME/libs"
}

kafka_start() { if [ "$(kind kafka)" = embedded ]; then kafka_start_embedded; else kafka_start_real; fi; }

kafka_start_embedded() {
  rm -f "$STATE/run/kafka.address"
  app_copy tools/DevTool
  spawn kafka dotnet "$STATE/app/DevTool/Pipeline.DevTool.dll" broker --topics "$KAFKA_TOPICS" --port-file "$STATE/run/kafka.address"
}

kafka_start_real() {
  local folder=$STATE/data/kafka java
  claim_port kafka
  claim_port kafka-controller
  fresh_if_unfinished kafka "$folder"
  mkdir -p "$folder"
  kafka_settings "$folder" >"$folder/server.properties"
  kafka_logging >"$folder/log4j2.yaml"
  java=(java -Xmx512m -XX:+UseG1GC "-Dlog4j2.configurationFile=$folder/log4j2.yaml" -cp "$(cat "$STATE/run/kafka.libs")/*")
  if [ ! -e "$STATE/run/kafka.made" ] || [ ! -e "$folder/logs/meta.properties" ]; then
    kafka_format "$folder" "${java[@]}"
  fi
  spawn kafka "${java[@]}" kafka.Kafka "$folder/server.properties"
}

# kafka_format FOLDER JAVA…: as initdb, in a session of its own and with our mark.
kafka_format() {
  local folder=$1
  shift
  PIPELINE_DEV_PART="$STATE#kafka" setsid -w "$@" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format \
    -t "$(secret kafka-cluster | cut -c1-22)" -c "$folder/server.properties" >>"$STATE/log/kafka.log" 2>&1 || {
    log_end kafka
    die "kafka: its storage could not be formatted"
  }
  made kafka
}

kafka_settings() {
  cat <<TEXT
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(port kafka-controller)
listeners=PLAINTEXT://127.0.0.1:$(port kafka),CONTROLLER://127.0.0.1:$(port kafka-controller)
advertised.listeners=PLAINTEXT://127.0.0.1:$(port kafka)
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$1/logs
num.partitions=12
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=6
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=6
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.message.timestamp.type=LogAppendTime
auto.create.topics.enable=false
TEXT
}

kafka_logging() {
  cat <<'TEXT'
Configuration:
  Appenders: { Console: { name: out, PatternLayout: { pattern: "%d %p %m (%c)%n" } } }
  Loggers: { Root: { level: WARN, AppenderRef: { ref: out } } }
TEXT
}

kafka_wait() {
  if [ "$(kind kafka)" = embedded ]; then
    ready kafka 30 test -s "$STATE/run/kafka.address"
  else
    # The broker opens its socket early but answers when it has joined; a request of the real protocol tells.
    ready kafka 90 kafka_answers
  fi
}

kafka_answers() { tcp_answers 127.0.0.1 "$(port kafka)" && devtool topics --kafka "127.0.0.1:$(port kafka)"; }

kafka_address() {
  case $1 in
    given) assign KAFKA "$PIPELINE_KAFKA" && assign KAFKA_KIND kafka ;;
    embedded) assign KAFKA "$(cat "$STATE/run/kafka.address")" && assign KAFKA_KIND embedded ;;
    *) assign KAFKA "127.0.0.1:$(port kafka)" && assign KAFKA_KIND kafka ;;
  esac
}
