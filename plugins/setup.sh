#!/usr/bin/env bash
# Makes `cargo plugins` work, that is `cargo build --target wasm32-unknown-unknown` (and wasm32-wasip2 when asked).
# Only who changes a component needs it: the built-in ones are committed.
#
# 1. If the target's std is already there: nothing to do.
# 2. `rustup target add`: what works on an ordinary machine.
# 3. Fallback, for a machine that reaches Debian's mirror and the crate registry but not Rust's own servers:
#    take the standard library's source of exactly this rustc from Debian's rust-src package, build it
#    as Rust's own bootstrap does, and lay the rlibs where rustup would have put them.
#    About 45 s and 90 MB per target. Nothing needs -Z flags afterwards.
#
# Usage: plugins/setup.sh [target...]          default: wasm32-unknown-unknown
#   WASM_STD_NO_RUSTUP=1   skip step 2
#   WASM_STD_SRC=FILE      a tar of the source's library/ folder, or a rust-src .deb, in place of fetching one
#   WASM_STD_DEST=DIR      put the target here and leave the toolchain alone; the builds then need
#                          CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=--sysroot=DIR in the environment
#   WASM_STD_CACHE=DIR     where downloads and build files lie (default ~/.cache/wasm-std)
#   DEBIAN_MIRROR=URL      default: the mirror that apt is set up with
set -euo pipefail

targets=("${@:-wasm32-unknown-unknown}")
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep '/debian/*$' | head -1)}
mirror=${mirror%/}
cache=${WASM_STD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wasm-std}
rustc=${RUSTC:-rustc} cargo=${CARGO:-cargo}
say() { echo "plugins/setup.sh: $*" >&2; }
die() { say "$*"; exit 1; }

sysroot=$("$rustc" --print sysroot)
ver=$("$rustc" -vV | sed -n 's/^release: //p')
hash=$("$rustc" -vV | sed -n 's/^commit-hash: //p')
dest=${WASM_STD_DEST:-$sysroot}
mark=.built-by-setup-wasm-target # holds the rustc commit that it was built for

# Pinned: version -> pool path and SHA-256 of the rust-src package.
pinned() {
  case $1 in
    1.95.0) echo "pool/main/r/rustc/rust-src_1.95.0+dfsg1-2~bpo13+1_all.deb 7b76db5b880a77f9e52975d2baa6209d2f76d2c9c2789515c3088cb960e2c83b" ;;
    1.96.1) echo "pool/main/r/rustc/rust-src_1.96.1+dfsg1-2~bpo13+1_all.deb 9af976f1bc790afd8b654c69097372e1de42c0c77379ce9739c6fb550cc70a17" ;;
    1.97.1) echo "pool/main/r/rustc/rust-src_1.97.1+dfsg1-1_all.deb d0637f8f464234ffb12baa55fc0e851f5f9dcfd0199c1a0922e4488a4f591992" ;;
  esac
}
wasi_libc="pool/main/w/wasi-libc/wasi-libc_0.0~git20260129.ec0effd-3~bpo13+1_all.deb 45eb80a2d4dcf7fe54c8e5c5d6a3cd165a3682fccc124c46f7abc6255c9b1bce"

# Does this target's std compile and link a crate?
works() {
  local d; d=$(mktemp -d)
  printf 'pub fn f(n: u64) -> String { format!("{:?}", std::collections::HashMap::from([(n, n)])) }\n' > "$d/t.rs"
  local rc=0
  "$rustc" ${WASM_STD_DEST:+--sysroot="$dest"} --edition=2024 --crate-type=rlib --emit=metadata --target "$1" -o "$d/t.rmeta" "$d/t.rs" 2>"$d/err" || rc=1
  rm -rf "$d"; return $rc
}

# get PATH SHA256 FILE
get() {
  [ -f "$3" ] && echo "$2  $3" | sha256sum -c --status && return 0
  say "fetching $mirror/$1"
  curl -fsSL --retry 3 -o "$3.part" "$mirror/$1" || return 1
  echo "$2  $3.part" | sha256sum -c --status || { rm -f "$3.part"; die "$1: wrong SHA-256"; }
  mv "$3.part" "$3"
}

# A version that is not pinned: look in the suites' package lists (their hash, over plain HTTP).
lookup() {
  local s
  for s in trixie-backports trixie forky sid; do
    curl -fsSL "$mirror/dists/$s/main/binary-amd64/Packages.xz" | xz -dc | awk -v RS= -v v="$ver" '
      !found && $0 ~ "^Package: rust-src\n" && $0 ~ "\nVersion: " v "[+]" {
        f = h = ""
        n = split($0, l, "\n")
        for (i = 1; i <= n; i++) { if (l[i] ~ /^Filename: /) f = substr(l[i], 11); if (l[i] ~ /^SHA256: /) h = substr(l[i], 9) }
        print f, h; found = 1 }' | grep . && return 0
  done
  return 1
}

