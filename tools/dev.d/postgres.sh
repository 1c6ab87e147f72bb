# shellcheck shell=bash
# PostgreSQL 15 or later, from the system's packages, as a process of our own on loopback.

postgres_given() { echo "${PIPELINE_POSTGRES:-}"; }
postgres_wish() { :; }
postgres_default_port() { echo 5432; }
postgres_title() { echo "PostgreSQL $(postgres_version "$(postgres_bin)/postgres")"; }
postgres_version() { "$1" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'; }

# The versioned folder: programs of the same name elsewhere in PATH may be wrappers.
postgres_bin() {
  local bin
  bin=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -t/ -k5,5nr | head -n 1)
  if [ ! -x "$bin" ] && command -v initdb >/dev/null; then bin=$(command -v initdb); fi
  [ -x "$bin" ] && dirname "$bin"
}

postgres_find() {
  local bin version
  take local
  postgres_bin >/dev/null || need_package postgresql -- "PostgreSQL is missing"
  bin=$(postgres_bin) || die "PostgreSQL's initdb is still missing"
  version=$(postgres_version "$bin/initdb")
  [ "$version" -ge 15 ] || die "PostgreSQL 15 or later is needed; $bin is $version"
}

# initdb and the server refuse root. As root both run as the package's user, who cannot enter every clone (a home is
# closed): the data then lies under /var/tmp, in a folder named after this environment.
postgres_folder() {
  if is_root; then echo "/var/tmp/pipeline-$(printf %s "$STATE" | sha256sum | cut -c1-16)"; else echo "$STATE/data/postgres"; fi
}

postgres_as() { if is_root; then (cd / && setpriv --reuid postgres --regid postgres --init-groups -- "$@"); else "$@"; fi; }

postgres_start() {
  local folder bin
  bin=$(postgres_bin)
  folder=$(postgres_folder)
  claim_port postgres
  # A folder that this environment did not make belonged to a clone at the same path that is gone, its passwords with it.
  fresh_if_unfinished postgres "$folder"
  if [ ! -e "$STATE/run/postgres.made" ] || [ ! -f "$folder/PG_VERSION" ]; then
    postgres_init "$bin" "$folder"
  elif [ "$(cat "$folder/PG_VERSION")" != "$(postgres_version "$bin/postgres")" ]; then
    die "postgres: $folder is of version $(cat "$folder/PG_VERSION"), $bin is not; ./dev clean deletes the data"
  fi
  # The memory of a killed server is given back when its last backend has noticed.
  until_true 15 postgres_is_free "$folder" || warn "postgres: an earlier server still uses $folder"
  # The log is opened by us, so that the server need not be able to enter our folder.
  if is_root; then set -- --as postgres "$bin/postgres"; else set -- "$bin/postgres"; fi
  (cd / && spawn postgres "$@" -D "$folder" -p "$(port postgres)" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c max_connections=200 -c shared_buffers=256MB -c min_wal_size=1GB -c max_wal_size=4GB -c fsync=on -c synchronous_commit=on \
    -c password_encryption=scram-sha-256 -c "log_line_prefix=%m [%p] %a " -c timezone=UTC -c log_timezone=UTC)
}

postgres_is_free() {
  local pid
  pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) || return 0
  [ "$(readlink "/proc/$pid/cwd")" != "$1" ]
}

# initdb works in a folder beside the final one, which appears finished by one rename.
postgres_init() {
  local bin=$1 folder=$2 new=$2.new speed=()
  say "postgres: making a database cluster …"
  rm -rf "$folder" "$new" "$new.password"
  # mkdir fails where somebody else put something in the way; /var/tmp is everybody's.
  mkdir -m 700 "$new"
  (umask 077 && secret postgres-superuser >"$new.password")
  if is_root; then chown postgres:postgres "$new" "$new.password"; fi
  # In a session of its own, so that Ctrl-C ends us first, and then we it.
  # What lives only for one run need not be forced to disk while it is made; the server itself runs with fsync on.
  [ "$STATE" = "$REPO/.dev" ] || speed=(--no-sync)
  if ! PIPELINE_DEV_PART="$STATE#postgres" postgres_as setsid -w "$bin/initdb" -D "$new" -U postgres \
    --pwfile="$new.password" --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 "${speed[@]}" >>"$STATE/log/postgres.log" 2>&1; then
    log_end postgres
    die "initdb failed"
  fi
  rm -f "$new.password"
  mv -T "$new" "$folder"
  made postgres
}

postgres_wait() {
  ready postgres 60 "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$(port postgres)"
  # Every statement can be repeated, so that a start that died in between is finished by the next.
  postgres_user_and_database >/dev/null 2>>"$STATE/log/postgres.log" || {
    log_end postgres
    die "postgres: its user and database could not be made"
  }
}

postgres_user_and_database() {
  PGPASSWORD=$(secret postgres-superuser) "$(postgres_bin)/psql" -qAtX -v ON_ERROR_STOP=1 \
    -h 127.0.0.1 -p "$(port postgres)" -U postgres postgres <<SQL
SELECT 'CREATE ROLE pipeline LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pipeline') \gexec
ALTER ROLE pipeline $(postgres_rights) PASSWORD '$(secret postgres)';
SELECT 'CREATE DATABASE pipeline OWNER pipeline' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'pipeline') \gexec
SQL
}

# Tests and benchmarks make databases of their own and look into other sessions; the product must do without such rights.
postgres_rights() { case $STATE in */test | */bench) echo SUPERUSER ;; *) echo NOSUPERUSER NOCREATEDB ;; esac }

postgres_address() {
  case $1 in
    given) assign POSTGRES "$PIPELINE_POSTGRES" ;;
    *) assign POSTGRES "postgres://pipeline:$(secret postgres)@127.0.0.1:$(port postgres)/pipeline" ;;
  esac
}

postgres_clean() { if is_root; then rm -rf "$(postgres_folder)" "$(postgres_folder).new" "$(postgres_folder).new.password"; fi; }
