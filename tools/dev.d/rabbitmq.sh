# shellcheck shell=bash
# RabbitMQ 3.10 or later from the system's packages, with an epmd (Erlang's port mapper) of its own: the shared one of the
# machine would tell everybody about our node, and would stay behind.

rabbitmq_given() { echo "${PIPELINE_RABBITMQ:-}"; }
rabbitmq_wish() { :; }
rabbitmq_default_port() { echo 5672; }
rabbitmq_title() { echo RabbitMQ; }

# The script in /usr/sbin changes to the package's user and its folders; this one runs as whoever calls it.
rabbitmq_script() { echo /usr/lib/rabbitmq/bin/rabbitmq-server; }

rabbitmq_find() {
  take local
  [ -x "$(rabbitmq_script)" ] || need_package rabbitmq-server -- "RabbitMQ is missing"
}

rabbitmq_start() {
  local folder=$STATE/data/rabbitmq hash
  claim_port rabbitmq
  claim_port rabbitmq-dist
  stop_part epmd
  claim_port epmd
  fresh_if_unfinished rabbitmq "$folder"
  mkdir -p "$folder/home"
  hash=$(printf %s "$STATE" | sha256sum | cut -c1-8)
  rabbitmq_settings "$folder"
  spawn epmd "$(command -v epmd)" -address 127.0.0.1 -port "$(port epmd)"
  until_true 10 tcp_answers 127.0.0.1 "$(port epmd)" || { log_end epmd && die "rabbitmq: epmd does not answer"; }
  # RUNNING_UNDER_SYSTEMD makes the script become the server instead of watching it, so that its pid is the server's.
  (
    cd "$folder" || exit
    export HOME=$folder/home ERL_EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1 RUNNING_UNDER_SYSTEMD=true
    ERL_EPMD_PORT=$(port epmd)
    export RABBITMQ_NODENAME=pipeline-$hash@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT RABBITMQ_DIST_PORT
    RABBITMQ_NODE_PORT=$(port rabbitmq)
    RABBITMQ_DIST_PORT=$(port rabbitmq-dist)
    export RABBITMQ_MNESIA_BASE=$folder/mnesia RABBITMQ_LOG_BASE=$folder/log RABBITMQ_LOGS=- RABBITMQ_PID_FILE=$folder/pid
    export RABBITMQ_CONFIG_FILE=$folder/rabbitmq.conf RABBITMQ_ADVANCED_CONFIG_FILE=$REPO/compose/rabbitmq/advanced.config
    export RABBITMQ_ENABLED_PLUGINS_FILE=$folder/enabled_plugins RABBITMQ_CONF_ENV_FILE=/dev/null
    export RABBITMQ_FEATURE_FLAGS_FILE=$folder/feature_flags RABBITMQ_GENERATED_CONFIG_DIR=$folder/generated
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
    spawn rabbitmq "$(rabbitmq_script)"
  )
}

# The settings of compose/rabbitmq, and our user, whom the server makes when it makes its database.
rabbitmq_settings() {
  (umask 077 && {
    cat "$REPO/compose/rabbitmq/rabbitmq.conf"
    echo "default_user = pipeline"
    echo "default_pass = $(secret rabbitmq)"
  } >"$1/rabbitmq.conf")
  echo '[].' >"$1/enabled_plugins"
}

rabbitmq_wait() {
  ready rabbitmq 120 rabbitmq_greets
  made rabbitmq
}

# It answers the protocol header with its first frame (a method frame: type 1), or not yet at all.
rabbitmq_greets() {
  local first
  first=$(exec 3<>"/dev/tcp/127.0.0.1/$(port rabbitmq)" && printf 'AMQP\0\0\11\1' >&3 && timeout 2 head -c 1 <&3 | od -An -tu1) 2>/dev/null
  [ "${first// /}" = 1 ]
}

rabbitmq_address() {
  case $1 in
    given) assign RABBITMQ "$PIPELINE_RABBITMQ" ;;
    *) assign RABBITMQ "amqp://pipeline:$(secret rabbitmq)@127.0.0.1:$(port rabbitmq)/%2F" ;;
  esac
}