unpack_deb() { # FILE DIR
  rm -rf "$2.part" && mkdir -p "$2.part"
  if command -v dpkg-deb >/dev/null; then dpkg-deb -x "$1" "$2.part"
  else (cd "$2.part" && ar p "$1" data.tar.xz | tar xJf -); fi
  rm -rf "$2" && mv "$2.part" "$2"
}

source_tree() { # sets $lib, the library/ folder of this rustc's source
  lib=$sysroot/lib/rustlib/src/rust/library # the rustup component rust-src, if it is there
  [ -f "$lib/sysroot/Cargo.toml" ] && return 0
  lib=$cache/rust-$ver/library
  [ -f "$lib/.complete" ] && return 0
  local from=${WASM_STD_SRC:-} p d=$cache/unpack-$ver src
  if [ -z "$from" ]; then
    p=$(pinned "$ver"); from=$cache/rust-src-$ver.deb
    { [ -n "$p" ] && get $p "$from"; } || { p=$(lookup) && get $p "$from"; } ||
      die "no Debian package has the source of rustc $ver"
  fi
  case $from in
    *.deb) unpack_deb "$from" "$d"; src=$(echo "$d"/usr/src/rustc-*/library)
      [ "$(cat "$src/../src/version")" = "$ver" ] || die "$from is not the source of rustc $ver" ;;
    *) rm -rf "$d" && mkdir -p "$d" && tar xf "$from" -C "$d"; src=$d/library ;;
  esac
  mkdir -p "$cache/rust-$ver" && rm -rf "$lib" && mv "$src" "$lib" && rm -rf "$d"
  touch "$lib/.complete"
}

build() { # TARGET
  local t=$1 dir=$dest/lib/rustlib/$1 out=$cache/target-$ver-$hash
  source_tree
  say "building std $ver for $t"
  # std's own dependencies too are named as in the official std, not by where they lie here.
  env RUSTC_BOOTSTRAP=1 "$cargo" fetch --quiet --manifest-path "$lib/sysroot/Cargo.toml" >&2
  local deps= registry
  for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    [ ! -d "$registry" ] || deps="$deps --remap-path-prefix=$registry=/rust/deps"
  done
  # As src/bootstrap does it: the `sysroot` crate, profile `dist`, everything unstable if not marked.
  env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET \
    RUSTC_BOOTSTRAP=1 __CARGO_DEFAULT_LIB_METADATA=stablestd CARGO_TARGET_DIR="$out" \
    RUSTFLAGS="-Zforce-unstable-if-unmarked --remap-path-prefix=${lib%/library}=/rustc/$hash$deps" \
    "$cargo" build --quiet --manifest-path "$lib/sysroot/Cargo.toml" --target "$t" --profile dist \
    --features "backtrace panic-unwind" >&2
  rm -rf "$dir.part" && mkdir -p "$dir.part/lib"
  cp "$out/$t/dist/deps/"*.rlib "$dir.part/lib/"
  rm -f "$dir.part/lib/libsysroot-"*.rlib
  case $t in wasm32-wasi*)
    get $wasi_libc "$cache/wasi-libc.deb" || die "no wasi-libc"
    unpack_deb "$cache/wasi-libc.deb" "$cache/wasi-libc"
    local w=$cache/wasi-libc/usr/lib/wasm32-wasi; [ "$t" = wasm32-wasip1 ] || w=$cache/wasi-libc/usr/lib/$t
    mkdir "$dir.part/lib/self-contained"
    cp "$w"/{libc.a,crt1-command.o,crt1-reactor.o} "$dir.part/lib/self-contained/" ;;
  esac
  echo "$hash" > "$dir.part/$mark"
  rm -rf "$dir" && mv "$dir.part" "$dir"
}

# rustup must be the one that this rustc comes from
by_rustup() {
  [ -z "${WASM_STD_NO_RUSTUP:-}${WASM_STD_DEST:-}" ] && command -v rustup >/dev/null &&
    [ "$(rustup which rustc 2>/dev/null)" -ef "$sysroot/bin/rustc" ] &&
    timeout 120 rustup target add "$1" >/dev/null 2>&1 && works "$1"
}

mkdir -p "$cache"
exec 9>"$cache/lock" && flock 9 # one at a time
for t in "${targets[@]}"; do
  dir=$dest/lib/rustlib/$t
  # ours, but for another compiler: away with it
  if [ -f "$dir/$mark" ] && [ "$(cat "$dir/$mark")" != "$hash" ]; then rm -rf "$dir"; fi
  if works "$t"; then say "$t: there already"; continue; fi
  # two sets of rlibs in one folder would clash: clear what is ours before rustup puts its own
  if [ -f "$dir/$mark" ]; then rm -rf "$dir"; fi
  if by_rustup "$t"; then say "$t: from rustup"; continue; fi
  build "$t"
  works "$t" || die "$t: the std that was built does not work"
  say "$t: built, in $dir"
done
