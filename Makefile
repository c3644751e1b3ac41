# make help lists the targets. All that is needed is Go, make and git: every tool is built from modules
# pinned under hack/tools and test/controlplane. Only docker-* and (un)install, (un)deploy need more.

# The image of the operator.
IMG ?= controller:latest
# The version that the operator reports.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
KUBECTL ?= kubectl
CONTAINER_TOOL ?= docker
# What `make test` and `make bench-go` run.
PKG ?= ./...
# What has benchmarks that take seconds.
BENCHED := ./internal/assess ./internal/check ./internal/engine ./internal/judge ./internal/tally ./internal/trim \
	./internal/workload
# What needs neither an API server nor other programs, and what has goroutines.
PURE := ./api/... ./config/... ./hack/docs ./internal/assess ./internal/catalog ./internal/check ./internal/facts ./internal/msg \
	./internal/nodestate ./internal/tally ./internal/trim ./internal/workload ./internal/engine ./internal/snapshot
CONCURRENT := ./internal/cli ./internal/controller ./internal/engine ./internal/observe ./internal/serve ./internal/source \
	./internal/tally

SHELL := /usr/bin/env bash -o pipefail
.SHELLFLAGS := -ec

BIN := $(CURDIR)/bin
CONTROLLER_GEN := $(BIN)/controller-gen
KUSTOMIZE := $(BIN)/kustomize
GOLANGCI_LINT := $(BIN)/golangci-lint
GOTESTSUM := $(BIN)/gotestsum

# The operator, its tests and the control plane are all built with these, so that they share Go's build
# cache. The version is told by VERSION, not by what go finds in .git.
export CGO_ENABLED := 0
export GOFLAGS := $(strip -trimpath -buildvcs=false $(filter-out -trimpath -buildvcs=%,$(GOFLAGS)))

# A control plane that is already on the machine is used instead of building one.
ifeq ($(KUBEBUILDER_ASSETS),)
export KUBEBUILDER_ASSETS := $(BIN)/controlplane
API_SERVER := $(KUBEBUILDER_ASSETS)/.api-server-built
CONTROL_PLANE := $(KUBEBUILDER_ASSETS)/.built
else
export KUBEBUILDER_ASSETS
endif

.PHONY: all
all: build

##@ General

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*## "; print "Usage: make \033[36m<target>\033[0m"} \
		/^[a-z0-9-]+:.*## / {printf "  \033[36m%-16s\033[0m %s\n", $$1, $$2} \
		/^##@ / {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build $(CONTROL_PLANE) ## See archmap at work on a real control plane (SHAPE=a healthy AKS cluster of test/shapes, KEEP=1).
	go run ./test/demo

##@ Development

.PHONY: manifests
manifests: $(CONTROLLER_GEN) ## Generate the CRDs and the operator's ClusterRole.
	$(CONTROLLER_GEN) crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(CONTROLLER_GEN) rbac:roleName=manager-role paths="./cmd/...;./internal/..." output:rbac:artifacts:config=config/rbac

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate the DeepCopy methods and the apply configurations.
	$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt \
		applyconfiguration:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: docs
docs: ## Generate the documentation that shows what archmap reports: clusters, faults, rollouts, examples, performance.
	go run ./hack/docs
	go run ./test/scale page

.PHONY: fmt
fmt: ## Format the code.
	go fmt ./...

.PHONY: vet
vet: ## Run go vet.
	go vet ./...
	go vet -tags e2e ./test/...
	go -C test/gitops vet ./...
	go -C test/browser vet ./...

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Lint the code, and the API types by the Kubernetes API conventions.
	$(GOLANGCI_LINT) run
	cd test/gitops && $(GOLANGCI_LINT) run
	cd test/browser && $(GOLANGCI_LINT) run
	$(GOLANGCI_LINT) run --config .golangci-kal.yml ./api/...

.PHONY: lint-fix
lint-fix: $(GOLANGCI_LINT) ## Lint, and fix what can be fixed automatically.
	$(GOLANGCI_LINT) run --fix

.PHONY: verify
verify: $(CONTROLLER_GEN) ## Fail when generated files, go.mod files or the formatting are out of date.
	hack/verify.sh

