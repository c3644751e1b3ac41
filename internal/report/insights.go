// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
)

// insights are what the table as a whole says, with live numbers where they are asked for.
func (d *document) insights() {
	d.heading(2, "Key Implementation Insights")
	n := 0
	for _, insight := range []func() (title, text string){
		d.hybridModel, d.cloudController, d.storagePattern, d.nodeAgents, d.addOnEcosystem, d.integrationPoints,
	} {
		if title, text := insight(); text != "" {
			n++
			d.line("%d. **%s**: %s", n, title, text)
		}
	}
}

// workloadMethods are those by which Kubernetes itself runs a component.
var workloadMethods = []v1alpha1.ImplementationMethod{v1alpha1.MethodDaemonSet, v1alpha1.MethodDeployment, v1alpha1.MethodStatefulSet}

func (d *document) hybridModel() (title, text string) {
	var documented, observed []string
	for _, kind := range []struct {
		name    string
		methods []v1alpha1.ImplementationMethod
	}{
		{d.words.provider + " platform services", []v1alpha1.ImplementationMethod{v1alpha1.MethodPlatformService}},
		{"systemd services", []v1alpha1.ImplementationMethod{v1alpha1.MethodSystemdService}},
		{"Kubernetes workloads", workloadMethods},
		{"host binaries", []v1alpha1.ImplementationMethod{v1alpha1.MethodHostBinary}},
	} {
		inDocument, inCluster := d.countMethod(kind.methods...)
		documented = append(documented, fmt.Sprintf("%s (%d)", kind.name, inDocument))
		observed = append(observed, fmt.Sprintf("%s %d", kind.name, inCluster))
	}
	return "Hybrid Deployment Model", fmt.Sprintf(
		"%s uses a mix. Documented are %s: the control plane is the provider's, the node agents are the operating system's, the add-ons run in Kubernetes; "+
			"some components count twice.%s",
		markdown(d.words.short), joined(documented), d.live(" Observed: %s.", joined(observed)))
}

// those returns the components that match.
func (d *document) those(match func(component) bool) []component {
	return slices.DeleteFunc(slices.Clone(d.all), func(c component) bool { return !match(c) })
}

func (d *document) cloudController() (title, text string) {
	found := d.those(func(c component) bool { return c.Spec.Component == "cloud-controller-manager" })
	if len(found) == 0 {
		return "", ""
	}
	c := found[0]
	source := link(c.Spec.Implementation.Source.Name, webAddress(c.Spec.Implementation.Source.URL))
	if url := webAddress(c.Spec.Implementation.Source.URL); url != "" {
		source = link(url, url)
	}
	text = fmt.Sprintf("documented as a standard %s of Kubernetes with leader election; its source is %s.",
		markdown(d.words.methodNames(c.Spec.Implementation.Methods)), source)
	switch {
	case !d.Live:
	case !c.isPresent():
		text += " In this cluster: " + c.state.Word() + "."
	default:
		text += fmt.Sprintf(" In this cluster: %s, %s.", markdown(d.words.methodNames(c.Status.Methods)), c.state.Word())
	}
	return "Cloud Controller Manager", text
}

func (d *document) storagePattern() (title, text string) {
	drivers := d.those(func(c component) bool {
		methods := c.Spec.Implementation.Methods
		return c.Spec.Category == v1alpha1.CategoryStorage &&
			slices.Contains(methods, v1alpha1.MethodDaemonSet) && slices.Contains(methods, v1alpha1.MethodDeployment)
	})
	if len(drivers) == 0 {
		return "", ""
	}
	var present, deployed, concealed int
	for _, c := range drivers {
		if !c.isPresent() {
			continue
		}
		present++
		switch {
		case slices.Contains(c.Status.Methods, v1alpha1.MethodDeployment):
			deployed++
		case slices.Contains(c.Status.Methods, v1alpha1.MethodPlatformService):
			concealed++
		}
	}
	return "CSI Pattern", fmt.Sprintf(
		"storage drivers (%s) follow the standard CSI pattern: a Deployment for the controller and a DaemonSet for the node plugins.%s", joinComponents(drivers),
		d.live(" Present are %d of %d: %d with the controller as a Deployment, %d with a hidden one.", present, len(drivers), deployed, concealed))
}

func (d *document) nodeAgents() (title, text string) {
	agents := d.those(func(c component) bool {
		return slices.Contains(c.Spec.Implementation.Methods, v1alpha1.MethodSystemdService)
	})
	if len(agents) == 0 {
		return "", ""
	}
	observed := len(slices.DeleteFunc(slices.Clone(agents), func(c component) bool {
		return !slices.Contains(c.Status.Methods, v1alpha1.MethodSystemdService)
	}))
	ready, total := d.nodes()
	return "Node Agent Strategy", fmt.Sprintf(
		"the core node components (%s) run as systemd services: reliability and early startup do not depend on Kubernetes.%s", joinImplementations(agents),
		d.live(" Observed for %d of %d; %d of %d nodes are ready.", observed, len(agents), ready, total))
}

// optional reports whether a component is an add-on which Kubernetes runs: monitoring, ingress, scaling, a mesh.
func optional(c component) bool {
	return slices.Contains([]v1alpha1.Category{v1alpha1.CategoryAddon, v1alpha1.CategoryObservability, v1alpha1.CategoryServiceMesh}, c.Spec.Category) &&
		slices.ContainsFunc(c.Spec.Implementation.Methods, func(m v1alpha1.ImplementationMethod) bool { return slices.Contains(workloadMethods, m) })
}

func (d *document) addOnEcosystem() (title, text string) {
	addOns := d.those(optional)
	if len(addOns) == 0 {
		return "", ""
	}
	present := slices.DeleteFunc(slices.Clone(addOns), func(c component) bool { return !c.isPresent() })
	return "Add-on Ecosystem", fmt.Sprintf(
		"optional features such as monitoring, ingress and autoscaling are deployed as standard Kubernetes workloads: %s.%s", joinComponents(addOns),
		d.live(" Present are %d of %d.", len(present), len(addOns)))
}

// integrationPoints returns the components that the provider has written and the customer's cluster runs.
func (d *document) integrationPoints() (title, text string) {
	points := d.those(func(c component) bool {
		doc := c.Spec.Implementation
		return strings.Contains(doc.Name+" "+doc.Source.Name, d.words.provider) && !slices.Contains(doc.Methods, v1alpha1.MethodPlatformService)
	})
	if len(points) == 0 {
		return "", ""
	}
	present := slices.DeleteFunc(slices.Clone(points), func(c component) bool { return !c.isPresent() })
	return markdown(d.words.provider) + " Integration Points", fmt.Sprintf(
		"all logic that is %s-specific is encapsulated in dedicated components, which integrate with the APIs of %s, such as the %s: %s.%s",
		markdown(d.words.provider), markdown(d.words.provider), markdown(d.words.api), joinComponents(points),
		d.live(" Present are %d of %d.", len(present), len(points)))
}

// joinComponents lists components for a sentence of Markdown.
func joinComponents(components []component) string {
	out := make([]string, len(components))
	for i, c := range components {
		out[i] = markdown(c.Spec.Component)
	}
	return joined(out)
}

// joinImplementations also names what implements a component where its own name does not show it: kubelet, Container
// Runtime (containerd).
func joinImplementations(components []component) string {
	out := make([]string, len(components))
	for i, c := range components {
		out[i] = markdown(c.Spec.Component)
		if doc := c.Spec.Implementation.Name; !strings.Contains(doc, c.Spec.Component) {
			out[i] += " (" + markdown(doc) + ")"
		}
	}
	return joined(out)
}
