#!/usr/bin/env bash
# Installs what `make demo` or `make test` needs and is not there yet: Debian packages, a virtual environment, the Hub's
# proxy, the JupyterLab extension. Says what it does; a second run only checks. Usage: config/install.sh demo|test
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:?demo or test}
python=${PYTHON:-python3}

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
stop() { printf '%s\n' "$*" >&2; exit 1; }

# changed NAME FILE...: is this step to be done? (its inputs, or where we are, changed since it was last finished)
changed() {
    local name=$1; shift
    sum=$({ pwd; cat "$@" 2>/dev/null; } | sha256sum | cut -c1-16)
    [ "$(cat ".venv/.step-$name" 2>/dev/null)" != "$sum" ]
}
finished() { printf '%s' "$sum" > ".venv/.step-$1"; }

# progress: pip's many lines as one that moves, or one for each 25 packages in a log
progress() {
    local line count=0
    while IFS= read -r line; do
        case $line in
            Collecting\ * | Processing\ *)
                count=$((count + 1))
                line=${line#* } line=${line##*/}
                if [ -t 1 ]; then printf '\r\033[K    %3d  %.60s' "$count" "${line%% (*}"
                elif [ $((count % 25)) = 0 ]; then printf '    %3d packages\n' "$count"; fi ;;
            Installing\ collected*)
                if [ -t 1 ]; then printf '\r\033[K'; fi
                if [ "$count" -gt 0 ]; then printf '    %3d packages are here, installing them\n' "$count"; fi ;;
        esac
    done
}

command -v "$python" >/dev/null || stop "Python 3.11 or newer is needed: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    stop "Python 3.11 or newer is needed, $python is $("$python" -V 2>&1 | cut -d' ' -f2). Name a newer one: make $purpose PYTHON=python3.12"

# ---- Debian packages -------------------------------------------------------------------------------------------------
missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need bwrap bubblewrap
need node nodejs
need npm npm
"$python" -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "$purpose" = test ]; then
    need chromium chromium
    need redis-server redis-server
    need pdftoppm poppler-utils
    need git git
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
fi
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || stop "These programs are missing, install them first: ${missing[*]}"
    [ "$(id -u)" = 0 ] || stop "These packages are missing, run this first: sudo apt-get install -y ${missing[*]}"
    say "Debian packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; } ||
        stop "apt-get could not install: ${missing[*]}"
fi

node_version=$(node -p process.versions.node)
[ "${node_version%%.*}" -ge 18 ] || stop "Node.js 18 or newer is needed, $(command -v node) is $node_version."

# ---- Python packages, at the versions of the lock file ---------------------------------------------------------------
extras=hub,demo
[ "$purpose" = test ] && extras=hub,demo,test
if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    say "Virtual environment in .venv"
    "$python" -m venv --clear .venv
fi
# what the tests need includes what the demo needs
if changed python-hub,demo,test pyproject.toml requirements.lock && changed "python-$extras" pyproject.toml requirements.lock; then
    say "Python packages (about 200, one to three minutes the first time)"
    .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off -c requirements.lock -e ".[$extras]" | progress
    finished "python-$extras"
fi

# ---- JupyterHub's proxy and the JupyterLab extension -----------------------------------------------------------------
if changed proxy config/hub/package-lock.json; then
    say "JupyterHub's proxy"
    npm ci --prefix config/hub --no-fund --no-audit --no-update-notifier --loglevel=error
    finished proxy
fi
if [ "$purpose" = test ] && changed axe tests/browser/package-lock.json; then
    say "axe, for the browser tests"
    npm ci --prefix tests/browser --no-fund --no-audit --no-update-notifier --loglevel=error
    finished axe
fi
if changed labextension jupyter_ext/labextension/package-lock.json jupyter_ext/labextension/src/* jupyter_ext/labextension/style/*; then
    say "JupyterLab extension (about a minute)"
    npm ci --prefix jupyter_ext/labextension --no-fund --no-audit --no-update-notifier --loglevel=error
    .venv/bin/python -m jupyter_ext.labextension_build
    finished labextension
fi
