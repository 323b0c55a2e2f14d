#!/bin/sh
# Builds what is published into dist, checks it and tries it. Called by `make release`; uploads nothing.
set -eu
PYTHON=${PYTHON:-python}
CDK=$PWD/node_modules/.bin/cdk

fail() { echo "$1" >&2; exit 1; }
step() { printf '\n%s\n' "$1"; }

version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
git diff --quiet HEAD || fail "the checkout has changes: commit them, so that the release is a commit"
grep -q "^## $version\$" CHANGELOG.md || fail "CHANGELOG.md has no entry $version: write it"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step "Build $version twice: here, and from the files of the commit"
rm -rf dist
"$PYTHON" -m build --no-isolation --outdir dist . >"$work/log" 2>&1 || fail "$(cat "$work/log")"
mkdir "$work/source"
git archive HEAD | tar -x -C "$work/source"
"$PYTHON" -m build --no-isolation --outdir "$work/again" "$work/source" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
for file in dist/*; do
    cmp "$file" "$work/again/${file#dist/}" || fail "the builds differ: files that are not committed?"
done

step "Check what PyPI would show"
"$PYTHON" -m venv "$work/twine"
"$work/twine/bin/pip" install --quiet --disable-pip-version-check twine==7.0.0
"$work/twine/bin/twine" check --strict dist/*

step "Install the wheel into an empty environment, and synthesize a stack"
"$PYTHON" -m venv "$work/venv"
wheel=$(echo "$PWD"/dist/*.whl)
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -c constraints.txt "cdk-workmail[cli] @ file://$wheel"
mkdir "$work/app"
cp app.py organization.json "$work/app"
echo '{"app": "python app.py", "context": {"organization": "organization.json"}}' >"$work/app/cdk.json"
cd "$work/app"
PATH=$work/venv/bin:$PATH AWS_REGION=us-east-1 "$CDK" synth --quiet --no-notices
"$work/venv/bin/cdk-workmail" schema >/dev/null
cd "$OLDPWD"

step "Ready. To publish it:"
sha256sum dist/*
echo "git tag v$version && git push origin v$version && twine upload dist/*"
