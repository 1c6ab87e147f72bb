# shellcheck shell=bash
# ./dev simulate: annotation work as it might have been, for what ./dev up started or an address in the environment.

simulate_command() {
  if [ ! -f "$(built tools/DevTool)/Pipeline.DevTool.dll" ]; then
    use_state "$REPO/.dev"
    packages_ensure
    build_solution
  fi
  # What the caller says comes last, and the last word about an option counts.
  devtool simulate --url "$(simulate_address INGEST_URL)" --kafka "$(simulate_address KAFKA)" "$@"
}

# simulate_address VARIABLE: what the environment says, else what ./dev up wrote, else nothing.
simulate_address() {
  # shellcheck source=/dev/null
  [ -n "${!1:-}" ] || [ ! -r "$REPO/.dev/env" ] || . "$REPO/.dev/env"
  echo "${!1:-}"
}
