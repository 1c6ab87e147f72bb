# shellcheck shell=bash
# The gRPC client that tests call with, from npm: Debian has grpcio (python.sh), but no grpc-js.

GRPC_NPM=(@grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1)

grpc_client_folder() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/pipeline/grpc-client"; }

# The file is written last: a folder without it is half installed, or holds other versions.
grpc_client_is_there() { [ "$(cat "$(grpc_client_folder)/installed" 2>/dev/null)" = "${GRPC_NPM[*]}" ]; }

# Wanted, and no reason to stop: without it the tests that need it are skipped and say so.
grpc_client_ensure() {
  local folder
  folder=$(grpc_client_folder)
  export PIPELINE_TEST_NODE_MODULES=$folder/node_modules
  ! grpc_client_is_there || return 0
  if ! command -v npm >/dev/null; then
    if ! is_root; then say "note: no gRPC client of npm; it comes with: sudo apt-get install -y npm" && return 0; fi
    say "installing npm (the gRPC client of the tests) …"
    apt_install npm || { say "note: apt-get could not install npm; see $STATE/log/apt.log" && return 0; }
  fi
  say "installing ${GRPC_NPM[*]} (a gRPC client for the tests) …"
  mkdir -p "$folder"
  if npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts "${GRPC_NPM[@]}" >"$STATE/log/npm.log" 2>&1 9>&-; then
    echo "${GRPC_NPM[*]}" >"$folder/installed"
  else
    say "note: npm could not install them; see $STATE/log/npm.log"
  fi
}
