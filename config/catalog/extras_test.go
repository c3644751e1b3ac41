// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
)

func statefulSet(namespace, name string) *appsv1.StatefulSet {
	s := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	s.Spec.Replicas = new(int32(3))
	s.Spec.Template.Spec.Containers = []corev1.Container{{Name: name, Image: name + ":v1"}}
	s.Status = appsv1.StatefulSetStatus{Replicas: 3, UpdatedReplicas: 3, ReadyReplicas: 3, AvailableReplicas: 3}
	return s
}

// deployments are some of a namespace, each with a container of its own name.
func deployments(namespace string, names ...string) []client.Object {
	var out []client.Object
	for _, name := range names {
		out = append(out, deployment(namespace, name, name, name+":v1"))
	}
	return out
}

func daemonSets(namespace string, names ...string) []client.Object {
	var out []client.Object
	for _, name := range names {
		out = append(out, daemonSet(namespace, name, name, name+":v1"))
	}
	return out
}

// provided carry the label that AKS gives what it manages.
func provided(objects []client.Object) []client.Object {
	for _, o := range objects {
		labeled(o, managedAKS, "aks")
	}
	return objects
}

// flux are controllers of Flux, whoever installed them, and the Service of the one that has what the others apply.
func flux() []client.Object {
	source := deployment("flux-system", "source-controller", "manager", "source-controller:v1.6.0")
	return []client.Object{source, leadingTo(source), deployment("flux-system", "kustomize-controller", "manager", "kustomize-controller:v1.6.0")}
}

// labeledFlux are the same with the labels that its command line and its chart give them, in another namespace.
func labeledFlux() []client.Object {
	out := flux()
	for _, o := range out {
		o.SetNamespace("gitops")
		labeled(labeled(o, "app.kubernetes.io/part-of", "flux"), "app.kubernetes.io/component", o.GetName())
	}
	return out
}

// labeledDapr is the same with the labels of its chart.
func labeledDapr() []client.Object {
	out := dapr()
	for _, o := range out {
		labeled(o, "app", o.GetName())
	}
	return out
}

// dapr is a control plane of Dapr with the webhook of its chart.
func dapr() []client.Object {
	return append(deployments("dapr-system", "dapr-operator", "dapr-sentry", "dapr-sidecar-injector"),
		statefulSet("dapr-system", "dapr-placement-server"))
}

func daprWebhook() []client.Object {
	return []client.Object{mutating("dapr-sidecar-injector", "dapr-system", "dapr-sidecar-injector"), behind("dapr-system", "dapr-sidecar-injector")}
}

// gatewayAPI is the definition of Gateways by whom the annotation says.
func gatewayAPI(manager string) client.Object {
	crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "gateways.gateway.networking.k8s.io",
		map[string]any{"status": condition("Established", "True")})
	crd.SetAnnotations(map[string]string{"app.kubernetes.io/managed-by": manager})
	return crd
}

func staticGateway(prefix string, age string) client.Object {
	return object("egressgateway.kubernetes.azure.com/v1alpha1", "StaticGatewayConfiguration", "default", "egress", map[string]any{
		"metadata": map[string]any{"creationTimestamp": age}, "status": map[string]any{"egressIpPrefix": prefix}})
}

// ownEgressGateway is what the chart of the egress gateway installs.
func ownEgressGateway() []client.Object {
	const name, label = "kube-egress-gateway-", "kube-egress-gateway-control-plane"
	out := append(daemonSets("egress", name+"cni-manager", name+"daemon-manager"), deployments("egress", name+"controller-manager")...)
	for _, o := range out {
		labeled(o, label, strings.TrimPrefix(o.GetName(), name))
	}
	return out
}

