# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# cmake/packages.sh — which Debian and Ubuntu packages the project needs, and the one way to get them.
# Sourced by tests/run and data/demo; defines functions and nothing else.

# The version of PostgreSQL that the distribution packages with extensions.
postgresql_version() (
    ID='' VERSION_ID=''
    # shellcheck source=/dev/null
    [ ! -r /etc/os-release ] || . /etc/os-release
    case $ID-$VERSION_ID in
    debian-12) echo 15 ;;
    ubuntu-24.*) echo 16 ;;
    *) echo 17 ;;
    esac
)

# The packages of one group.
packages_of() {
    case $1 in
    build) # compiles the plugin
        echo cmake make gcc g++ pkg-config libgdal-dev libcurl4-openssl-dev libjson-c-dev libprotobuf-c-dev \
            protobuf-c-compiler
        ;;
    use) # reads Mapillary with it; without certificates no TLS connection succeeds
        echo gdal-bin ca-certificates
        ;;
    package) # makes a .deb of it
        echo dpkg-dev file
        ;;
    tests)
        echo libcmocka-dev python3-gdal python3-numpy python3-pytest sqlite3
        ;;
    bench) # what the benchmarks measure with
        echo gzip nginx-light openssl python3 zlib1g-dev
        ;;
    qgis) # some 650 MB with all that they need
        echo python3-qgis fonts-dejavu-core
        ;;
    clients) # programs that read with it, for the tests of what they do: Python's, R, PostgreSQL
        postgresql=postgresql-$(postgresql_version)
        echo python3-fiona python3-geopandas r-cran-sf "$postgresql" "$postgresql-ogr-fdw" "$postgresql-postgis-3"
        ;;
    fuzz) # libFuzzer, of the version that clang is
        echo clang libclang-rt-14-dev
        ;;
    deep) # memcheck
        echo valgrind
        ;;
    coverage)
        echo gcovr
        ;;
    lint)
        echo binutils debian-archive-keyring clang-format clang-tidy cppcheck shellcheck universal-ctags
        ;;
    *)
        echo "packages.sh: no group is called '$1'" >&2
        return 1
        ;;
    esac
}

# Those packages of the given groups that are not installed, in one line.
packages_missing() (
    missing=
    for group in "$@"; do
        packages=$(packages_of "$group") || exit 1
        for package in $packages; do
            state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || state=unknown
            [ "$state" = installed ] || missing="$missing $package"
        done
    done
    echo "${missing# }"
)

# Runs a command as root: as it is for root, with sudo for anyone else.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# need GROUP...: installs what is missing of these groups and says what. Does nothing, silently, when all is there.
# Fails, naming the packages, where it cannot install.
need() (
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "No apt here, so nothing is installed. Needed, under their Debian names:"
        for group in "$@"; do
            packages=$(packages_of "$group") || exit 1
            echo "    $packages"
        done
        exit 0 # they may well be there; configuring tells
    fi

    missing=$(packages_missing "$@") || exit 1
    [ -n "$missing" ] || exit 0
    echo "Installing what is missing: $missing"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "This takes root, or sudo. As root, run: apt-get install --no-install-recommends $missing" >&2
        exit 1
    fi

    # A fresh machine often runs its own upgrade in the background: wait for its lock.
    # shellcheck disable=SC2086 # one word for each package
    if ! as_root apt-get -qq -o DPkg::Lock::Timeout=300 update ||
        ! as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install --no-install-recommends $missing; then
        echo "Installing failed. Please install these yourself: $missing" >&2
        exit 1
    fi
)
