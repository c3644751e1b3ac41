// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	. "github.com/onsi/gomega"
)

const certManagerDump = "../draft/testdata/cert-manager.yaml"

func TestNew(t *testing.T) {
	const mapping = "kind: ComponentMapping\nmetadata:\n  name: cm\n"
	for name, tc := range map[string]struct {
		args []string
		code int
		out  string
		says string
	}{
		"a name with its namespace":    {[]string{"cm", "--from-workload", "cert-manager/cert-manager"}, exitNothing, mapping, ""},
		"a kind, and -n":               {[]string{"cm", "--from-workload", "deployment/cert-manager", "-n", "cert-manager"}, exitNothing, mapping, ""},
		"a kind as kubectl prints it":  {[]string{"cm", "--from-workload", "deployments.apps/cert-manager/cert-manager"}, exitNothing, mapping, ""},
		"the same namespace twice":     {[]string{"cm", "--from-workload", "deploy/cert-manager/cert-manager", "-n", "cert-manager"}, exitNothing, mapping, ""},
		"a name of a built-in mapping": {[]string{"coredns", "--from-workload", "cert-manager/cert-manager"}, exitNothing, "name: coredns", "the built-in catalog has a ComponentMapping coredns"},
		"two namespaces":               {[]string{"cm", "--from-workload", "cert-manager/cert-manager", "-n", "x"}, exitUsage, "", "name different namespaces"},
		"another kind":                 {[]string{"cm", "--from-workload", "ds/cert-manager/cert-manager"}, exitUnknown, "", "has no DaemonSet cert-manager; it has deployment/cert-manager, "},
		"too many parts":               {[]string{"cm", "--from-workload", "job/a/b"}, exitUsage, "", `not "job/a/b"`},
		"no workload":                  {[]string{"cm"}, exitUsage, "", "--from-workload must be [KIND/][NAMESPACE/]NAME"},
		"no name":                      {[]string{"--from-workload", "a/b"}, exitUsage, "", "missing argument"},
		"no name of a mapping":         {[]string{"Cert Manager", "--from-workload", "a/b"}, exitUsage, "", `invalid mapping name "Cert Manager"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, errOut := runWith("", append([]string{"new", "--from", certManagerDump}, tc.args...)...)
			g.Expect(code).To(Equal(tc.code), errOut)
			g.Expect(out).To(ContainSubstring(tc.out))
			g.Expect(errOut).To(ContainSubstring(tc.says))
			if code != exitNothing {
				g.Expect(out).To(BeEmpty())
			}
		})
	}
}

// What was drafted of a dump fits the dump.
func TestLintAgainst(t *testing.T) {
	g := NewWithT(t)
	_, drafted, _ := runWith("", "new", "cm", "--from-workload", "cert-manager/cert-manager", "--from", certManagerDump)
	code, out, errOut := runWith(drafted, "lint", "-", "--against", certManagerDump)
	g.Expect(code).To(Equal(exitNothing))
	g.Expect(out).To(BeEmpty())
	g.Expect(errOut).To(ContainSubstring("0 errors, 0 warnings, 0 notes"))

	timeless := filepath.Join(t.TempDir(), "dump.yaml") // which needs no flag that these commands do not have
	text, err := os.ReadFile(certManagerDump)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(timeless, regexp.MustCompile(`\w+: '?"?\d{4}-\d\d-\d\dT[\d:.]+Z"?'?`).ReplaceAll(text, []byte("x: y")), 0o600)).To(Succeed())
	code, _, errOut = runWith("", "check", "--from", timeless)
	g.Expect(code).To(Equal(exitUnknown))
	g.Expect(errOut).To(ContainSubstring("say it with --at"))
	code, again, errOut := runWith("", "new", "cm", "--from-workload", "cert-manager/cert-manager", "--from", timeless)
	g.Expect(code).To(Equal(exitNothing), errOut)
	g.Expect(again).To(ContainSubstring("kind: ComponentMapping"))
	code, _, errOut = runWith(again, "lint", "-", "--against", timeless)
	g.Expect(code).To(Equal(exitNothing), errOut)

	code, out, _ = runWith(validMapping, "lint", "-", "--against", "-")
	g.Expect(code).To(Equal(exitUsage), out)
	code, out, _ = runWith(mappingWith("Deployment"), "lint", "-", "--against", "nowhere")
	g.Expect(code).To(Equal(exitUnknown), out)
	code, out, _ = runWith(mappingWith("Deployment"), "lint", "-", "--against", certManagerDump, "--strict")
	g.Expect(code).To(Equal(exitNothing))
	g.Expect(out).To(ContainSubstring("cannot be held to the dump: couldn't check Deployment redis/redis"))
}
