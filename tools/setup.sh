#!/usr/bin/env bash
# Makes .venv with thermoplan and its pinned parts, and finds or installs what pip cannot bring.
# Does nothing when that is already done for this pyproject.toml, constraints.txt and folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'set-up: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
modern() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }

exec 9<tools/setup.sh
flock 9 2>/dev/null || true    # two set-ups at once would spoil each other's .venv

constraints=${CONSTRAINTS:-constraints.txt}    # another set of pins, such as the lowest versions
stamp=.venv/.thermoplan-ready
unfinished=.venv/.thermoplan-unfinished
key=$({ pwd; cat pyproject.toml "$constraints" tools/setup.sh; } | sha256sum | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && modern .venv/bin/python; then exit 0; fi

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
updated=
refresh() { [ -n "$updated" ] || apt-get update -qq >&2 || true; updated=yes; }
apt_install() {
    local log
    log=$(mktemp)
    refresh
    say "installing $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1 ||
        { cat "$log" >&2; die "apt-get could not install them"; }
    rm -f "$log"
}

# A version manager may answer to python3 with something older than .python-version asks for,
# or not at all, so each candidate is asked what it really is.
find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
        if modern "$candidate"; then python=$(command -v "$candidate"); return; fi
    done
    return 1
}

offers_modern_python() {
    refresh
    dpkg --compare-versions "$(apt-cache show python3 2>/dev/null | sed -n 's/^Version: //p' | head -1)" ge 3.12
}

if ! find_python; then
    if can_install && offers_modern_python; then
        apt_install python3
        find_python || die "apt-get brought no Python 3.12 or later"
    elif command -v pyenv >/dev/null; then
        die "Python 3.12 or later is missing; run: pyenv install 3.12"
    else
        die "Python 3.12 or later is missing (Debian 13 and Ubuntu 24.04 have it); run: sudo apt-get install python3"
    fi
fi

missing() { "$python" -I thermoplan/base/installation.py --packages; }
packages=$(missing)
if [ -n "$packages" ]; then
    can_install || die "missing on this machine; run: sudo apt-get install --no-install-recommends $packages"
    # shellcheck disable=SC2086  # a list of names
    apt_install $packages
    packages=$(missing)
    [ -z "$packages" ] || die "still missing after apt-get install: $packages"
fi

# A package that pip was writing when it was interrupted can look installed: start such a .venv anew.
if [ -e "$unfinished" ] || ! modern .venv/bin/python; then
    say "making .venv with $("$python" -V) ($python)"
    "$python" -m venv --clear .venv
fi
rm -f "$stamp"
touch "$unfinished"
say "installing the pinned packages (some 500 MB; minutes on first use)"
.venv/bin/python -m pip install -qq -c "$constraints" setuptools
.venv/bin/python -m pip install -qq -c "$constraints" --no-build-isolation -e '.[fem,mesh,view,notebooks,docs,dev]'
rm -f "$unfinished"

say "checking every part"
if ! findings=$(.venv/bin/python -m thermoplan.base.installation); then
    echo "$findings" >&2
    die "a part above does not work; put it right and run make again"
fi
echo "$key" >"$stamp"
say "done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
