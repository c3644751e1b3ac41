// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/test/shapes"
)

var _ = Describe("status", func() {
	It("says that archmap is not installed", func() {
		result := status(bare)
		Expect(result.code).To(Equal(unknown))
		Expect(result.errOut).To(And(HavePrefix("error: archmap is not installed in this cluster"), ContainSubstring("kubectl archmap check")))
		Expect(result.out).To(BeEmpty())
	})

	It("says that there are no mappings", func() {
		forget()
		result := status(installed)
		Expect(result.code).To(Equal(unknown))
		Expect(result.errOut).To(ContainSubstring("there are no ComponentMappings"))
	})

	It("says that nothing was judged yet, and why", func() {
		forget()
		keep(&kept{})
		result := status(installed)
		Expect(result.code).To(Equal(unknown))
		Expect(result.errOut).To(And(MatchRegexp(`none of the \d+ ComponentMappings has a verdict yet`), ContainSubstring("there is no Lease archmap-system/manager.archmap.dev")))
		renew("archmap-system", 0)
		Expect(status(installed).errOut).To(ContainSubstring("the operator has just started"))
	})

	It("shows what a living operator keeps", func() {
		keep(verdicts())
		renew("archmap-system", 2*time.Second)
		result := status(installed, "-o", "json")
		Expect(result.code).To(Equal(exitHealthy), result.errOut)
		Expect(result.errOut).To(BeEmpty())
		judged, architecture := decode(result.out)
		Expect(shapes.Differences(judged, installed.shape.Expected)).To(BeEmpty())
		Expect(architecture).To(Equal(*installed.shape.ExpectedArchitecture))

		result = status(installed)
		Expect(result.out).To(MatchRegexp(`(?m)^NAME +IMPLEMENTATION .* SINCE +VERSION$`))
		Expect(result.out).To(MatchRegexp(`(?m)^✓ aks v.* components present, none unhealthy$`))
	})

	It("tells what is unhealthy, and why", func() {
		restore := installed.break_("Deployment", "kube-system", "coredns", `{"status": {"availableReplicas": 0, "readyReplicas": 0, "unavailableReplicas": 2}}`)
		DeferCleanup(restore)
		found := archmap("check", "--kubeconfig", installed.kubeconfig, "-o", "json")
		keep(decodeKept(found.out))
		renew("archmap-system", 2*time.Second)
		result := status(installed)
		Expect(result.code).To(Equal(unhealthy))
		Expect(result.out).To(MatchRegexp(`(?m)^ +affects +coredns$`))
		Expect(status(installed, "-o", "name").out).To(ContainSubstring("componentmapping.architecture.archmap.dev/coredns\n"))
	})

	DescribeTable("knows whether the operator is alive",
		func(lease time.Duration, observed time.Duration, code int, words string) {
			k := verdicts()
			k.architecture.Status.ObservedAt = metav1.NewTime(time.Now().Add(-observed))
			keep(k)
			if lease >= 0 {
				renew("archmap-system", lease)
			}
			result := status(installed)
			Expect(result.code).To(Equal(code), result.errOut)
			if words == "" {
				Expect(result.errOut).To(BeEmpty())
				return
			}
			Expect(result.errOut).To(And(HavePrefix("Warning: these verdicts are "), MatchRegexp(words)))
		},
		Entry("alive", time.Second, time.Minute, exitHealthy, ""),
		Entry("alive without electing a leader", time.Duration(-1), 6*time.Minute, exitHealthy, ""),
		Entry("alive without electing a leader, where one was elected once", time.Hour, time.Minute, exitHealthy, ""),
		Entry("dead", 30*time.Minute+soon, 31*time.Minute, unknown, `are 30m old: the operator died 30m ago .*it no longer renews the Lease archmap-system/manager.archmap.dev`),
		Entry("dead for less time than observedAt tells", 3*time.Minute+soon, 4*time.Minute, unknown, `are 3m\S* old: the operator died 3m`),
		Entry("stuck", time.Second, 20*time.Minute+soon, unknown, `are 20m old: the operator is stuck`),
		Entry("gone", time.Duration(-1), 20*time.Minute+soon, unknown, `are 20m old: the operator is not running: .*there is no Lease`),
	)

	It("goes by the clock of the API server, not by that of this machine", func() {
		const ahead = time.Hour
		through := installed.between(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			pass.ServeHTTP(&shifted{w, ahead}, r)
		})
		kubeconfig := writeKubeconfig(map[string]*rest.Config{"ahead": through})
		keep(verdicts())
		renew("archmap-system", 0)
		result := archmap("status", "--kubeconfig", kubeconfig)
		Expect(result.code).To(Equal(unknown))
		Expect(result.errOut).To(MatchRegexp(`are (59|60)m old: the operator died`))

		k := verdicts()
		k.architecture.Status.ObservedAt = metav1.NewTime(time.Now().Add(ahead))
		keep(k)
		renew("archmap-system", -ahead)
		result = archmap("status", "--kubeconfig", kubeconfig)
		Expect(result.code).To(Equal(exitHealthy), result.errOut)
	})

	It("finds the operator in another namespace", func() {
		k := verdicts()
		k.architecture.Status.ObservedAt = metav1.NewTime(time.Now().Add(-time.Hour))
		keep(k)
		renew("elsewhere", time.Second)
		Expect(status(installed).errOut).To(ContainSubstring("the operator is stuck: it renews its lease"))
		result := status(installed, "--operator-namespace", "nowhere")
		Expect(result.code).To(Equal(unknown))
		Expect(result.errOut).To(ContainSubstring("there is no Lease nowhere/manager.archmap.dev"))
	})

	It("says what is not permitted", func() {
		keep(verdicts())
		result := status(installed, "--as", "nobody")
		Expect(result.code).To(Equal(unknown))
		Expect(result.errOut).To(And(ContainSubstring("you are not permitted to read the operator's verdicts"), ContainSubstring("verbs: [get, list, watch]")))
	})

	It("asks which of several architectures", func() {
		k := verdicts()
		keep(k)
		renew("archmap-system", time.Second)
		other := &v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: "a-platform"}, Spec: v1alpha1.ClusterArchitectureSpec{
			Platform: "other", ComponentSelector: metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.PlatformLabel: "other"}},
			NodeSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"other": "yes"}},
		}}
		create(other)
		result := status(installed)
		Expect(result.code).To(Equal(exitHealthy), result.errOut)
		Expect(result.errOut).To(Equal("Warning: showing ClusterArchitecture aks; choose with --architecture: a-platform, aks\n"))
		Expect(status(installed, "--architecture", "aks").errOut).To(BeEmpty())
		result = status(installed, "--architecture", "bogus")
		Expect(result.code).To(Equal(usage))
		Expect(result.errOut).To(ContainSubstring("there are: a-platform, aks"))
	})
})