// TestExtras: add-ons and extensions that no shape has are found as what they are, healthy, and told from those that the
// cluster's owner installs; one without one of its parts is there in part.
func TestExtras(t *testing.T) {
	mappings := load(t, catalog.AKSExtras).Mappings
	const acstor, egress = "acstor", "kube-egress-gateway"
	for name, tc := range map[string]struct {
		objects []client.Object
		mapping string
		variant string
		// part is needed, and something else runs when it is missing.
		part string
	}{
		"Defender": {append(daemonSets("kube-system", "microsoft-defender-collector-ds", "microsoft-defender-publisher-ds"),
			deployments("kube-system", "microsoft-defender-collector-misc")...), "defender-sensor", "addon", "microsoft-defender-publisher-ds"},
		"Defender of one's own": {daemonSets("mdc", "microsoft-defender-collector-ds", "microsoft-defender-publisher-ds"),
			"defender-sensor", "self-installed", "microsoft-defender-collector-ds"},
		"extensions": {deployments("kube-system", "extension-agent", "extension-operator"), "extension-manager", "addon", "extension-operator"},
		"backup": {deployments("dataprotection-microsoft", "dataprotection-microsoft-controller", "dataprotection-microsoft-kubernetes-agent",
			"dataprotection-microsoft-geneva-service"), "azure-backup", "extension", "dataprotection-microsoft-kubernetes-agent"},
		"Flux":                              {append(deployments("flux-system", "fluxconfig-agent", "fluxconfig-controller"), flux()...), "flux", "extension", "fluxconfig-controller"},
		"Flux of one's own":                 {labeledFlux(), "flux", "self-installed", "source-controller"},
		"Flux of one's own, without labels": {flux(), "flux", "by-name", ""},
		"Dapr":                              {append(provided(dapr()), daprWebhook()...), "dapr", "extension", "dapr-sentry"},
		"Dapr of one's own":                 {append(labeledDapr(), daprWebhook()...), "dapr", "self-installed", "dapr-sidecar-injector"},
		"Dapr of one's own, without labels": {append(dapr(), daprWebhook()...), "dapr", "by-name", "dapr-sidecar-injector"},
		"container storage": {append(deployments("kube-system", "acstor-cluster-manager"), daemonSets("kube-system", "acstor-node-agent")...),
			"azure-container-storage", "v2", "acstor-cluster-manager"},
		"container storage, version 1": {append(deployments(acstor, "azurecontainerstorage-kube-operator", "azurecontainerstorage-csi-controller"),
			daemonSets(acstor, "azurecontainerstorage-csi-node")...), "azure-container-storage", "v1", "azurecontainerstorage-csi-controller"},
		"egress gateway": {append(daemonSets("kube-system", egress+"-cni-manager", egress+"-daemon-manager"), staticGateway("20.1.2.0/31", "2026-10-01T00:00:00Z")),
			"static-egress-gateway", "addon", egress + "-cni-manager"},
		"egress gateway that is being made": {append(daemonSets("kube-system", egress+"-cni-manager", egress+"-daemon-manager"), staticGateway("", "2026-10-02T14:25:00Z")),
			"static-egress-gateway", "addon", ""},
		"egress gateway of one's own": {ownEgressGateway(), "static-egress-gateway", "self-installed", egress + "-cni-manager"},
		"KAITO":                       {deployments("kube-system", "kaito-workspace", "kaito-gpu-provisioner"), "kaito", "addon", "kaito-workspace"},
		"KAITO of one's own":          {[]client.Object{labeled(deployment("models", "rel-workspace", "workspace", "aks/kaito/workspace:0.12.0"), program, "workspace")}, "kaito", "self-installed", ""},
		"virtual nodes on ACI":        {[]client.Object{labeled(statefulSet("vn2", "virtualnode"), program, "virtualnode")}, "virtual-node", "self-installed", ""},
		"OSM":                         {deployments("kube-system", "osm-controller", "osm-injector", "osm-bootstrap"), "open-service-mesh", "addon", "osm-injector"},
		"OSM of one's own":            {deployments("osm-system", "osm-controller", "osm-injector"), "open-service-mesh", "self-installed", "osm-controller"},
		"image integrity":             {[]client.Object{deployment("gatekeeper-system", "ratify", "ratify", "aks/notaryproject/ratify:v1.4.1")}, "image-integrity", "addon", ""},
		"Ratify of one's own":         {[]client.Object{labeled(deployment("gatekeeper-system", "ratify", "ratify", "ghcr.io/notaryproject/ratify:v1.4.0"), program, "ratify")}, "image-integrity", "self-installed", ""},
		"health monitor":              {deployments("kube-system", "cluster-health-monitor"), "cluster-health-monitor", "addon", ""},
		"app monitoring": {append(deployments("kube-system", "app-monitoring-webhook"), mutating("app-monitoring-webhook", "kube-system", "app-monitoring-webhook-service"),
			behind("kube-system", "app-monitoring-webhook-service")), "app-monitoring", "addon", ""},
		"member of a fleet":   {[]client.Object{lease("136224848560.member.fleet.azure.com")}, "fleet-member-agent", "hosted", ""},
		"cost analysis":       {deployments("kube-system", "cost-analysis-agent"), "cost-analysis", "addon", ""},
		"managed Gateway API": {[]client.Object{gatewayAPI("aks")}, "managed-gateway-api", "managed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			whole := aks(nil).with(tc.objects...)
			for row, status := range whole.judge(t, mappings) {
				healthy := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy)
				g.Expect(healthy.Status).NotTo(Equal(metav1.ConditionFalse), "nothing is unhealthy: %s: %s", row, healthy.Message)
				if row == tc.mapping {
					g.Expect(meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionPresent)).To(BeTrue())
					g.Expect(healthy.Status).To(Equal(metav1.ConditionTrue), healthy.Message)
					g.Expect(status.Variants).To(Equal([]string{tc.variant}), "it is found as this variant, and no other")
				}
			}
			if tc.part != "" {
				status := whole.without(tc.part).judge(t, mappings)[tc.mapping]
				g.Expect(meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionPresent)).To(HaveField("Reason", v1alpha1.ReasonPartial))
				g.Expect(meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy)).To(SatisfyAll(
					HaveField("Reason", v1alpha1.ReasonPartMissing), HaveField("Message", ContainSubstring(tc.part))), "the part that is missing is named")
			}
		})
	}
}

