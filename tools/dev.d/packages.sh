# shellcheck shell=bash
# Confluent.Kafka needs the native package librdkafka.redist. Some mirrors of nuget.org lack it; there, and only there, the
# same version is built once from the sources that @confluentinc/kafka-javascript carries, into a feed in the user's cache.

RDKAFKA_VERSION=2.15.1
RDKAFKA_HEX=0x020f01ff
RDKAFKA_NPM=@confluentinc/kafka-javascript@1.10.1

# The same order as in Directory.Build.props, which adds this folder to the sources of a restore.
feed_folder() { echo "${PIPELINE_FEED:-${XDG_CACHE_HOME:-$HOME/.cache}/pipeline/feed}"; }

packages_ensure() {
  need_dotnet
  # .NET takes time zones from the system; without them statistics know UTC alone.
  [ -e /usr/share/zoneinfo/Asia/Kathmandu ] || ! is_root || need_package tzdata -- "time zones are missing (statistics by time zone)"
  # NuGet writes .nupkg.metadata last: a folder without it is half unpacked.
  [ ! -f "${NUGET_PACKAGES:-$HOME/.nuget/packages}/librdkafka.redist/$RDKAFKA_VERSION/.nupkg.metadata" ] || return 0
  [ ! -f "$(feed_folder)/librdkafka.redist.$RDKAFKA_VERSION.nupkg" ] || return 0
  say "asking NuGet for librdkafka.redist $RDKAFKA_VERSION …"
  if nuget_has_rdkafka; then return; fi
  rdkafka_feed
}

# A restore is the only true answer: it asks the sources and credentials that the build will ask.
nuget_has_rdkafka() {
  local probe=$STATE/data/probe
  rm -rf "$probe" && mkdir -p "$probe"
  # Empty files keep the repository's own settings out.
  for file in Directory.Build.props Directory.Build.targets Directory.Packages.props; do echo '<Project />' >"$probe/$file"; done
  cat >"$probe/probe.csproj" <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework><NuGetAudit>false</NuGetAudit></PropertyGroup>
  <ItemGroup><PackageDownload Include="librdkafka.redist" Version="[$RDKAFKA_VERSION]" /></ItemGroup>
</Project>
XML
  # One try with a short limit: an unreachable source would otherwise be asked for many minutes.
  NUGET_ENHANCED_MAX_NETWORK_TRY_COUNT=2 NUGET_ENHANCED_NETWORK_RETRY_DELAY_MILLISECONDS=500 \
    tidy_dotnet restore "$probe/probe.csproj" --disable-build-servers >"$STATE/log/nuget-probe.log" 2>&1 9>&- || return 1
  rm -rf "$probe"
}

rdkafka_feed() {
  local feed
  feed=$(feed_folder)
  need_command npm npm "the sources of librdkafka come in an npm package, as NuGet does not have librdkafka.redist $RDKAFKA_VERSION here"
  need_command gcc gcc "librdkafka is built once from its sources"
  need_command make make "librdkafka is built once from its sources"
  has_header openssl/ssl.h || need_package libssl-dev -- "OpenSSL's headers are missing (librdkafka is built once from its sources)"
  # Without these two the broker's zstd and gzip batches could not be read: wanted, but no reason to stop a plain user.
  if ! has_header zstd.h || ! has_header zlib.h; then
    if is_root; then need_package libzstd-dev zlib1g-dev -- "headers for zstd and gzip are missing"; else
      say "note: librdkafka is built without zstd or gzip; with: sudo apt-get install -y libzstd-dev zlib1g-dev; rm -rf '$feed'"
    fi
  fi
  mkdir -p "$feed"
  (
    exec 8>"$feed/.lock"
    flock -n 8 || { say "another ./dev is building librdkafka; waiting for it …" && flock -w 900 8; }
    [ -f "$feed/librdkafka.redist.$RDKAFKA_VERSION.nupkg" ] || rdkafka_build "$feed" 9>&-
  ) || exit 1
}

has_header() { echo "#include <$1>" | gcc -E -x c - >/dev/null 2>&1; }

# rdkafka_build FEED: everything in a temporary folder; the finished package appears in the feed by one rename.
rdkafka_build() {
  local feed=$1 log=$STATE/log/librdkafka.log work started=$SECONDS
  work=$(mktemp -d "${TMPDIR:-/tmp}/librdkafka.XXXXXX")
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf '$work'" EXIT
  : >"$log"
  rdkafka_step "fetching $RDKAFKA_NPM" "$log" rdkafka_sources "$work"
  grep -q "define RD_KAFKA_VERSION $RDKAFKA_HEX" "$work/librdkafka/src/rdkafka.h" ||
    die "$RDKAFKA_NPM does not hold librdkafka $RDKAFKA_VERSION"
  say "building librdkafka $RDKAFKA_VERSION once (about a minute) …"
  rdkafka_step "configuring it" "$log" rdkafka_configure "$work"
  rdkafka_step "compiling it" "$log" make -j "$(nproc)" -C "$work/librdkafka/src" librdkafka.so.1
  strip --strip-unneeded "$work/librdkafka/src/librdkafka.so.1"
  rdkafka_step "packing it" "$log" rdkafka_pack "$work"
  mv "$work/out/librdkafka.redist.$RDKAFKA_VERSION.nupkg" "$feed/" || die "$feed cannot be written"
  say "librdkafka.redist $RDKAFKA_VERSION is in $feed ($((SECONDS - started)) s)"
}

rdkafka_step() { # WHAT LOG COMMAND…
  local what=$1 log=$2
  shift 2
  say "  $what …"
  if ! "$@" >>"$log" 2>&1; then
    tail -n 15 "$log" | sed 's/^/  | /' >&2
    die "$what failed; the whole log: $log"
  fi
}

rdkafka_sources() (
  cd "$1" && npm pack --silent "$RDKAFKA_NPM" >name && tar -xzf "$(tail -n 1 name)" package/deps/librdkafka &&
    mv package/deps/librdkafka .
)

rdkafka_configure() { (cd "$1/librdkafka" && ./configure --disable-gssapi); }

# The SDK packs, because it is the one tool that is surely there; zip and python3 are not.
rdkafka_pack() {
  local work=$1
  mkdir -p "$work/pack" && cp "$work/librdkafka/src/librdkafka.so.1" "$work/pack/librdkafka.so"
  cat >"$work/pack/librdkafka.redist.csproj" <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net10.0</TargetFramework>
    <PackageId>librdkafka.redist</PackageId>
    <Version>$RDKAFKA_VERSION</Version>
    <Authors>librdkafka contributors</Authors>
    <Description>librdkafka $RDKAFKA_VERSION for linux-x64, built on this machine from $RDKAFKA_NPM.</Description>
    <IncludeBuildOutput>false</IncludeBuildOutput>
    <SuppressDependenciesWhenPacking>true</SuppressDependenciesWhenPacking>
    <NoWarn>NU5128</NoWarn>
  </PropertyGroup>
  <ItemGroup><None Include="librdkafka.so" Pack="true" PackagePath="runtimes/linux-x64/native/librdkafka.so" /></ItemGroup>
</Project>
XML
  tidy_dotnet pack "$work/pack/librdkafka.redist.csproj" -c Release -o "$work/out" --disable-build-servers
}
