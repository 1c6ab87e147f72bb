# shellcheck shell=bash
# ./dev test and ./dev bench: every run has servers of its own, made for it and deleted after it.

TEST_SERVERS=(postgres kafka influx)

test_command() {
  local coverage='' filters=() options=() projects=() project
  while [ $# -gt 0 ]; do
    case $1 in
      --coverage) coverage=yes ;;
      --) shift && options=("$@") && break ;;
      -*) die "test knows only --coverage; options of the test runner come after --" ;;
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
  build_solution
  servers_up "${TEST_SERVERS[@]}"
  load_addresses "${TEST_SERVERS[@]}"
  export PIPELINE_TEST_KAFKA=$KAFKA PIPELINE_TEST_KAFKA_KIND=$KAFKA_KIND PIPELINE_TEST_POSTGRES=$POSTGRES
  export PIPELINE_TEST_INFLUX_URL=$INFLUX_URL PIPELINE_TEST_INFLUX_TOKEN=$INFLUX_TOKEN
  export PIPELINE_TEST_INFLUX_ORG=$INFLUX_ORG PIPELINE_TEST_INFLUX_API=$INFLUX_API
  say "running on: $(servers_in_words "${TEST_SERVERS[@]}")"
}

servers_in_words() {
  local part words=
  for part in "$@"; do words+="${words:+; }$(server_words "$part")"; done
  echo "$words"
}

server_words() {
  case $(kind "$1") in
    given) echo "$1 given by the environment" ;;
    compose) echo "$1 by Docker Compose" ;;
    *) "${1}_title" ;;
  esac
}

# test_selection FILTER…: a filter that is part of a project's name selects the project, any other the tests whose full
# name contains it. Sets projects, and adds to options.
test_selection() {
  local filter name matched=()
  for project in "$REPO"/tests/*.Tests; do projects+=("$(basename "$project")"); done
  for filter in "$@"; do
    local hit=
    for name in "${projects[@]}"; do
      if grep -qiF -- "$filter" <<<"$name"; then matched+=("$name") && hit=yes; fi
    done
    [ -n "$hit" ] || options+=(-method "*$filter*")
  done
  [ ${#matched[@]} -eq 0 ] || mapfile -t projects < <(printf '%s\n' "${matched[@]}" | sort -u)
}

test_run() {
  local reports=() report name
  mkdir -p "$STATE/results"
  for name in "${projects[@]}"; do
    report=$STATE/results/$name.xml
    reports+=("$report")
    say
    say "== $name"
    # Its children can be told by this mark, and are stopped with the servers if a test left them.
    PIPELINE_DEV_PART="$STATE#tests" test_project "$name" "$report" "${options[@]}" 9>&- || true
  done
  say
  [ -z "$coverage" ] || devtool coverage "$STATE"/results/*.cobertura.xml
  devtool test-summary "${reports[@]}" || exit 1
}

test_project() {
  local name=$1 report=$2 folder
  shift 2
  folder=$(built "tests/$name")
  cd "$folder" && test_runner dotnet "$folder/Pipeline.$name.dll" -noLogo -noColor -xml "$report" "$@"
}

bench_command() {
  test_environment bench
  cd "$REPO" && PIPELINE_DEV_PART="$STATE#tests" dotnet "$(built tests/Benchmarks)/Pipeline.Benchmarks.dll" "$@" 9>&-
}