.PHONY: test
test: $(GOTESTSUM) $(API_SERVER) ## Run all tests but test-e2e, against a real API server (PKG=./internal/... for some).
	$(GOTESTSUM) --format standard-quiet --jsonfile $(BIN)/test.json -- -timeout 20m $(PKG)
	@sed -n 's/.*"Output":".*COUNT \([^"\]*\)\\n"}.*/Judged: \1/p' $(BIN)/test.json
ifeq ($(PKG),./...)
	GOTESTSUM_JUNITFILE=$(GOTESTSUM_JUNITFILE:.xml=-gitops.xml) $(MAKE) --no-print-directory test-gitops
endif

.PHONY: check
check: ## Check the formatting, vet, and test the packages that need nothing else: under a minute, for while you work.
	@unformatted=$$(gofmt -l api cmd config hack internal test); test -z "$$unformatted" || \
		{ echo "not formatted, run make fmt: $$unformatted" >&2; exit 1; }
	go vet ./...
	go test $(PURE)

.PHONY: test-race
test-race: $(GOTESTSUM) $(API_SERVER) ## Test what has goroutines with the race detector; it needs gcc.
	CGO_ENABLED=1 $(GOTESTSUM) --format standard-quiet -- -race -timeout 20m $(CONCURRENT)
	CGO_ENABLED=1 GOTESTSUM_JUNITFILE=$(GOTESTSUM_JUNITFILE:.xml=-integration.xml) \
		$(GOTESTSUM) --format standard-quiet -- -race -timeout 20m ./test/integration

.PHONY: test-gitops
test-gitops: $(GOTESTSUM) $(API_SERVER) ## Ask the libraries of kstatus, Flux, Argo CD and kubectl what they make of archmap.
	cd test/gitops && $(GOTESTSUM) --format standard-quiet -- -timeout 10m ./...

# What comes from npm is pinned by package-lock.json and is data to the tests: no script of a package runs.
test/browser/node_modules/.package-lock.json: test/browser/package.json test/browser/package-lock.json
	npm ci --prefix test/browser --ignore-scripts --no-audit --no-fund
	touch $@

.PHONY: test-browser
test-browser: $(GOTESTSUM) $(API_SERVER) test/browser/node_modules/.package-lock.json ## Look at the page with Debian's Chromium, which is installed if root may (npm is needed, too).
	hack/install-chromium.sh
	cd test/browser && $(GOTESTSUM) --format standard-quiet -- -timeout 15m ./...

.PHONY: screenshots
screenshots: ## Update the screenshots in the documentation.
	hack/install-chromium.sh
	go -C test/browser test -count 1 -run TestScreenshots . -update

.PHONY: test-e2e
test-e2e: $(GOTESTSUM) $(CONTROL_PLANE) build ## Run the operator on a whole control plane with simulated nodes.
	$(GOTESTSUM) --format standard-quiet -- -timeout 30m -count 1 -tags e2e ./test/e2e/...

.PHONY: bench-go
bench-go: $(CONTROL_PLANE) ## Run the benchmarks of functions (PKG=./internal/... for some).
	go test -run '^$$' -bench . -benchmem $(PKG)

# Nobody looks at what they measure here: one that fails would be found when it is needed.
.PHONY: test-bench
test-bench: ## Run each benchmark of functions once.
	go test -run '^$$' -bench . -benchtime 1x $(BENCHED)

.PHONY: bench
bench: $(CONTROL_PLANE) ## Measure the operator as a whole at up to 5,000 nodes (PART=latency NODES=6,1000 SAMPLES=300 LIMIT=256Mi).
	go build -o $(BIN)/bench-scale ./test/scale
	$(BIN)/bench-scale $(if $(PART),-part $(PART)) $(if $(NODES),-nodes $(NODES)) $(if $(SAMPLES),-samples $(SAMPLES)) \
		$(if $(LIMIT),-limit $(LIMIT))

.PHONY: performance
performance: ## Show the last run of the bench in docs/performance.md.
	go run ./test/scale keep $(BIN)/scale/report.json
	go run ./test/scale page

##@ Build