// TestLookAlikes: what the cluster's owner installs is no add-on of AKS.
func TestLookAlikes(t *testing.T) {
	mappings := load(t, catalog.AKSExtras).Mappings
	for name, tc := range map[string]struct {
		objects []client.Object
		mapping string
	}{
		"Gateway API installed by hand": {[]client.Object{gatewayAPI("Helm")}, "managed-gateway-api"},
		"a Velero of one's own":         {deployments("velero", "velero"), "azure-backup"},
		"OpenCost":                      {deployments("opencost", "opencost"), "cost-analysis"},
	} {
		t.Run(name, func(t *testing.T) {
			status := aks(nil).with(tc.objects...).judge(t, mappings)[tc.mapping]
			NewWithT(t).Expect(meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionPresent)).To(HaveField("Reason", v1alpha1.ReasonNotFound))
		})
	}
}

// TestEgressGatewayWithoutAddresses: the pods run, and their work fails.
func TestEgressGatewayWithoutAddresses(t *testing.T) {
	c := aks(nil).with(daemonSets("kube-system", "kube-egress-gateway-cni-manager", "kube-egress-gateway-daemon-manager")...).
		with(staticGateway("", "2026-10-02T13:00:00Z"))
	status := c.judge(t, load(t, catalog.AKSExtras).Mappings)["static-egress-gateway"]
	NewWithT(t).Expect(meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy)).To(SatisfyAll(
		HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring("no egress IP prefix is assigned"))))
}

// TestNodePools: who makes a NodePool answers for it; of those of AKS the owner has the limits. The Karpenter of AKS is the
// provider's, with pools of either.
func TestNodePools(t *testing.T) {
	mappings := load(t, catalog.AKSExtras).Mappings
	pool := func(name, release, ready string) client.Object {
		return object("karpenter.sh/v1", "NodePool", "", name, map[string]any{"status": condition("Ready", ready),
			"metadata": map[string]any{"annotations": map[string]any{"meta.helm.sh/release-name": release}}})
	}
	const karpenter = "aks-managed-karpenter-overlay"
	for name, tc := range map[string]struct {
		pools    []client.Object
		variants string
		healthy  metav1.ConditionStatus
		by       v1alpha1.Operator
	}{
		"of AKS alone":              {[]client.Object{pool("default", karpenter, "True")}, "hosted", metav1.ConditionTrue, v1alpha1.OperatedByProvider},
		"of both":                   {[]client.Object{pool("default", karpenter, "True"), pool("gpu", "", "True")}, "hosted,own-pools", metav1.ConditionTrue, v1alpha1.OperatedByProvider},
		"one of AKS fails":          {[]client.Object{pool("default", karpenter, "False"), pool("gpu", "", "True")}, "hosted,own-pools", metav1.ConditionFalse, v1alpha1.OperatedByShared},
		"one of the owner fails":    {[]client.Object{pool("default", karpenter, "True"), pool("gpu", "", "False")}, "hosted,own-pools", metav1.ConditionFalse, v1alpha1.OperatedByCustomer},
		"by a release of one's own": {[]client.Object{pool("default", karpenter, "True"), pool("gpu", "pools", "False")}, "hosted,own-pools", metav1.ConditionFalse, v1alpha1.OperatedByCustomer},
		"none of AKS":               {[]client.Object{pool("gpu", "", "True")}, "hosted-own-pools,own-pools", metav1.ConditionTrue, v1alpha1.OperatedByProvider},
		"none of AKS, and it fails": {[]client.Object{pool("gpu", "", "False")}, "hosted-own-pools,own-pools", metav1.ConditionFalse, v1alpha1.OperatedByCustomer},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			status := aks(nil).with(tc.pools...).judge(t, mappings)["node-auto-provisioning"]
			g.Expect(strings.Join(status.Variants, ",")).To(Equal(tc.variants))
			g.Expect(meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy).Status).To(Equal(tc.healthy))
			g.Expect(status.OperatedBy).To(Equal(tc.by))
		})
	}
}
