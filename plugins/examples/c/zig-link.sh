#!/bin/sh
# Compiles and links with zig, which brings a C library along: what wasm-component-ld calls in the place of a linker.
exec python3 -m ziglang cc -target wasm32-wasi -mexec-model=reactor -O2 -ffp-contract=off -s "$@"
