// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/rbac"
	"github.com/archmap/archmap/test/shapes"
)

var _ = Describe("check", func() {
	BeforeEach(func() {
		installed.beat()
		bare.beat()
	})

	DescribeTable("comes to the verdicts of the shape", func(s func() *server) {
		result := archmap("check", "--kubeconfig", s().kubeconfig, "-o", "json")
		verdicts, architecture := decode(result.out)
		Expect(shapes.Differences(verdicts, s().shape.Expected)).To(BeEmpty())
		Expect(architecture).To(Equal(*s().shape.ExpectedArchitecture))
		Expect(result.code).To(Equal(exitHealthy), result.errOut)
	},
		Entry("overlay-cilium", func() *server { return installed }),
		Entry("documented", func() *server { return bare }),
	)

	It("only reads, and asks what it may not do", func() {
		var mu sync.Mutex
		var writes []string
		through := bare.between(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			if r.Method != http.MethodGet {
				mu.Lock()
				writes = append(writes, r.Method+" "+r.URL.Path)
				mu.Unlock()
			}
			pass.ServeHTTP(w, r)
		})
		kubeconfig := writeKubeconfig(map[string]*rest.Config{"through": through})
		for _, args := range [][]string{{"check"}, {"explain", "coredns"}, {"diff"}, {"table"}, {"diagram"}, {"status"},
			{"new", "dns", "--from-workload", "kube-system/coredns"}} {
			Expect(archmap(append(args, "--kubeconfig", kubeconfig)...).code).NotTo(Equal(usage), "%v", args)
		}
		slices.Sort(writes)
		Expect(slices.Compact(writes)).To(ConsistOf(
			"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
			"POST /apis/authorization.k8s.io/v1/subjectaccessreviews",
		))
	})

	It("tells a fault, and what explains it", func() {
		restore := bare.break_("Deployment", "kube-system", "coredns", `{"status": {"availableReplicas": 0, "readyReplicas": 0, "unavailableReplicas": 2}}`)
		DeferCleanup(restore)
		result := archmap("check", "--kubeconfig", bare.kubeconfig)
		Expect(result.code).To(Equal(unhealthy))
		Expect(result.out).To(MatchRegexp(`(?m)^coredns .* True +False`))
		Expect(result.out).To(MatchRegexp(`(?m)^✗ WorkloadUnavailable: Deployment kube-system/coredns\n.*0/2 available`))
	})

	Describe("for a user with fewer rights", func() {
		const user = "jane"

		BeforeEach(func() {
			bare.grant(user, func(rule rbacv1.PolicyRule) bool { return !slices.Contains(rule.Resources, "nodes") })
		})

		It("tells what is not permitted, and which rule is missing", func() {
			result := archmap("check", "--kubeconfig", bare.kubeconfig, "--as", user, "-o", "wide")
			Expect(result.code).To(Equal(unknown), result.errOut)
			Expect(result.out).To(MatchRegexp(`(?m)^kubelet .* Unknown +Unknown .*not permitted.*grant the user of this context a ClusterRole ` +
				`with the rule apiGroups: \[""\], resources: \["nodes"\], verbs: \[list\]`))
			Expect(result.out).To(MatchRegexp(`(?m)^cloud-controller-manager .* True +True`), "what it may see is judged")
		})

		It("tells as much to one without any", func() {
			result := archmap("check", "--kubeconfig", bare.kubeconfig, "--as", "nobody")
			Expect(result.code).To(Equal(unknown), result.errOut)
			Expect(result.out).To(MatchRegexp(`(?m)^coredns .* Unknown +Unknown`))
		})
	})

	It("obeys --context, and looks everywhere whatever --namespace says", func() {
		kubeconfig := writeKubeconfig(map[string]*rest.Config{"a-dead": {Host: "http://" + deadAddress()}, "b": bare.config})
		result := archmap("check", "--kubeconfig", kubeconfig, "--context", "b", "--namespace", "kube-public")
		Expect(result.code).To(Equal(exitHealthy), result.errOut)
		Expect(archmap("check", "--kubeconfig", kubeconfig).code).To(Equal(unknown))
	})

	It("says in time that a cluster does not answer", func() {
		address := silentAddress()
		kubeconfig := writeKubeconfig(map[string]*rest.Config{"hole": {Host: "https://" + address}})
		result := archmap("check", "--kubeconfig", kubeconfig, "--request-timeout", "1s")
		Expect(result.code).To(Equal(unknown))
		Expect(result.took).To(BeNumerically("<", 8*time.Second))
		Expect(result.errOut).To(Equal("error: couldn't read the cluster https://" + address + ": no response in time\n"))
	})

	It("says at once that nobody is there", func() {
		address := deadAddress()
		result := archmap("check", "--kubeconfig", writeKubeconfig(map[string]*rest.Config{"dead": {Host: "https://" + address}}))
		Expect(result.code).To(Equal(unknown))
		Expect(result.errOut).To(And(HavePrefix("error: "), ContainSubstring(address), ContainSubstring("connection refused")))
		Expect(result.took).To(BeNumerically("<", 5*time.Second))
	})

	It("tells what is wrong with the command", func() {
		for _, args := range [][]string{
			{"chekc"}, {"check", "extra"}, {"check", "--bogus"}, {"check", "-o", "bogus"}, {"explain"}, {"status", "--watch", "-o", "json"},
			{"status", "--contexts", "nobody-knows"}, {"status", "--all-contexts", "--context", "documented"}, {"status", "--all-contexts", "-w"},
		} {
			result := archmap(append(args, "--kubeconfig", bare.kubeconfig)...)
			Expect(result.code).To(Equal(usage), "%v", args)
			Expect(result.errOut).To(HavePrefix("error: "), "%v", args)
			Expect(result.out).To(BeEmpty(), "%v", args)
		}
		missing := archmap("check", "--kubeconfig", "/nonexistent/kubeconfig")
		Expect(missing.code).To(Equal(unknown))
		Expect(missing.errOut).To(ContainSubstring("/nonexistent/kubeconfig"))
	})

	It("shows progress after a second, and not before", func() {
		quick := archmap("check", "--kubeconfig", installed.kubeconfig)
		if quick.took < time.Second {
			Expect(quick.progress).To(BeEmpty())
		}
		slow := installed.between(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			time.Sleep(700 * time.Millisecond)
			pass.ServeHTTP(w, r)
		})
		result := archmap("check", "--kubeconfig", writeKubeconfig(map[string]*rest.Config{"slow": slow}))
		Expect(result.code).To(Equal(exitHealthy))
		Expect(result.took).To(BeNumerically(">", 2*time.Second))
		Expect(result.progress).To(HavePrefix("Reading the cluster"))
		Expect(result.firstWord).To(And(BeNumerically(">=", time.Second), BeNumerically("<", 2*time.Second)))
	})
})

