#!/bin/sh
# Makes .venv from pinned requirements, with the checkout linked into it as a collection.
#
#   tools/setup.sh up       what `make up` needs (requirements.txt)
#   tools/setup.sh dev      what the tools need (requirements-dev.txt)
#   tools/setup.sh test     what `make test` needs: dev, and the Debian packages of tests/apt-packages.txt
#   tools/setup.sh remove   the way back from up
#
# Safe to interrupt: the same command again goes on from where it stopped.
# PYTHON picks the interpreter. VENV and REQUIREMENTS are for trying this script on something small.
set -eu

cd "$(dirname "$0")/.."
root=$(pwd -P)
command=${1:-up}
python=${PYTHON:-python3}
venv=${VENV:-.venv}
collections=$venv/collections/ansible_collections
case $command in
    dev | test) requirements=${REQUIREMENTS:-requirements-dev.txt} ;;
    *) requirements=${REQUIREMENTS:-requirements.txt} ;;
esac

say() { printf '%s\n' "$*"; }
stop() {
    printf '%s\n' "$*" >&2
    exit 1
}
is_root() { [ "$(id -u)" -eq 0 ]; }
has_command() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }

# As 3.11; a bug-fix release takes over what the one before it installed.
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# What the installed state was made from. A moved checkout or another Python makes it stale: the paths are baked in.
fingerprint() {
    { printf '%s\n' "$root" "$(version_of "$python")"; cat requirements.txt "$requirements"; } | sha256sum | cut -d ' ' -f 1
}
is_made() {
    [ "$(cat "$venv/.made" 2>/dev/null)" = "$root" ] && [ "$(version_of "$venv/bin/python")" = "$(version_of "$python")" ]
}
is_complete() {
    [ -x "$venv/bin/python" ] && [ -f "$1" ] && [ "$(cat "$1")" = "$wanted" ]
}

require_python() {
    command -v "$python" >/dev/null 2>&1 ||
        stop "No '$python' found. Install Python 3.11 or 3.12 (Debian: python3), or name one: make $command PYTHON=/path/to/python3"
    "$python" -c 'import sys; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 12)])' ||
        stop "'$python' is $("$python" -V 2>&1), 3.11 or 3.12 is needed (MLServer has no release for a newer one). Name another: make $command PYTHON=/path/to/python3"
}

# Prints the Debian packages that this command needs and this machine lacks.
missing_packages() {
    if ! is_made && ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        # Debian splits ensurepip off; python3-venv follows python3, a Python of another version has its own package.
        "$python" -c 'import sys; v = "python%d.%d" % sys.version_info[:2]
print("python3-venv" if sys.version_info[:2] == (3, 11) else v + "-venv")'
    fi
    case $command in
        up)
            # The line at the end of make up is made for it.
            has_command curl || say curl
            # As root the role installs nginx, so that Debian's own service is not started along the way.
            is_root || has_command nginx || say nginx
            ;;
        test)
            while read -r package probe; do
                case $package in '' | '#'*) continue ;; esac
                has_command "$probe" || say "$package"
            done <tests/apt-packages.txt
            ;;
    esac
}

require_packages() {
    packages=$(missing_packages | sort -u | tr '\n' ' ')
    packages=${packages% }
    [ -n "$packages" ] || return 0
    is_root ||
        stop "Missing Debian packages: $packages. Nothing was changed. Install them, then run the same command again:
  sudo apt-get install $packages"
    command -v apt-get >/dev/null 2>&1 ||
        stop "Missing packages: $packages. There is no apt-get here to install them; nothing was changed."
    say "Installing Debian packages: $packages"
    install_packages
}

# A package's service must not start by itself: it could take a port that somebody else needs.
policy=/usr/sbin/policy-rc.d
policy_mark='# made by tools/setup.sh of modelops.serving'
drop_policy() {
    if grep -qsF "$policy_mark" "$policy"; then rm -f "$policy"; fi
}

install_packages() {
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy"
        chmod 755 "$policy"
    fi
    # shellcheck disable=SC2086 # a list of words
    { dpkg --configure -a && apt-get update -qq && apt-get install -qq -o Dpkg::Use-Pty=0 --yes --no-install-recommends $packages; } </dev/null ||
        stop "apt-get could not install: $packages. Install them by hand, then run the same command again."
    drop_policy
}

make_venv() {
    if ! is_made; then
        say "Making $venv with $("$python" -V)"
        rm -rf "$venv"
        "$python" -m venv "$venv"
        say "$root" >"$venv/.made"
    fi
}

# pip writes INSTALLER last. A distribution without it was cut short, and pip would take it for installed.
drop_half_installed() {
    for info in "$venv"/lib/python3*/site-packages/*.dist-info; do
        [ -f "$info/INSTALLER" ] || rm -rf "$info"
    done
    rm -rf "$venv"/lib/python3*/site-packages/~*
}

# One line a package is progress enough.
pip_noise='^(Requirement already|Successfully installed|Installing collected|Obtaining|Looking in'
pip_noise="$pip_noise| +(Attempting|Downloading|Found existing|Getting|Installing|Preparing|Successfully|Uninstalling|Using))"

install_requirements() {
    say "Installing $requirements into $venv (the first time takes a minute or two)"
    drop_half_installed
    # Not a pipeline: the shell must wait for pip itself, so that an interrupted one is over when we say so.
    rm -f "$venv/.lines"
    mkfifo "$venv/.lines"
    grep -Ev --line-buffered "$pip_noise" <"$venv/.lines" &
    failed=
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off -r "$requirements" \
        </dev/null >"$venv/.lines" 2>&1 || failed=yes
    wait
    rm -f "$venv/.lines"
    [ -z "$failed" ] ||
        stop "pip could not install $requirements; its last lines say why. The same command again goes on from here."
}

# ansible-core finds a collection by its folders' names, wherever the checkout lies.
link_collection() {
    mkdir -p "$collections/modelops"
    ln -sfn ../../../.. "$collections/modelops/serving"
}

remove() {
    if [ -e "$venv/.complete-requirements-dev.txt" ]; then
        say "$venv stays: it also holds the tools that make test or make dev installed. To remove it: rm -r $venv"
    else
        rm -rf "$venv"
    fi
    say "Debian packages stay (curl, nginx, python3-venv), and so do pip's cache and ~/.ansible."
}

trap 'wait; rm -f "$venv/.lines"; printf "\nInterrupted. The same command again goes on from here.\n" >&2; exit 130' INT TERM
is_root && trap drop_policy EXIT
export DEBIAN_FRONTEND=noninteractive

case $command in
    up | dev | test) ;;
    remove) remove && exit 0 ;;
    *) stop "Usage: tools/setup.sh up|dev|test|remove" ;;
esac

stamp=$venv/.complete-$(basename "$requirements")
require_python
wanted=$(fingerprint)
require_packages
if ! is_complete "$stamp"; then
    make_venv
    install_requirements
    link_collection
    say "$wanted" >"$stamp"
fi
