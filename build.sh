#!/usr/bin/env bash
# build.sh build | test [PROJECT...] | pack [FOLDER] | format | bench [ARGS...] | paper [--scale SHARE ...]
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
export DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1

build() { dotnet build Tributary.slnx -c Release -v quiet --nologo "$@"; }

# What the tests use beyond the .NET SDK. Installed where we may; a test that lacks its tool is skipped, or fails under CI=true.
install_test_tools() {
  local missing=()
  [ -x /usr/bin/chromium ] || missing+=(chromium)
  command -v ip >/dev/null || [ -x /usr/sbin/ip ] || missing+=(iproute2)
  /usr/bin/python3 -c 'import torch, numpy' 2>/dev/null || missing+=(python3-torch python3-numpy)
  ldconfig -p 2>/dev/null | grep -q 'libopenblas\.so\.0' || missing+=(libopenblas0-pthread)
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "not installed, tests that need them are skipped: ${missing[*]}"
  fi
}

run_tests() {
  install_test_tools
  build
  local results failed=0
  results=$(mktemp -d)
  local projects=("$@")
  [ ${#projects[@]} -gt 0 ] || projects=(tests/*.Tests tests/Tributary.EndToEnd)
  for project in "${projects[@]}"; do
    dotnet test "$project" -c Release --no-build --nologo -v quiet --logger "trx;LogFileName=$(basename "$project").trx" \
      --results-directory "$results" || failed=1
  done
  # The counters of every project's result file, summed.
  sum() { grep -hoE "<Counters [^>]*" "$results"/*.trx 2>/dev/null | grep -oE " $1=\"[0-9]+" | grep -oE '[0-9]+' | awk '{s+=$1} END {print s+0}'; }
  local passed wrong skipped
  passed=$(sum passed); wrong=$(sum failed); skipped=$(($(sum total) - $(sum executed)))
  rm -rf "$results"
  [ "$failed" = 0 ] || [ "$wrong" -gt 0 ] || wrong=1 # a project that crashed wrote no failure of its own
  if [ "${CI:-}" = true ] && [ "$skipped" -gt 0 ]; then
    echo "skipped under CI=true, which counts as a failure"
    wrong=$((wrong + skipped)); skipped=0
  fi
  if [ "$skipped" -gt 0 ]; then echo "$passed passed, $wrong failed, $skipped skipped"; else echo "$passed passed, $wrong failed"; fi
  [ "$wrong" -eq 0 ] && [ "$passed" -gt 0 ]
}

# The libraries, the program as a .NET tool, and the Python module, as packages. Only what this run makes lies in the folder afterwards.
pack() {
  local folder=${1:-out/packages}
  rm -f "$folder"/Tributary.*.nupkg "$folder"/Tributary.*.snupkg "$folder"/tributary-*.whl
  dotnet pack Tributary.slnx -c Release -v quiet --nologo -o "$folder"
  python3 python/build_wheel.py "$folder" >/dev/null
  ls "$folder"
}

case "${1:-build}" in
  build) shift || true; build "$@" ;;
  test) shift; run_tests "$@" ;;
  pack) shift; pack "$@" ;;
  format) dotnet format Tributary.slnx --no-restore ;;
  paper) shift; bench/paper/run.sh "$@" ;;
  bench) shift; dotnet run -c Release --project bench/Tributary.Benchmarks -- "$@" ;;
  *) sed -n 2p "$0" | cut -c3-; exit 2 ;;
esac
