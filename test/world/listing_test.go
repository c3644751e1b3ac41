// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/crd"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/world"
)

// screen is how many columns the listing of a cluster may take.
const screen = 120

// fitScreen holds the listings of kubectl and of the plugin to the screen, of a cluster that has been so for long.
func fitScreen(t *testing.T, w *world.World, verdicts *world.Verdicts) {
	g := NewWithT(t)
	r := &report.Report{Architecture: *verdicts.Architecture, ObservedAt: w.Now().Add(300 * 24 * time.Hour)}
	for _, name := range inOrder(verdicts.Mappings) {
		r.Mappings = append(r.Mappings, *verdicts.Mappings[name])
	}
	var plugin bytes.Buffer
	table := report.Table(r, false)
	table.Notes = nil
	g.Expect(table.Text(&plugin, false)).To(Succeed())
	for command, text := range map[string]string{"kubectl get componentmappings": kubectlGet(g, r.Mappings), "kubectl archmap check": plugin.String()} {
		header, _, _ := strings.Cut(text, "\n")
		g.Expect(strings.Fields(header)).To(Equal([]string{"NAME", "IMPLEMENTATION", "METHOD", "PRESENT", "HEALTHY", "SINCE", "VERSION"}), command)
		g.Expect(strings.Count(text, "\n")).To(Equal(len(r.Mappings)+1), "%s lists every mapping", command)
		for line := range strings.Lines(text) {
			g.Expect(utf8.RuneCountInString(strings.TrimSpace(line))).To(BeNumerically("<=", screen), "what %s lists fits a screen: %s", command, line)
		}
	}
}

// kubectlGet is what kubectl prints of mappings: the API server fills the columns of the definition, kubectl aligns them.
func kubectlGet(g Gomega, mappings []v1alpha1.ComponentMapping) string {
	definitions, err := crd.Definitions()
	g.Expect(err).NotTo(HaveOccurred())
	i := slices.IndexFunc(definitions, func(d *apiextensionsv1.CustomResourceDefinition) bool { return d.Spec.Names.Kind == "ComponentMapping" })
	server, err := tableconvertor.New(definitions[i].Spec.Versions[0].AdditionalPrinterColumns)
	g.Expect(err).NotTo(HaveOccurred())
	list := &unstructured.UnstructuredList{}
	for _, m := range mappings {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&m)
		g.Expect(err).NotTo(HaveOccurred())
		list.Items = append(list.Items, unstructured.Unstructured{Object: object})
	}
	answer, err := server.ConvertToTable(context.Background(), list, nil)
	g.Expect(err).NotTo(HaveOccurred())
	var out bytes.Buffer
	g.Expect(printers.NewTablePrinter(printers.PrintOptions{}).PrintObj(answer, &out)).To(Succeed())
	return out.String()
}