var _ = Describe("status of several clusters", func() {
	const timeout = "2s"
	var kubeconfig, hole, dead string

	BeforeEach(func() {
		keep(verdicts())
		renew("archmap-system", time.Second)
		hole, dead = silentAddress(), deadAddress()
		hung := rest.CopyConfig(installed.config)
		hung.CertData, hung.KeyData = nil, nil
		hung.ExecProvider = &clientcmdapi.ExecConfig{
			APIVersion: "client.authentication.k8s.io/v1", Command: "sleep", Args: []string{"8"}, InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
		}
		kubeconfig = writeKubeconfig(map[string]*rest.Config{
			"prod": installed.config, "twin": installed.config, "bare": bare.config,
			"hole": {Host: "https://" + hole}, "dead": {Host: "https://" + dead}, "hung": hung,
		})
	})

	It("does not wait for those that do not answer", func() {
		result := archmap("status", "--kubeconfig", kubeconfig, "--all-contexts", "--request-timeout", timeout)
		Expect(result.took).To(BeNumerically("<", 5*time.Second))
		Expect(result.code).To(Equal(unknown))
		Expect(result.out).To(MatchRegexp(`(?m)^NAME +BARE +DEAD +HOLE +HUNG +PROD +TWIN$`))
		Expect(result.out).To(MatchRegexp(`(?m)^coredns +✓ healthy +✓ healthy$`))
		for name, why := range map[string]string{
			"bare": "archmap is not installed in this cluster",
			"dead": "connection refused", "hole": "no response ", "hung": "no response within 2s",
		} {
			Expect(strings.Join(strings.Fields(result.out), " ")).To(MatchRegexp(`%s: [^✓]*%s`, name, why))
		}
		Expect(result.progress).To(ContainSubstring("Reading clusters: "), "what takes long shows how far it is")
	})

	It("shows the chosen ones in their order, each once", func() {
		result := archmap("status", "--kubeconfig", kubeconfig, "--contexts", "twin,prod,twin", "-o", "csv")
		Expect(result.code).To(Equal(exitHealthy), result.errOut)
		records, err := csv.NewReader(strings.NewReader(result.out)).ReadAll()
		Expect(err).NotTo(HaveOccurred())
		Expect(records[0]).To(Equal([]string{"name", "twin", "prod"}))
		Expect(archmap("status", "--kubeconfig", kubeconfig, "--contexts", "prod", "-o", "wide").out).To(MatchRegexp(`(?m)^coredns +DNS +✓ healthy v1`))
		Expect(archmap("status", "--kubeconfig", kubeconfig, "--contexts", "prod", "-o", "markdown").out).To(HavePrefix("| "))
	})

	It("tells programs as much", func() {
		result := archmap("status", "--kubeconfig", kubeconfig, "--contexts", "prod,dead", "-o", "json")
		Expect(result.code).To(Equal(unknown))
		var list struct {
			Items []struct {
				Name, Verdict, Error string
				Objects              []json.RawMessage
			}
		}
		Expect(json.Unmarshal([]byte(result.out), &list)).To(Succeed())
		Expect(list.Items).To(HaveLen(2))
		Expect(list.Items[0].Objects).To(HaveLen(len(installed.shape.Expected) + 1))
		Expect(list.Items[1].Error).To(ContainSubstring("connection refused"))
	})

	It("warns of an operator that is dead", func() {
		renew("archmap-system", time.Hour+soon)
		k := verdicts()
		k.architecture.Status.ObservedAt = metav1.NewTime(time.Now().Add(-2 * time.Hour))
		keep(k)
		result := archmap("status", "--kubeconfig", kubeconfig, "--contexts", "prod")
		Expect(result.code).To(Equal(unknown))
		Expect(result.errOut).To(HavePrefix("Warning: prod: these verdicts are 60m old"))
	})
})