// decode reads the output of -o json.
func decode(text string) (map[string]shapes.Expected, shapes.ExpectedArchitecture) {
	GinkgoHelper()
	var objects struct {
		Items []json.RawMessage `json:"items"`
	}
	Expect(json.Unmarshal([]byte(text), &objects)).To(Succeed(), text)
	verdicts := map[string]shapes.Expected{}
	var whole shapes.ExpectedArchitecture
	for _, item := range objects.Items {
		var kind metav1.TypeMeta
		Expect(json.Unmarshal(item, &kind)).To(Succeed())
		if kind.Kind == "ClusterArchitecture" {
			var a v1alpha1.ClusterArchitecture
			Expect(json.Unmarshal(item, &a)).To(Succeed())
			whole = shapes.ArchitectureVerdict(&a)
			continue
		}
		var m v1alpha1.ComponentMapping
		Expect(json.Unmarshal(item, &m)).To(Succeed())
		verdicts[m.Name] = shapes.Verdict(&m)
	}
	return verdicts, whole
}

// break_ patches the status of an object; what it returns restores it.
func (s *server) break_(kind, namespace, name, patch string) (restore func()) {
	GinkgoHelper()
	for _, o := range s.shape.Objects {
		if o.GetKind() != kind || o.GetNamespace() != namespace || o.GetName() != name {
			continue
		}
		live := o.DeepCopy()
		Expect(s.client.Status().Patch(ctx, live, client.RawPatch("application/merge-patch+json", []byte(patch)))).To(Succeed())
		return func() {
			s.apply(func(k string) bool { return k == kind }, "")
		}
	}
	Fail(fmt.Sprintf("there is no %s %s/%s", kind, namespace, name))
	return nil
}

// grant gives a user those of the operator's rights that are wanted, until the spec ends.
func (s *server) grant(user string, wanted func(rbacv1.PolicyRule) bool) {
	GinkgoHelper()
	roles, err := rbac.ClusterRoles()
	Expect(err).NotTo(HaveOccurred())
	granted := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}}
	for _, role := range roles {
		for _, rule := range role.Rules {
			if wanted(rule) {
				granted.Rules = append(granted.Rules, rule)
			}
		}
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
	for _, o := range []client.Object{granted, binding} {
		Expect(s.client.Create(ctx, o)).To(Succeed())
		DeferCleanup(func() { Expect(s.client.Delete(ctx, o)).To(Succeed()) })
	}
}

// deadAddress is one at which nobody listens.
func deadAddress() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(listener.Close()).To(Succeed()) }()
	return listener.Addr().String()
}

// silentAddress is one at which somebody listens and never says a word.
func silentAddress() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			DeferCleanup(connection.Close)
		}
	}()
	return listener.Addr().String()
}