.PHONY: build
build: ## Build the operator into bin/manager, and the kubectl plugin into bin/kubectl-archmap.
	go build -ldflags "-X main.version=$(VERSION)" -o $(BIN)/manager ./cmd
	go build -ldflags "-X main.version=$(VERSION)" -o $(BIN)/kubectl-archmap ./cmd/kubectl-archmap

.PHONY: install-plugin
install-plugin: build ## Install the kubectl plugin and its completion where go install puts commands.
	install -d "$${GOBIN:-$$(go env GOPATH)/bin}"
	install -m 755 $(BIN)/kubectl-archmap cmd/kubectl-archmap/kubectl_complete-archmap "$${GOBIN:-$$(go env GOPATH)/bin}"

.PHONY: run
run: manifests generate ## Run the operator here, against the cluster of the current kubeconfig.
	go run ./cmd

.PHONY: docker-build
docker-build: ## Build the image IMG.
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) -t $(IMG) .

.PHONY: docker-push
docker-push: ## Push the image IMG.
	$(CONTAINER_TOOL) push $(IMG)

.PHONY: build-installer
build-installer: manifests generate $(KUSTOMIZE) ## Write all that has to be applied to a cluster to dist/install.yaml.
	mkdir -p dist
	cd config/manager && $(KUSTOMIZE) edit set image controller=$(IMG)
	$(KUSTOMIZE) build config/default >dist/install.yaml

##@ Deployment

# With --ignore-not-found, uninstall and undeploy do not mind what is gone already.
ignore-not-found ?= false

.PHONY: install
install: manifests $(KUSTOMIZE) ## Install the CRDs into the cluster of the current kubeconfig.
	$(KUSTOMIZE) build config/crd | $(KUBECTL) apply --server-side -f -

.PHONY: uninstall
uninstall: manifests $(KUSTOMIZE) ## Remove the CRDs, and with them every mapping (ignore-not-found=true).
	$(KUSTOMIZE) build config/crd | $(KUBECTL) delete --ignore-not-found=$(ignore-not-found) -f -

.PHONY: deploy
deploy: manifests $(KUSTOMIZE) ## Deploy the operator with the image IMG.
	cd config/manager && $(KUSTOMIZE) edit set image controller=$(IMG)
	$(KUSTOMIZE) build config/default | $(KUBECTL) apply --server-side -f -

.PHONY: undeploy
undeploy: $(KUSTOMIZE) ## Remove the operator, the CRDs and every mapping (ignore-not-found=true).
	$(KUSTOMIZE) build config/default | $(KUBECTL) delete --ignore-not-found=$(ignore-not-found) -f -

##@ Tools

.PHONY: tools
tools: $(CONTROLLER_GEN) $(KUSTOMIZE) $(GOLANGCI_LINT) $(GOTESTSUM) ## Build the pinned tools into bin/.

.PHONY: control-plane
control-plane: $(CONTROL_PLANE) ## Build the Kubernetes control plane of the tests and the demo into bin/controlplane.

$(CONTROLLER_GEN): tool = sigs.k8s.io/controller-tools/cmd/controller-gen
$(KUSTOMIZE): tool = sigs.k8s.io/kustomize/kustomize/v5
$(GOTESTSUM): tool = gotest.tools/gotestsum
$(CONTROLLER_GEN) $(KUSTOMIZE) $(GOTESTSUM): hack/tools/go.mod hack/tools/go.sum
	@echo "Building $(@F); the first time its modules are downloaded."
	go -C hack/tools build -o $@ $(tool)

$(GOLANGCI_LINT): $(addprefix hack/tools/golangci-lint/,go.mod go.sum main.go)
	@echo "Building $(@F) with its linters; the first time their modules are downloaded, and it takes minutes."
	go -C hack/tools/golangci-lint build -o $@ .

# Envtest needs only etcd and kube-apiserver, which spares the tests half of the build.
control_plane_sources := $(addprefix test/controlplane/,build.sh go.mod go.sum)
$(API_SERVER): $(control_plane_sources)
	test/controlplane/build.sh $(@D) etcd kube-apiserver
	touch $@
$(CONTROL_PLANE): $(control_plane_sources)
	test/controlplane/build.sh $(@D)
	touch $@ $(API_SERVER)
