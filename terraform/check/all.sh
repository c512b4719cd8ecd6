#!/bin/sh
# Checks the module without an account. Checks whose tool is not installed are skipped and listed. Python tools and
# the provider's typings go to out/terraform-check.

cd "$(dirname "$0")/.." || exit 1
TOOLS=$(cd .. && pwd)/out/terraform-check
TYPINGS=@cdktn/provider-aws@24.1.0
failed=0
skipped=0

check() { # what, then the command
    what=$1; shift
    echo "== $what"
    "$@" || { echo "terraform-check: $what: failed" >&2; failed=1; }
}

skip() { echo "== skipped: $1"; skipped=$((skipped + 1)); }

# One folder per tool, because checkov has its own version of hcl2.
python_tool() { # folder, package
    [ -x "$TOOLS/$1/bin/python" ] && [ -f "$TOOLS/$1/ready" ] && return
    command -v python3 >/dev/null || return 1
    mkdir -p "$TOOLS"
    python3 -m venv "$TOOLS/$1" >"$TOOLS/$1.log" 2>&1 &&
        "$TOOLS/$1/bin/pip" install --quiet "$2" >>"$TOOLS/$1.log" 2>&1 &&
        touch "$TOOLS/$1/ready"
}

typings() {
    [ -d "$TOOLS/package/lib" ] && return
    command -v npm >/dev/null && command -v tar >/dev/null || return 1
    mkdir -p "$TOOLS"
    (cd "$TOOLS" && npm pack "$TYPINGS" >npm.log 2>&1 && tar xzf cdktn-provider-aws-*.tgz)
}

if command -v terraform >/dev/null; then
    check "format" terraform fmt -check -diff -recursive
    if [ -d .terraform/providers ]; then
        check "validate" terraform validate
    else
        skip "terraform validate needs the provider: run terraform init -backend=false"
    fi
else
    skip "format and validate: terraform is not installed"
fi

if python_tool hcl python-hcl2==8.1.4; then
    python="$TOOLS/hcl/bin/python"
    check "policies against the calls of the program" "$python" check/iam.py
    check "metrics and settings against the program" "$python" check/names.py
    if typings; then
        check "resources against the provider's schema" "$python" check/schema.py "$TOOLS/package"
    else
        skip "the provider's schema: npm could not download $TYPINGS"
    fi
    if command -v terraform >/dev/null; then
        check "expressions, evaluated" "$python" check/evaluate.py terraform
        check "columns of the lake" "$python" check/columns.py terraform
        check "set-ups of the bus, the table and the archive" "$python" check/table.py terraform
    else
        skip "expressions, columns and set-ups: terraform is not installed"
    fi
else
    skip "policies, schema and expressions: python3 or pip could not install $TOOLS/hcl"
fi

if python_tool checkov checkov==3.3.30; then
    check "checkov" "$TOOLS/checkov/bin/checkov" --directory . --framework terraform \
        --quiet --compact --skip-download
else
    skip "checkov: python3 or pip could not install $TOOLS/checkov"
fi

[ "$failed" -eq 0 ] && echo "terraform-check: all checks passed, $skipped skipped"
exit "$failed"
