// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"net/http"
	"os"
	"path/filepath"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"k8s.io/client-go/rest"

	"github.com/archmap/archmap/api/v1alpha1"
)

var _ = Describe("new", func() {
	BeforeEach(func() { bare.beat() })

	It("drafts a mapping of what runs, which finds it, and asks for no Secret", func() {
		var mu sync.Mutex
		var asked []string
		through := bare.between(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			mu.Lock()
			asked = append(asked, r.URL.Path)
			mu.Unlock()
			pass.ServeHTTP(w, r)
		})
		kubeconfig := writeKubeconfig(map[string]*rest.Config{"through": through})
		drafted := archmap("new", "dns", "--from-workload", "deployment/coredns", "-n", "kube-system", "--kubeconfig", kubeconfig)
		Expect(drafted.code).To(BeZero(), drafted.errOut)
		Expect(asked).To(ContainElement("/apis/apps/v1/namespaces/kube-system/deployments"))
		Expect(asked).NotTo(ContainElement(ContainSubstring("secrets")))

		file := filepath.Join(GinkgoT().TempDir(), "dns.yaml")
		Expect(os.WriteFile(file, []byte(drafted.out), 0o600)).To(Succeed())
		checked := archmap("check", "-f", file, "--only-mine", "--kubeconfig", bare.kubeconfig, "-o", "json")
		verdicts, _ := decode(checked.out)
		Expect(verdicts).To(HaveKey("dns"), checked.errOut)
		Expect(verdicts["dns"].Present).To(Equal("True/"+v1alpha1.ReasonObserved), drafted.out)
	})
})