// status runs the command on a server.
func status(s *server, args ...string) result {
	return archmap(append([]string{"status", "--kubeconfig", s.kubeconfig}, args...)...)
}

// shifted answers as a server would whose clock is ahead.
type shifted struct {
	http.ResponseWriter
	by time.Duration
}

func (s *shifted) WriteHeader(code int) {
	if date, err := http.ParseTime(s.Header().Get("Date")); err == nil {
		s.Header().Set("Date", date.Add(s.by).Format(http.TimeFormat))
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *shifted) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// kept is what an operator would keep.
type kept struct {
	architecture *v1alpha1.ClusterArchitecture
	mappings     []v1alpha1.ComponentMapping
}

// verdicts are those that an operator has just come to on the installed server.
func verdicts() *kept {
	GinkgoHelper()
	v, err := converged()
	Expect(err).NotTo(HaveOccurred())
	architecture := v.Architecture.DeepCopy()
	architecture.Status.ObservedAt = metav1.Now()
	return &kept{architecture: architecture, mappings: v.Mappings}
}

// converged are the verdicts on the world that the installed server shows.
var converged = sync.OnceValues(func() (*judge.Verdicts, error) {
	shipped := shippedCatalog()
	snapshot, err := installed.world.Snapshot()
	if err != nil {
		return nil, err
	}
	return judge.Compile(&shipped.Architectures[0], shipped.Mappings).Judge(snapshot), nil
})

func shippedCatalog() *catalog.Catalog {
	GinkgoHelper()
	shipped, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	Expect(err).NotTo(HaveOccurred())
	return shipped
}

// decodeKept reads the output of -o json.
func decodeKept(text string) *kept {
	GinkgoHelper()
	var list struct{ Items []json.RawMessage }
	Expect(json.Unmarshal([]byte(text), &list)).To(Succeed())
	k := &kept{architecture: &v1alpha1.ClusterArchitecture{}}
	Expect(json.Unmarshal(list.Items[0], k.architecture)).To(Succeed())
	for _, item := range list.Items[1:] {
		var m v1alpha1.ComponentMapping
		Expect(json.Unmarshal(item, &m)).To(Succeed())
		k.mappings = append(k.mappings, m)
	}
	return k
}

// keep has the installed server hold the catalog with those statuses.
func keep(k *kept) {
	GinkgoHelper()
	shipped := shippedCatalog()
	statuses := map[string]v1alpha1.ComponentMappingStatus{}
	for _, m := range k.mappings {
		statuses[m.Name] = m.Status
	}
	var group errgroup.Group
	group.SetLimit(8)
	for i := range shipped.Mappings {
		m := &shipped.Mappings[i]
		group.Go(func() error {
			if err := ensure(m); err != nil {
				return err
			}
			status, judged := statuses[m.Name]
			if !judged || equality.Semantic.DeepEqual(m.Status, status) {
				return nil
			}
			m.Status = status
			return installed.client.Status().Update(ctx, m)
		})
	}
	Expect(group.Wait()).To(Succeed())
	a := &shipped.Architectures[0]
	Expect(ensure(a)).To(Succeed())
	if k.architecture != nil {
		a.Status = k.architecture.Status
		Expect(installed.client.Status().Update(ctx, a)).To(Succeed())
	}
}

// forget removes what keep wrote.
func forget() {
	GinkgoHelper()
	for _, o := range []client.Object{&v1alpha1.ComponentMapping{}, &v1alpha1.ClusterArchitecture{}} {
		Expect(installed.client.DeleteAllOf(ctx, o)).To(Succeed())
	}
}

// ensure creates an object of the installed server unless it is there, and reads it if it is.
func ensure(o client.Object) error {
	err := installed.client.Get(ctx, client.ObjectKeyFromObject(o), o)
	if apierrors.IsNotFound(err) {
		return installed.client.Create(ctx, o)
	}
	return err
}

// renew writes the operator's lease as it was renewed so long ago, until the spec ends.
func renew(namespace string, age time.Duration) {
	GinkgoHelper()
	Expect(ensure(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed()) // it stays: nobody would empty it
	at := metav1.NewMicroTime(time.Now().Add(-age))
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "manager.archmap.dev", Namespace: namespace}}
	create(lease)
	lease.Spec = coordinationv1.LeaseSpec{HolderIdentity: new("archmap-0"), LeaseDurationSeconds: new(int32(15)), RenewTime: &at, AcquireTime: &at}
	Expect(installed.client.Update(ctx, lease)).To(Succeed())
}

// create creates an object of the installed server, and deletes it when the spec ends.
func create(o client.Object) {
	GinkgoHelper()
	Expect(ensure(o)).To(Succeed())
	DeferCleanup(func() { Expect(client.IgnoreNotFound(installed.client.Delete(ctx, o))).To(Succeed()) })
}
