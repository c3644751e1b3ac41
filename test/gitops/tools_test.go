// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/cmd/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// soon is how long a tool waits for what should happen at once.
const soon = time.Minute

// TestTools runs the tools against an API server, one after the other on the same objects: what one has applied
// is no drift to another.
func TestTools(t *testing.T) {
	cfg, catalog := startCluster(t), readCatalog(t)
	t.Run("Flux", func(t *testing.T) { testFlux(t, cfg, catalog) })
	t.Run("Argo CD, client-side", func(t *testing.T) { testArgoCD(t, cfg, catalog, false) })
	t.Run("Argo CD, server-side", func(t *testing.T) { testArgoCD(t, cfg, catalog, true) })
	t.Run("kubectl wait", func(t *testing.T) { testKubectlWait(t, cfg) })
	t.Run("Flux prunes", func(t *testing.T) { testFluxPrunes(t, cfg, catalog) })
}

// newFlux does what Flux's kustomize-controller does with its objects.
func newFlux(t *testing.T, cfg *rest.Config) *ssa.ResourceManager {
	t.Helper()
	c, err := client.New(cfg, client.Options{})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return ssa.NewResourceManager(c, polling.NewStatusPoller(c, c.RESTMapper(), polling.Options{}),
		ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"})
}

var waitOptions = ssa.WaitOptions{Interval: 200 * time.Millisecond, Timeout: soon, FailFast: true}

func testFlux(t *testing.T, cfg *rest.Config, catalog []*unstructured.Unstructured) {
	g, flux := NewWithT(t), newFlux(t, cfg)
	apply := func(objects ...*unstructured.Unstructured) *ssa.ChangeSet {
		t.Helper()
		var copies []*unstructured.Unstructured
		for _, o := range objects {
			copies = append(copies, o.DeepCopy())
		}
		changes, err := flux.ApplyAll(t.Context(), copies, ssa.DefaultApplyOptions())
		g.Expect(err).NotTo(HaveOccurred())
		return changes
	}
	each := func(action ssa.Action) types.GomegaMatcher { return HaveEach(HaveField("Action", action)) }

	g.Expect(apply(catalog...).Entries).To(each(ssa.CreatedAction))
	g.Expect(flux.Wait(catalog, waitOptions)).To(Succeed())
	g.Expect(apply(catalog...).Entries).To(each(ssa.UnchangedAction))
	for _, o := range catalog {
		entry, _, _, err := flux.Diff(t.Context(), o.DeepCopy(), ssa.DefaultDiffOptions())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(entry.Action).To(Equal(ssa.UnchangedAction), o.GetName())
	}

	g.Expect(apply(spoiled(t, catalog)).Entries).To(each(ssa.ConfiguredAction))
	g.Expect(flux.Wait(catalog, waitOptions)).To(MatchError(ContainSubstring("ComponentMapping/coredns status: 'Failed'")))
	g.Expect(apply(catalog...).Entries).To(ContainElement(HaveField("Action", ssa.ConfiguredAction)))
	g.Expect(flux.Wait(catalog, waitOptions)).To(Succeed())
}

func testFluxPrunes(t *testing.T, cfg *rest.Config, catalog []*unstructured.Unstructured) {
	g, flux := NewWithT(t), newFlux(t, cfg)
	_, err := flux.DeleteAll(t.Context(), catalog, ssa.DefaultDeleteOptions())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(flux.WaitForTermination(catalog, waitOptions)).To(Succeed())
}

// testArgoCD applies and compares as Argo CD does, with and without ServerSideApply=true.
func testArgoCD(t *testing.T, cfg *rest.Config, catalog []*unstructured.Unstructured, serverSide bool) {
	g := NewWithT(t)
	engine := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	operations, cleanup, err := engine.ManageResources(cfg)
	g.Expect(err).NotTo(HaveOccurred())
	defer cleanup()
	dryRuns, cleanup, err := engine.ManageServerSideDiffDryRuns(cfg)
	g.Expect(err).NotTo(HaveOccurred())
	defer cleanup()
	_, parser, err := engine.LoadOpenAPISchema(cfg)
	g.Expect(err).NotTo(HaveOccurred())
	const owner = "argocd-controller"

	live := func(o *unstructured.Unstructured) *unstructured.Unstructured {
		t.Helper()
		found, err := engine.GetResource(t.Context(), cfg, o.GroupVersionKind(), o.GetName(), "")
		g.Expect(err).NotTo(HaveOccurred())
		return found
	}
	apply := func(o *unstructured.Unstructured) {
		t.Helper()
		_, err := operations.ApplyResource(t.Context(), o.DeepCopy(), cmdutil.DryRunNone, false, true, serverSide, owner)
		g.Expect(err).NotTo(HaveOccurred())
	}
	for _, o := range catalog {
		apply(o)
		before := live(o)
		apply(o)
		g.Expect(live(o)).To(Equal(before))
		for name, options := range map[string][]diff.Option{
			"legacy":                nil,
			"structured merge diff": {diff.WithStructuredMergeDiff(true)},
			"server-side diff":      {diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(dryRuns))},
		} {
			found, err := diff.Diff(o.DeepCopy(), before, append(options, diff.WithGVKParser(parser), diff.WithManager(owner))...)
			g.Expect(err).NotTo(HaveOccurred(), name)
			g.Expect(found.Modified).To(BeFalse(), "%s, %s: %s became %s", o.GetName(), name, found.NormalizedLive, found.PredictedLive)
		}
	}
}

// testKubectlWait runs the commands of docs/gitops.md.
func testKubectlWait(t *testing.T, cfg *rest.Config) {
	g := NewWithT(t)
	flags := genericclioptions.NewConfigFlags(false)
	flags.APIServer = &cfg.Host // else it would look for a kubeconfig
	flags.WrapConfigFn = func(*rest.Config) *rest.Config { return rest.CopyConfig(cfg) }
	kubectl := func(line string) (string, error) {
		var out bytes.Buffer
		waitFlags := wait.NewWaitFlags(flags, genericiooptions.IOStreams{In: &out, Out: &out, ErrOut: &out})
		command := &cobra.Command{}
		waitFlags.AddFlags(command)
		g.Expect(command.ParseFlags(strings.Fields(strings.TrimPrefix(line, "kubectl wait ")))).To(Succeed())
		options, err := waitFlags.ToOptions(command.Flags().Args())
		g.Expect(err).NotTo(HaveOccurred())
		err = options.RunWaitContext(t.Context())
		return out.String(), err
	}

	_, err := kubectl("kubectl wait --for=condition=Healthy componentmapping/coredns --timeout=1s")
	g.Expect(err).To(MatchError(ContainSubstring("timed out")), "CoreDNS is not there yet")
	runCoreDNS(t, cfg)
	commands := documented(t, regexp.MustCompile(`(?m)^kubectl wait .*$`))
	g.Expect(len(commands)).To(BeNumerically(">=", 3))
	for _, command := range commands {
		said, err := kubectl(command)
		g.Expect(err).NotTo(HaveOccurred(), command)
		g.Expect(said).To(ContainSubstring("condition met"), command)
	}
}
