// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

var _ = Describe("status --watch", func() {
	BeforeEach(func() {
		keep(verdicts()) // by an operator that elects no leader: it counts as alive for some minutes
	})

	It("shows what changes, outlives a cut watch, and ends with Ctrl-C", func() {
		through, cut := installed.cuttable()
		watching := start("status", "--watch", "--kubeconfig", writeKubeconfig(map[string]*rest.Config{"through": through}), "--request-timeout", "5s")
		Eventually(watching.Out).WithTimeout(soon).Should(gbytes.Say(`NAME +IMPLEMENTATION`))
		Eventually(watching.Out).WithTimeout(soon).Should(gbytes.Say(`image-cleaner .*\n`), "the last row of the table")

		turn("coredns", metav1.ConditionFalse)
		Eventually(watching.Out).WithTimeout(soon).Should(gbytes.Say(`coredns +CoreDNS .* True +False`))

		cut()
		turn("coredns", metav1.ConditionTrue)
		Eventually(watching.Out).WithTimeout(2 * soon).Should(gbytes.Say(`coredns +CoreDNS .* True +True`))

		turn("kubelet", metav1.ConditionFalse)
		Eventually(watching.Out).WithTimeout(soon).Should(gbytes.Say(`kubelet .* True +False`))
		watching.Interrupt()
		Eventually(watching).WithTimeout(soon).Should(gexec.Exit(exitHealthy))
		Expect(string(watching.Err.Contents())).NotTo(ContainSubstring("reflector"), "libraries keep quiet")
	})
})

var _ = Describe("the program", func() {
	It("tells its version", func() {
		session := start("--version")
		Eventually(session).WithTimeout(soon).Should(gexec.Exit(exitHealthy))
		Expect(string(session.Out.Contents())).To(Equal("kubectl archmap version devel\n"))
	})

	It("has no colors where there is no terminal", func() {
		session := start("check", "--kubeconfig", bare.kubeconfig)
		Eventually(session).WithTimeout(soon).Should(gexec.Exit())
		Expect(string(session.Out.Contents())).To(ContainSubstring("coredns"))
		Expect(string(session.Out.Contents()) + string(session.Err.Contents())).NotTo(ContainSubstring("\x1b"))
	})

	It("completes for kubectl, with and without a cluster", func() {
		script, err := filepath.Abs(filepath.Join(root, "cmd", "kubectl-archmap", "kubectl_complete-archmap"))
		Expect(err).NotTo(HaveOccurred())
		complete := func(args ...string) []string {
			GinkgoHelper()
			command := exec.CommandContext(ctx, script, args...)
			command.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
			out, err := command.Output()
			Expect(err).NotTo(HaveOccurred())
			return strings.Split(strings.TrimSpace(string(out)), "\n")
		}
		own := shippedCatalog().Mappings[0].DeepCopy()
		own.Name, own.Spec.Component = "core-of-ours", "Our core"
		create(own)
		nowhere := writeKubeconfig(map[string]*rest.Config{"nowhere": {Host: "https://" + silentAddress()}})
		Expect(complete("explain", "--kubeconfig", installed.kubeconfig, "core")).To(Equal([]string{"core-of-ours\tOur core", "coredns\tDNS", "coredns-autoscaler\tcoredns-autoscaler", ":4"}))
		began := time.Now()
		Expect(complete("explain", "--kubeconfig", nowhere, "core")).To(Equal([]string{"coredns\tDNS", "coredns-autoscaler\tcoredns-autoscaler", ":4"}))
		Expect(time.Since(began)).To(BeNumerically("<", 3*time.Second))
		Expect(complete("explain", "--kubeconfig", nowhere, "karp")).To(Equal([]string{"karpenter\tnode-auto-provisioning", ":4"}))
		Expect(complete("check", "--kubeconfig", nowhere, "--context", "")).To(Equal([]string{"nowhere", ":4"}))
		Expect(complete("status", "--kubeconfig", nowhere, "--contexts", "a,")).To(Equal([]string{"a,nowhere", ":4"}))
		Expect(complete("check", "-o", "")).To(Equal([]string{"wide", "json", "yaml", "name", "markdown", "csv", ":4"}))
		Expect(complete("sta")).To(ContainElement(HavePrefix("status\t")))
	})

	It("ends when it is interrupted, whatever hangs", func() {
		for _, command := range []string{"check", "status"} {
			session := start(command, "--kubeconfig", writeKubeconfig(map[string]*rest.Config{"hole": {Host: "https://" + silentAddress()}}))
			Eventually(session.Err).WithTimeout(soon).Should(gbytes.Say("Reading"))
			session.Signal(syscall.SIGINT)
			Eventually(session).WithTimeout(soon).Should(gexec.Exit(unknown))
		}
	})

	It("ends when it is interrupted while it waits for its input", func() {
		command := exec.CommandContext(ctx, program, "check", "--from", "-")
		_, err := command.StdinPipe() // into which nobody writes
		Expect(err).NotTo(HaveOccurred())
		session, err := gexec.Start(command, nil, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { session.Kill().Wait(soon) })
		Eventually(session.Err).WithTimeout(soon).Should(gbytes.Say("Reading"))
		session.Signal(syscall.SIGINT)
		Eventually(session).WithTimeout(soon).Should(gexec.Exit(unknown))
	})
})

// start runs the program, until the spec ends.
func start(args ...string) *gexec.Session {
	GinkgoHelper()
	session, err := gexec.Start(exec.CommandContext(ctx, program, args...), nil, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait(soon) })
	return session
}

// turn changes the verdict on the health of a component.
func turn(name string, healthy metav1.ConditionStatus) {
	GinkgoHelper()
	var m v1alpha1.ComponentMapping
	Expect(installed.client.Get(ctx, client.ObjectKey{Name: name}, &m)).To(Succeed())
	reason := v1alpha1.ReasonAllChecksPass
	if healthy != metav1.ConditionTrue {
		reason = v1alpha1.ReasonWorkloadUnavailable
	}
	meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionHealthy, Status: healthy, Reason: reason, Message: "it was turned"})
	Expect(installed.client.Status().Update(ctx, &m)).To(Succeed())
}

// cuttable stands between the plugin and the API server; cut ends what is under way there.
func (s *server) cuttable() (config *rest.Config, cut func()) {
	var mu sync.Mutex
	alive, end := context.WithCancel(ctx)
	config = s.between(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		mu.Lock()
		until := alive
		mu.Unlock()
		request, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(until, cancel)()
		pass.ServeHTTP(w, r.WithContext(request))
	})
	return config, func() {
		mu.Lock()
		defer mu.Unlock()
		end()
		alive, end = context.WithCancel(ctx)
	}
}
