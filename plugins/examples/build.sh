#!/usr/bin/env bash
# Builds the example plugins into target/examples/sjf-LANGUAGE.wasm. Nobody else needs it: those of C and JavaScript
# are committed (`cargo plugins examples` puts them there).
#
# Usage: plugins/examples/build.sh [c|javascript|python|all]...     default: all
#
# Gets each language's tools, in the versions that its folder pins, into target/examples/tools: 580 MB, most of it zig.
# What must be there before: Rust from rustup (c), python3 with venv (c, python), node and npm (javascript).
set -euo pipefail
cd "$(dirname "$0")"
out=$(cd ../.. && pwd)/target/examples
tools=$out/tools
die() { echo "plugins/examples/build.sh: $*" >&2; exit 1; }

# COMMAND HOW-TO-GET-IT
need() { command -v "$1" >/dev/null || die "$1 is not there: $2"; }

# LANGUAGE: what its requirements.txt says, in a venv for all of them.
get_packages() {
  cmp -s "$1/requirements.txt" "$tools/venv/$1.txt" && return
  need python3 "install Python 3.10 or newer (apt-get install python3 python3-venv)"
  if [ ! -x "$tools/venv/bin/pip" ]; then
    python3 -m venv "$tools/venv" || die "python3 cannot make a venv: apt-get install python3-venv"
  fi
  "$tools/venv/bin/pip" --quiet --disable-pip-version-check install --requirement "$1/requirements.txt" ||
    die "pip could not install what plugins/examples/$1/requirements.txt says: see above"
  cp "$1/requirements.txt" "$tools/venv/$1.txt"
}

build_c() {
  get_packages c
  need rustc "install Rust with rustup"
  local linker; linker=$(rustc --print target-libdir)/../bin/wasm-component-ld
  [ -x "$linker" ] || die "wasm-component-ld is not there: it comes with the Rust that rustup installs"
  # zig compiles and links, wasm-component-ld makes a component of it.
  (cd c && PATH=$tools/venv/bin:$PATH ZIG_GLOBAL_CACHE_DIR=$tools/zig ZIG_LOCAL_CACHE_DIR=$tools/zig \
    "$linker" --wasm-ld-path ./zig-link.sh --wasi-adapter none -o "$1" \
    sjf.c bindings/job_ranker.c bindings/job_ranker_component_type.o)
}

build_javascript() {
  local place=$tools/javascript
  if ! cmp -s javascript/package-lock.json "$place/installed.json"; then
    need npm "install Node.js 18 or newer (apt-get install nodejs npm)"
    mkdir -p "$place"
    cp javascript/package.json javascript/package-lock.json "$place/"
    npm ci --prefix "$place" --silent --no-audit --no-fund ||
      die "npm could not install what plugins/examples/javascript/package-lock.json says: see above"
    cp javascript/package-lock.json "$place/installed.json"
  fi
  "$place/node_modules/.bin/componentize-qjs" --wit ../../wit --world job-ranker --js javascript/sjf.js \
    --stub-wasi --sync --minify --output "$1" >/dev/null
}

build_python() {
  get_packages python
  mkdir -p "$tools/python" && cp python/sjf.py "$tools/python/" # it leaves a cache of bytecode beside the source
  "$tools/venv/bin/componentize-py" --quiet --wit-path ../../wit --world job-ranker \
    componentize --stub-wasi --python-path "$tools/python" sjf --output "$1"
}

languages=("${@:-all}")
[ "${languages[*]}" != all ] || languages=(c javascript python)
mkdir -p "$tools"
for language in "${languages[@]}"; do
  case $language in c | javascript | python) ;; *) die "there is no example in $language: c, javascript, python, all" ;; esac
  component=$out/sjf-$language.wasm
  rm -f "$component" && "build_$language" "$component"
  echo "target/examples/sjf-$language.wasm: $(wc -c <"$component") bytes"
done
