#!/usr/bin/env bash
# Fails when generated files, a go.mod or the formatting are not what the sources say. Generated files are
# left as they should be: look at git diff and commit them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

generated=(api config/crd/bases config/rbac/role.yaml docs/clusters.md docs/extras.md docs/faults.md docs/images docs/performance.md docs/rollouts.md docs/size.md docs/write-a-mapping.md
	docs/examples)
failed=0
complain() {
	echo "verify: $*" >&2
	failed=1
}

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
tar -cf - "${generated[@]}" | tar -xf - -C "$before"
# Generators delete nothing: what belongs to a type that is gone would stay.
rm -rf api/v1alpha1/applyconfiguration
make --no-print-directory generate manifests docs
for path in "${generated[@]}"; do
	diff -ruN "$before/$path" "$path" || complain "$path was out of date; it is generated anew now: commit it"
done

while read -r mod; do
	dir=$(dirname "$mod")
	go -C "$dir" mod tidy -diff || complain "$mod is not tidy: run go -C $dir mod tidy"
done < <(git ls-files go.mod '*/go.mod')

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
[ -z "$unformatted" ] || complain "not formatted: run make fmt:"$'\n'"$unformatted"

exit $failed
