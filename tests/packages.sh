# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Sourced by tests/run and bench/run: what a fresh Debian or Ubuntu lacks is installed, or named when it cannot be.
# Things are looked for by what they do, not by package: a compiler or StarPU of one's own counts.

have_header()
{
    echo "#include <$1>" | "${CC:-cc}" -E - >/dev/null 2>&1
}

# have PACKAGE: is what the package is for there?
have()
{
    case $1 in
    gcc) command -v "${CC:-cc}" ;;
    libc6-dev) have_header stdio.h ;;
    cmake | git | valgrind | clang | gnuplot-nox) command -v "${1%-nox}" ;;
    ninja-build) command -v ninja ;;
    pkg-config) command -v pkg-config ;;
    libhwloc-dev) pkg-config --exists hwloc ;;
    libstarpu-dev) pkg-config --exists starpu-1.3 || pkg-config --exists starpu-1.4 ;;
    libopenmpi-dev) command -v mpicc ;;
    openmpi-bin) command -v mpirun ;;
    libcmocka-dev) pkg-config --exists cmocka ;;
    libopenblas-dev) pkg-config --exists openblas ;;
    liblapacke-dev) have_header lapacke.h ;;
    libfftw3-dev) pkg-config --exists fftw3 fftw3f ;;
    hpcc) command -v hpcc ;;
    libsleef-dev) have_header sleef.h ;;
    librandom123-dev) have_header Random123/philox.h ;;
    python3-*) "$STARP_PYTHON" -c "import ${1#python3-}" ;;
    *) dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' ;;
    esac >/dev/null 2>&1
}

# Those of the packages that are missing.
missing()
{
    for package; do have "$package" || printf '%s ' "$package"; done
}

# How apt-get is run: as root, or through sudo, which asks for a password only where somebody can answer.
apt=
if command -v apt-get >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then apt="env DEBIAN_FRONTEND=noninteractive apt-get"
    elif [ -z "${CI:-}" ] && [ -t 0 ] && command -v sudo >/dev/null 2>&1; then apt="sudo apt-get"
    elif sudo -n true >/dev/null 2>&1; then apt="sudo -n env DEBIAN_FRONTEND=noninteractive apt-get"
    fi
fi

# Installs packages where that can be done; the lists are fetched only when they lack something.
apt_install()
{
    [ -n "$apt" ] || return 1
    echo "== installing $*"
    mkdir -p build/logs
    {
        apt-cache show "$@" >/dev/null 2>&1 || $apt update -q
        $apt install -qy --no-install-recommends "$@" ||
            { $apt update -q && $apt install -qy --no-install-recommends "$@"; }
    } >build/logs/packages.log 2>&1 || tail -n 5 build/logs/packages.log
}

# need PACKAGES: installs what is missing, or ends the script and says what it is.
need()
{
    list=$(missing "$@")
    [ -n "$list" ] || return 0
    # shellcheck disable=SC2086
    apt_install $list || true
    list=$(missing "$@")
    [ -n "$list" ] || return 0
    echo "missing packages: $list"
    echo "install them, as root: apt-get update && apt-get install -y --no-install-recommends $list"
    exit 1
}

# want PACKAGES: the same, but goes on without.
want()
{
    list=$(missing "$@")
    [ -n "$list" ] || return 0
    # shellcheck disable=SC2086
    apt_install $list || true
    list=$(missing "$@")
    [ -z "$list" ] || echo "== going on without $list"
}

# The Python the peers run in: the one in PATH when it has them all, else the system's, which packages are for.
python_with_peers()
{
    if python3 -c 'import numpy, numexpr, scipy' >/dev/null 2>&1; then command -v python3; else echo /usr/bin/python3; fi
}

# step NAME COMMAND...: runs it with its output in build/logs/NAME.log, which is shown when it fails.
step()
{
    name=$1
    shift
    mkdir -p build/logs
    began=$(date +%s)
    printf '== %s ... ' "$name"
    if "$@" >"build/logs/$name.log" 2>&1 </dev/null; then
        echo "ok ($(($(date +%s) - began)) s)"
        return 0
    fi
    echo "FAILED ($(($(date +%s) - began)) s); the end of build/logs/$name.log:"
    tail -n 60 "build/logs/$name.log"
    return 1
}

# configure DIR ARGUMENTS...: Ninja when it is there; a directory keeps the generator it was made with.
configure()
{
    dir=$1
    shift
    if [ ! -f "$dir/CMakeCache.txt" ] && command -v ninja >/dev/null 2>&1; then set -- -G Ninja "$@"; fi
    cmake -S . -B "$dir" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@"
}

# As root, Open MPI wants to be told twice.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
STARP_PYTHON=${STARP_PYTHON:-$(python_with_peers)}
export STARP_PYTHON
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
