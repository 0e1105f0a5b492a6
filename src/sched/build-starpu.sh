#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds StarPU from the distribution's source with room for more CPU workers: Debian's has STARPU_MAXCPUS 4.
#
#   sh src/sched/build-starpu.sh [prefix]      default: ~/.local/starpu; MAXCPUS=128 for more than 64
#
# Needs no root when gcc make pkg-config dpkg-dev libhwloc-dev are there, and libopenmpi-dev for StarPU-MPI. Leaves the
# machine's package lists alone. Then, as it says at its end:
#
#   CMAKE_PREFIX_PATH=~/.local/starpu cmake --preset release
set -eu
prefix=${1:-$HOME/.local/starpu}
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
maxcpus=${MAXCPUS:-64}
jobs=${JOBS:-$(nproc)}
began=$(date +%s)

missing=
for tool in gcc make pkg-config apt-get dpkg-source; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
pkg-config --exists hwloc 2>/dev/null || missing="$missing libhwloc-dev"
if [ -n "$missing" ]; then
    echo "missing:$missing" >&2
    echo "as root: apt-get install -y gcc libc6-dev make pkg-config dpkg-dev libhwloc-dev" >&2
    exit 1
fi
mpi=--disable-mpi
if command -v mpicc >/dev/null 2>&1; then mpi=--enable-mpi; else echo "no mpicc: built without StarPU-MPI"; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# apt's own archives as deb-src, in lists and a cache of our own.
# shellcheck disable=SC2016
archives=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    grep -E '/(debian|ubuntu)/? .* (main|universe)$' | sort -u) || true
[ -n "$archives" ] || archives="http://deb.debian.org/debian $(. /etc/os-release && echo "$VERSION_CODENAME") main"
for keys in /usr/share/keyrings/debian-archive-keyring.* /usr/share/keyrings/ubuntu-archive-keyring.gpg; do
    [ ! -f "$keys" ] || echo "$archives" | sed "s|^|deb-src [signed-by=$keys] |" >sources.list
done
mkdir -p lists/partial cache
set -- -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists" \
    -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)"
apt-get -q "$@" update
apt-get -q "$@" source --only-source starpu
cd starpu-*/

# A patch of the package makes an (unused) Makefile.am newer than what was generated from it: no autotools for that.
touch aclocal.m4
find . '(' -name configure -o -name config.h.in -o -name Makefile.in ')' -exec touch {} +

# One memory node: no GPU, and NUMA nodes are not told apart (maxnumanodes would otherwise stay 2). --enable-fast drops
# StarPU's assertions. 1.3.10 built like this took 84 s with one job; 20000 dependent empty tasks then cost 2.7 to 3.8 us
# each, beside Debian's build 3.1 to 9.
./configure --prefix="$prefix" --enable-maxcpus="$maxcpus" --enable-maxnodes=1 --enable-maxnumanodes=1 --enable-fast \
    --disable-cuda --disable-opencl "$mpi" --disable-build-doc --disable-build-examples --disable-build-tests \
    --disable-starpufft --disable-socl --disable-starpurm --disable-fortran --disable-static \
    --disable-fstack-protector-all
make -s -j"$jobs"
make -s install

echo "StarPU for $maxcpus CPU workers is in $prefix ($(($(date +%s) - began)) s). To use it:"
echo "  export CMAKE_PREFIX_PATH=$prefix PKG_CONFIG_PATH=$prefix/lib/pkgconfig"
