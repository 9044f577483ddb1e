# Shared by scripts/demo and scripts/test: packages and the build. Sourced, not run.

packages=(gcc meson ninja-build pkg-config python3 curl libzmq3-dev libczmq-dev libprotobuf-c-dev
    protobuf-c-compiler darknet libsqlite3-dev libturbojpeg0-dev libpng-dev libssl-dev libdnnl-dev)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

# Installs those of the named Debian packages that are missing.
install_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    say "installing Debian packages: ${missing[*]}"
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            { say "not root and no sudo: run  apt-get install ${missing[*]}  as root first"; return 1; }
        sudo=(sudo)
    fi
    local log
    log=$(mktemp)
    if ! { "${sudo[@]}" apt-get update && DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install \
        -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "apt-get could not install them (all of its output: $log)"
        return 1
    fi
    rm -f "$log"
}

# build_in FOLDER [MESON OPTION ...]: configures FOLDER once and builds everything in it, or $targets.
build_in() {
    local folder=$1 log
    shift
    log=$folder.log
    [ -f "$folder/build.ninja" ] || meson setup "$folder" "$root" "$@" >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; say "meson setup failed (all of its output: $log)"; return 1; }
    # shellcheck disable=SC2086 # several targets
    ninja -C "$folder" ${targets:-} >"$log" 2>&1 ||
        { tail -n 40 "$log" >&2; say "the build failed (all of its output: $log)"; return 1; }
    rm -f "$log"
}
