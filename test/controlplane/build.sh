#!/usr/bin/env bash
# Builds a real Kubernetes control plane from the Go modules pinned in go.mod beside this file:
# etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl and kwok.
#
#   build.sh OUTDIR [NAME...]     NAME: the binaries wanted; all of them by default
#
# Nothing is downloaded but Go modules. The first build compiles about 2,200 packages: 6 to 8 minutes on
# two cores. Later builds come out of Go's build cache.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok)
cd "$(dirname "${BASH_SOURCE[0]}")"

# The same flags as the operator's own build, so that both share Go's build cache.
export CGO_ENABLED=0 GOGC=400 GOFLAGS="-trimpath ${GOFLAGS:-}"

package() {
	case $1 in
	etcd) echo go.etcd.io/etcd/server/v3 ;;
	kwok) echo sigs.k8s.io/kwok/cmd/kwok ;;
	*) echo "k8s.io/kubernetes/cmd/$1" ;;
	esac
}

# Where a long build stands: seconds on two cores, nothing in the cache, in the order above.
estimate() {
	case $1 in
	etcd) echo 40 ;; kube-apiserver) echo 230 ;; kube-controller-manager) echo 70 ;; kubectl) echo 20 ;; *) echo 10 ;;
	esac
}

kubernetes=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
kwok=$(go list -m -f '{{.Version}}' sigs.k8s.io/kwok)
IFS=. read -r major minor _ <<<"${kubernetes#v}"
version=k8s.io/component-base/version
ldflags="-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=$major -X $version.gitMinor=$minor"
ldflags+=" -X $version.gitTreeState=clean -X sigs.k8s.io/kwok/pkg/consts.Version=$kwok"

echo "Building the control plane (Kubernetes $kubernetes) into $out"
start=$SECONDS
for i in "${!wanted[@]}"; do
	name=${wanted[$i]}
	printf '  [%d/%d] %-24s about %3d s if nothing is cached ... ' $((i + 1)) ${#wanted[@]} "$name" "$(estimate "$name")"
	began=$SECONDS
	go build -ldflags "$ldflags" -o "$out/$name" "$(package "$name")"
	echo "built in $((SECONDS - began)) s"
done
echo "Control plane ready in $((SECONDS - start)) s"
