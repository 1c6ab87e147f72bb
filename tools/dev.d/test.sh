# shellcheck shell=bash
# ./dev test and ./dev bench: every run has servers of its own, made for it and deleted after it.

TEST_SERVERS=(postgres rabbitmq kafka influx)

test_command() {
  local coverage='' faults='' filters=() options=() projects=() words=()
  while [ $# -gt 0 ]; do
    case $1 in
      --coverage) coverage=yes ;;
      --faults) faults=yes && TEST_SERVERS=() ;;
      --) shift && options=("$@") && break ;;
      -*) die "test knows only --coverage and --faults; options of the test runner come after --" ;;
      *) filters+=("$1") ;;
    esac
    shift
  done
  test_environment test
  test_selection "${filters[@]}"
  test_run
}

# test_environment NAME: packages, build, servers, and what the tests are told about them.
test_environment() {
  use_state "$REPO/.dev/$1"
  lock_state
  delete_state
  use_state "$REPO/.dev/$1"
  temporary_state
  packages_ensure
  python_ensure
  grpc_client_ensure
  servers_find "${TEST_SERVERS[@]}"
  [ "$1" != test ] || faults_find
  build_solution
  [ ${#TEST_SERVERS[@]} -eq 0 ] || test_servers
}

test_servers() {
  servers_up "${TEST_SERVERS[@]}"
  load_addresses "${TEST_SERVERS[@]}"
  export PIPELINE_TEST_KAFKA=$KAFKA PIPELINE_TEST_KAFKA_KIND=$KAFKA_KIND PIPELINE_TEST_POSTGRES=$POSTGRES
  export PIPELINE_TEST_RABBITMQ=$RABBITMQ
  export PIPELINE_TEST_INFLUX_URL=$INFLUX_URL PIPELINE_TEST_INFLUX_TOKEN=$INFLUX_TOKEN
  export PIPELINE_TEST_INFLUX_ORG=$INFLUX_ORG PIPELINE_TEST_INFLUX_API=$INFLUX_API
  say "running on: $(servers_in_words "${TEST_SERVERS[@]}")"
}

# What the fault suite starts for itself, because it harms it. Without the toolbox it skips and says so.
faults_find() {
  [ -n "$PIPELINE_TOOLBOX" ] || return 0
  postgres_find
  rabbitmq_find
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || ! is_root || need_package libfaketime -- "libfaketime is missing (the fault suite moves clocks)"
}

servers_in_words() {
  local part list=
  for part in "$@"; do list+="${list:+; }$(server_words "$part")"; done
  echo "$list"
}

server_words() {
  case $(kind "$1") in
    given) echo "$1 given by the environment" ;;
    compose) echo "$1 by Docker Compose" ;;
    *) "${1}_title" ;;
  esac
}

# test_selection FILTER…: a filter that is part of a project's name selects the project, any other the tests whose full
# name contains it. Sets projects, words and options.
test_selection() {
  local filter name hit matched=()
  if [ -n "$faults" ]; then
    # Every fault, or those whose name contains a filter.
    projects=(Faults)
    PIPELINE_FAULTS=$(IFS=, && echo "${*:-all}") && export PIPELINE_FAULTS
    return
  fi
  for name in "$REPO"/tests/*.Tests "$REPO/tests/Faults"; do projects+=("$(basename "$name")"); done
  for filter in "$@"; do
    hit=
    for name in "${projects[@]}"; do
      if grep -qiF -- "$filter" <<<"$name"; then matched+=("$name") && hit=yes; fi
    done
    [ -n "$hit" ] || words+=("$filter")
  done
  for filter in "${words[@]}"; do options+=(-method "*$filter*"); done
  [ ${#matched[@]} -eq 0 ] || mapfile -t projects < <(printf '%s\n' "${matched[@]}" | sort -u)
}

test_run() {
  local reports=() name
  export PIPELINE_FAULTS_RESULTS=$STATE/results/Faults
  for name in "${projects[@]}"; do
    say
    say "== $name"
    mkdir -p "$STATE/results/$name"
    if [ -n "$coverage" ]; then
      reports+=("$STATE/results/$name/report.trx")
      test_covered "$name" || true
    else
      reports+=("$STATE/results/$name/report.xml")
      test_project "$name" || true
    fi
  done
  say
  if [ -n "$coverage" ]; then
    mapfile -t covered < <(find "$STATE/results" -path '*/In/*' -prune -o -name '*.cobertura.xml' -print)
    devtool coverage "${covered[@]}"
    say
  fi
  devtool test-summary "${reports[@]}" || exit 1
}

# Printed are the tests that take a second or more, and all of what fails or is skipped. The mark in the environment lets
# us find and stop the processes that a test left.
test_project() {
  local runner log=$STATE/log/$1.log
  # Made here: tail may come to it before the runner does.
  : >"$log"
  (cd "$(built "tests/$1")" && PIPELINE_DEV_PART="$STATE#tests" exec dotnet "Pipeline.$1.dll" -noLogo -noColor -reporter verbose \
    -xml "$STATE/results/$1/report.xml" "${options[@]}" 9>&-) >"$log" 2>&1 &
  runner=$!
  # By way of a file, because a process that a test left behind would hold a pipe open.
  tail -n +1 -s 0.2 -f --pid "$runner" "$log" |
    sed -u -e '/\[STARTING\]$/d' -e '/\[FINISHED\] Time: 0/d' -e '/^  Disc/d' -e '/^  Starting:/d' -e '/^  Finished:/d' -e '/^=== TEST EXEC/d'
}

# Coverage comes from the collector that Microsoft.NET.Test.Sdk brings along; it needs VSTest to run the tests.
test_covered() {
  local collector filter=()
  collector=$(printf '%s\n' "${NUGET_PACKAGES:-$HOME/.nuget/packages}"/microsoft.codecoverage/*/build/netstandard2.0 | sort -V | tail -n 1)
  [ ${#words[@]} -eq 0 ] || filter=(--filter "$(printf '|FullyQualifiedName~%s' "${words[@]}" | cut -c2-)")
  PIPELINE_DEV_PART="$STATE#tests" tidy_dotnet test "$(built "tests/$1")/Pipeline.$1.dll" --test-adapter-path "$collector" "${filter[@]}" \
    --collect 'Code Coverage;Format=cobertura' --results-directory "$STATE/results/$1" --logger 'trx;LogFileName=report.trx' 9>&-
}

bench_command() {
  test_environment bench
  if PIPELINE_TEST_KAFKA_PID=$(pid_of kafka); then export PIPELINE_TEST_KAFKA_PID; fi
  if PIPELINE_TEST_INFLUX_PID=$(pid_of influx); then export PIPELINE_TEST_INFLUX_PID; fi
  cd "$REPO" && PIPELINE_DEV_PART="$STATE#tests" dotnet "$(built tests/Benchmarks)/Pipeline.Benchmarks.dll" "$@" 9>&-
}
