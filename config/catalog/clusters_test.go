// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

// The clusters below have the shapes of real ones, cut down to what tells them apart. Each is judged offline,
// by the code that judges live clusters.

var now = time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)

const (
	aksLabel   = "kubernetes.azure.com/cluster"
	netLabel   = "kubernetes.azure.com/podnetwork-type"
	bpfLabel   = "kubernetes.azure.com/ebpf-dataplane"
	managedAKS = "kubernetes.azure.com/managedby"
	azureWords = "no rule allows it: Azure does not have opinion for this user."
)

// cluster is what can be read of one.
type cluster struct {
	objects   []client.Object
	responses map[string]facts.Response
	refusal   string
}

// with is the cluster with more objects.
func (c cluster) with(objects ...client.Object) cluster {
	c.objects = append(slices.Clone(c.objects), objects...)
	return c
}

// without is the cluster less the objects of these names.
func (c cluster) without(names ...string) cluster {
	c.objects = slices.DeleteFunc(slices.Clone(c.objects), func(o client.Object) bool {
		return slices.Contains(names, o.GetName())
	})
	return c
}

// upTo is the cluster with nodes of this version.
func (c cluster) upTo(kubelet string) cluster {
	c.objects = slices.Clone(c.objects)
	for i, o := range c.objects {
		if n, ok := o.(*corev1.Node); ok {
			n = n.DeepCopy()
			n.Status.NodeInfo.KubeletVersion = kubelet
			c.objects[i] = n
		}
	}
	return c
}

// dump is the cluster read completely, by somebody whose access reviews are all refused alike.
func (c cluster) dump(needs []facts.Need) *snapshot.Snapshot {
	dump := &snapshot.Snapshot{
		Time: now, Coverage: snapshot.Complete, Objects: c.objects, Responses: c.responses, Reviews: map[facts.Review]snapshot.ReviewAnswer{},
	}
	for _, need := range needs {
		if need.Review != (facts.Review{}) {
			dump.Reviews[need.Review] = snapshot.ReviewAnswer{Reason: c.refusal}
		}
	}
	return dump
}

// judge evaluates mappings, by name, on a cluster that has been like this for longer than any grace period.
func (c cluster) judge(t *testing.T, mappings []v1alpha1.ComponentMapping) map[string]v1alpha1.ComponentMappingStatus {
	t.Helper()
	return c.judgeAfter(t, mappings, time.Hour)
}

// judgeAfter evaluates mappings, by name, on a cluster that has been like this for so long.
func (c cluster) judgeAfter(t *testing.T, mappings []v1alpha1.ComponentMapping, age time.Duration) map[string]v1alpha1.ComponentMappingStatus {
	t.Helper()
	out := map[string]v1alpha1.ComponentMappingStatus{}
	for _, m := range mappings {
		compiled, key := engine.CompileMapping(&m.Spec), engine.Key{Name: m.Name}
		e := engine.Still(c.dump(compiled.Needs()), false)
		_, _, _ = e.Assess(key, compiled, &m, now) // to subscribe
		e.EvaluateAll(t.Context())
		m.Status, _, _ = e.Assess(key, compiled, &m, now.Add(-age))
		out[m.Name], _, _ = e.Assess(key, compiled, &m, now)
	}
	return out
}

// podLabels are those of the pods of the workload of that name.
func podLabels(workload string) map[string]string { return map[string]string{"pods": workload} }

// leadingTo is a Service for the pods of a workload.
func leadingTo(workload client.Object) *unstructured.Unstructured {
	return object("v1", "Service", workload.GetNamespace(), workload.GetName(), map[string]any{"spec": map[string]any{
		"selector": map[string]any{"pods": workload.GetName()}, "ports": []any{map[string]any{"port": int64(80)}}}})
}

// withServices is the cluster with a Service for each of its workloads outside of kube-system.
func (c cluster) withServices() cluster {
	for _, o := range slices.Clone(c.objects) {
		switch o.(type) {
		case *appsv1.Deployment, *appsv1.DaemonSet, *appsv1.StatefulSet:
			if o.GetNamespace() != "kube-system" {
				c.objects = append(c.objects, leadingTo(o))
			}
		}
	}
	return c
}

func deployment(namespace, name, container, image string) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	d.Spec.Replicas = new(int32(2))
	d.Spec.Template.Labels = podLabels(name)
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: container, Image: "mcr.microsoft.com/oss/" + image}}
	d.Status = appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2}
	return d
}

func daemonSet(namespace, name, container, image string) *appsv1.DaemonSet {
	d := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	d.Spec.Template.Labels = podLabels(name)
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: container, Image: "mcr.microsoft.com/oss/" + image}}
	d.Status = appsv1.DaemonSetStatus{DesiredNumberScheduled: 1, CurrentNumberScheduled: 1, UpdatedNumberScheduled: 1, NumberReady: 1, NumberAvailable: 1}
	return d
}

func idle(name string) *appsv1.DaemonSet {
	d := daemonSet("kube-system", name, "c", "c:v1")
	d.Status = appsv1.DaemonSetStatus{}
	return d
}

// program is the label by which charts and manifests name what they install.
const program = "app.kubernetes.io/name"

// labeled is the object with one more label.
func labeled[T client.Object](o T, key, value string) T {
	l := map[string]string{key: value}
	maps.Copy(l, o.GetLabels())
	o.SetLabels(l)
	return o
}

func lease(name string) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: new("somebody-hidden"), LeaseDurationSeconds: new(int32(15)),
			RenewTime: new(metav1.NewMicroTime(now.Add(-3 * time.Second)))},
	}
}

func staleLease(name string) *coordinationv1.Lease {
	l := lease(name)
	l.Spec.RenewTime = new(metav1.NewMicroTime(now.Add(-time.Hour)))
	return l
}

// object is an object of any other kind; body is what it has besides its metadata.
func object(apiVersion, kind, namespace, name string, body map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	maps.Copy(u.Object, body)
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

func condition(conditionType, status string) map[string]any {
	return map[string]any{"conditions": []any{map[string]any{"type": conditionType, "status": status, "message": "because"}}}
}

// configMap, unlike other typed kinds, is read as the unstructured object that expressions see.
func configMap(name, key, value string) *unstructured.Unstructured {
	return object("v1", "ConfigMap", "kube-system", name, map[string]any{"data": map[string]any{key: value}})
}

// node is a healthy Linux node with the given labels.
func node(name string, nodeLabels map[string]string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/os": "linux"}}}
	maps.Copy(n.Labels, nodeLabels)
	n.Spec.ProviderID = "azure:///subscriptions/s/resourceGroups/mc_g/providers/Microsoft.Compute/virtualMachineScaleSets/v/virtualMachines/0"
	n.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.33.6", ContainerRuntimeVersion: "containerd://1.7.30-1"}
	for _, c := range []struct{ kind, status, reason string }{
		{"Ready", "True", "KubeletReady"},
		{"KubeletProblem", "False", "KubeletIsUp"},
		{"ContainerRuntimeProblem", "False", "ContainerRuntimeIsUp"},
		{"KernelDeadlock", "False", "KernelHasNoDeadlock"},
	} {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeConditionType(c.kind), Status: corev1.ConditionStatus(c.status), Reason: c.reason,
			LastHeartbeatTime: metav1.NewTime(now.Add(-4 * time.Minute))})
	}
	return n
}

// routed gives a node a pod CIDR and says who has made it reachable; a cloud's route controller writes
// RouteCreated.
func routed(n *corev1.Node, reason string) *corev1.Node {
	n.Spec.PodCIDR = "10.244.0.0/24"
	n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeNetworkUnavailable,
		Status: corev1.ConditionFalse, Reason: reason, LastHeartbeatTime: metav1.NewTime(now.AddDate(0, -3, 0))})
	return n
}

// routedBy is a node of AKS with a pod CIDR.
func routedBy(reason string) client.Object {
	return routed(labeled(node("aks-np1-1", nil), aksLabel, "MC_g_c_r"), reason)
}

// unrouted is one to whose pod CIDR there is no route.
func unrouted() client.Object {
	n := routedBy("NoRouteCreated").(*corev1.Node)
	n.Status.Conditions[len(n.Status.Conditions)-1].Status = corev1.ConditionTrue
	return n
}

func ingressClass(name, controller string) client.Object {
	return object("networking.k8s.io/v1", "IngressClass", "", name, map[string]any{"spec": map[string]any{"controller": controller}})
}

func autoscalerStatus(status string) *unstructured.Unstructured {
	return configMap("cluster-autoscaler-status", "status", status)
}

const autoscalerYAML = `time: 2026-10-02 14:29:22.999645779 +0000 UTC
autoscalerStatus: Running
clusterWide:
  health:
    status: Healthy
    nodeCounts: {registered: {total: 4, ready: 4, notStarted: 0}}
  scaleUp: {status: NoActivity}
nodeGroups:
- name: aks-user-25795745-vmss
  health: {status: Healthy, cloudProviderTarget: 3, minSize: 2, maxSize: 3}
`

const autoscalerText = `Cluster-autoscaler status at 2026-10-02 14:29:22.1 +0000 UTC:
Cluster-wide:
  Health:      Healthy (ready=1 unready=0 notStarted=0)
               LastProbeTime:      2026-10-02 14:29:22.1 +0000 UTC

NodeGroups:
  Name:        aks-nodepool1-34419311-vmss
  Health:      Healthy (ready=1 unready=0 cloudProviderTarget=1 (minSize=1, maxSize=2))
               LastProbeTime:      0001-01-01 00:00:00 +0000 UTC
`

// kubernetes is what every cluster of Kubernetes has, whoever made it.
func kubernetes() cluster {
	return cluster{
		objects: []client.Object{
			lease("kube-scheduler"), lease("kube-controller-manager"), lease("cloud-controller-manager"),
			labeled(lease("apiserver-x"), "apiserver.kubernetes.io/identity", "kube-apiserver"),
			object("discovery.k8s.io/v1", "EndpointSlice", "kube-system", "kube-dns-1", map[string]any{
				"metadata":  map[string]any{"labels": map[string]any{"kubernetes.io/service-name": "kube-dns"}},
				"endpoints": []any{map[string]any{"conditions": map[string]any{"ready": true}}}}),
			object("apiregistration.k8s.io/v1", "APIService", "", "v1beta1.metrics.k8s.io", map[string]any{
				"spec":   map[string]any{"service": map[string]any{"name": "metrics-server", "namespace": "kube-system"}},
				"status": condition("Available", "True")}),
		},
		responses: map[string]facts.Response{
			"/readyz?verbose":                   {Status: 200, Body: "[+]ping ok\n[+]etcd ok\nreadyz check passed"},
			"/readyz/etcd":                      {Status: 200, Body: "ok"},
			"/version":                          {Status: 200, Body: `{"gitVersion": "v1.33.6"}`},
			"/.well-known/openid-configuration": {Status: 200, Body: `{"issuer": "https://kubernetes.default.svc"}`},
		},
	}
}

// aks is what every AKS cluster has, with its default drivers, on nodes with these labels besides their own.
func aks(nodeLabels map[string]string) cluster {
	n := labeled(node("aks-np1-1", nodeLabels), aksLabel, "MC_g_c_westeurope")
	return kubernetes().with(n).with(
		csiNode("aks-np1-1", "disk.csi.azure.com", "file.csi.azure.com"),
		daemonSet("kube-system", "cloud-node-manager", "cloud-node-manager", "v2/kubernetes/azure-cloud-node-manager:v1.33.14-3"),
		idle("cloud-node-manager-windows"), idle("csi-azuredisk-node-win"), idle("csi-azurefile-node-win"),
		deployment("kube-system", "coredns", "coredns", "v2/kubernetes/coredns:v1.12.1-1"),
		deployment("kube-system", "metrics-server", "metrics-server", "v2/kubernetes/metrics-server:v0.7.2-6"),
		lease("disk-csi-azure-com"), lease("external-attacher-leader-disk-csi-azure-com"),
		lease("file-csi-azure-com"), lease("external-resizer-file-csi-azure-com"),
	).with(drivers()...)
}

// drivers are the halves of the CSI drivers that every cluster has which uses them.
func drivers() []client.Object {
	return []client.Object{
		daemonSet("kube-system", "csi-azuredisk-node", "azuredisk", "v2/kubernetes-csi/azuredisk-csi:v1.33.8"),
		daemonSet("kube-system", "csi-azurefile-node", "azurefile", "v2/kubernetes-csi/azurefile-csi:v1.34.4"),
		object("storage.k8s.io/v1", "CSIDriver", "", "disk.csi.azure.com", nil),
		object("storage.k8s.io/v1", "CSIDriver", "", "file.csi.azure.com", nil),
	}
}

func csiNode(name string, drivers ...string) *unstructured.Unstructured {
	var list []any
	for _, d := range drivers {
		list = append(list, map[string]any{"name": d})
	}
	return object("storage.k8s.io/v1", "CSINode", "", name, map[string]any{"spec": map[string]any{"drivers": list}})
}

func kubeProxy() client.Object {
	return daemonSet("kube-system", "kube-proxy", "kube-proxy", "kubernetes/kube-proxy:v1.33.6")
}

func masquerade() client.Object {
	return daemonSet("kube-system", "azure-ip-masq-agent", "azure-ip-masq-agent", "v2/azure/ip-masq-agent-v2:v0.1.15-2")
}

func azureCNS() client.Object {
	return daemonSet("kube-system", "azure-cns", "cns-container", "containernetworking/azure-cns:v1.7.16")
}

func nodeNetworkConfig(assigned int64) client.Object {
	return object("acn.azure.com/v1alpha", "NodeNetworkConfig", "kube-system", "aks-np1-1",
		map[string]any{"status": map[string]any{"assignedIPCount": assigned}})
}

// ciliumParts are an agent and its operator, replacing kube-proxy or not.
func ciliumParts(replacement string) []client.Object {
	return []client.Object{
		daemonSet("kube-system", "cilium", "cilium-agent", "cilium/cilium:v1.18.6"),
		deployment("kube-system", "cilium-operator", "cilium-operator", "cilium/operator-generic:v1.18.6"),
		configMap("cilium-config", "kube-proxy-replacement", replacement),
	}
}

func kubenetNode() client.Object {
	return routedBy("RouteCreated")
}

// documented is the table taken literally.
func documented() cluster {
	c := aks(nil).without("aks-np1-1", "csi-azurefile-node", "csi-azuredisk-node").with(
		kubenetNode(), kubeProxy(), masquerade(),
		daemonSet("kube-system", "csi-azuredisk-node", "azuredisk", "v2/kubernetes-csi/azuredisk-csi:v1.33.5"),
		daemonSet("kube-system", "csi-azurefile-node", "azurefile", "v2/kubernetes-csi/azurefile-csi:v1.33.5"),
		deployment("kube-system", "cloud-controller-manager", "cloud-controller-manager", "kubernetes/azure-cloud-controller-manager:v1.32.3"),
		deployment("kube-system", "csi-azuredisk-controller", "azuredisk", "v2/kubernetes-csi/azuredisk-csi:v1.33.5"),
		deployment("kube-system", "csi-azurefile-controller", "azurefile", "v2/kubernetes-csi/azurefile-csi:v1.33.5"),
		deployment("kube-system", "cluster-autoscaler", "cluster-autoscaler", "kubernetes/autoscaler/cluster-autoscaler:v1.33.0"),
		autoscalerStatus(autoscalerYAML),
		daemonSet("kube-system", "azure-npm", "azure-npm", "containernetworking/azure-npm:v1.5.45"),
		daemonSet("kube-system", "ama-logs", "ama-logs", "ciprod:3.1.26"),
		deployment("kube-system", "ama-logs-rs", "ama-logs", "ciprod:3.1.26"),
		labeled(deployment("aks-istio-system", "istiod-asm-1-30", "discovery", "istio/pilot:1.30.0-distroless"), managedAKS, "aks"),
		daemonSet("aks-istio-system", "azure-service-mesh-istio-cni-addon-node", "install-cni", "istio/install-cni:1.30.0"),
		deployment("kube-system", "ingress-appgw-deployment", "ingress-appgw-container", "kubernetes-ingress:1.8.1"),
		ingressClass("azure-application-gateway", "azure/application-gateway"),
		labeled(deployment("kube-system", "vpa-admission-controller", "a", "vpa:1"), managedAKS, "aks"),
		labeled(deployment("kube-system", "vpa-recommender", "r", "vpa:1"), managedAKS, "aks"),
		labeled(deployment("kube-system", "vpa-updater", "u", "vpa:1"), managedAKS, "aks"),
		injector("istio-sidecar-injector-asm-1-30-aks-istio-system"), behind("istio-system", "istiod"),
	).with(vpaRegistration()...)
	return signedIn(c)
}

// vpaRegistration is what every VPA registers, whoever installed it.
func vpaRegistration() []client.Object {
	return []client.Object{
		object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "verticalpodautoscalers.autoscaling.k8s.io", nil),
		mutating("vpa-webhook-config", "kube-system", "vpa-webhook"), behind("kube-system", "vpa-webhook"),
	}
}

// mutating is a webhook configuration whose one webhook has a Service.
func mutating(name, namespace, service string) *unstructured.Unstructured {
	return object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", name, map[string]any{"webhooks": []any{map[string]any{
		"name": name + ".example.com", "clientConfig": map[string]any{
			"service": map[string]any{"namespace": namespace, "name": service}, "caBundle": "Y2VydGlmaWNhdGU="},
		"rules": []any{map[string]any{"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE"}, "resources": []any{"pods"}}}}}})
}

// behind is the ready endpoint of a Service.
func behind(namespace, service string) client.Object {
	return labeled(object("discovery.k8s.io/v1", "EndpointSlice", namespace, service+"-1", map[string]any{
		"endpoints": []any{map[string]any{"conditions": map[string]any{"ready": true}}}}), "kubernetes.io/service-name", service)
}

// injector is the webhook by which Istio gives pods a proxy.
func injector(name string) client.Object {
	return labeled(mutating(name, "istio-system", "istiod"), "app", "sidecar-injector")
}

// signedIn has the issuer and the authorizer of Azure.
func signedIn(c cluster) cluster {
	c.refusal = azureWords
	c.responses["/.well-known/openid-configuration"] = facts.Response{Status: 200,
		Body: `{"issuer": "https://westeurope.oic.prod-aks.azure.com/11111111-1111-1111-1111-111111111111/22222222-2222-2222-2222-222222222222/"}`}
	return c
}

// overlayCilium is what AKS is today.
func overlayCilium() cluster {
	c := aks(map[string]string{netLabel: "overlay", bpfLabel: "cilium"}).with(ciliumParts("true")...).with(
		azureCNS(), idle("azure-cns-win"), masquerade(), nodeNetworkConfig(256), autoscalerStatus(autoscalerYAML))
	return signedIn(c)
}

// hosted are the variants on every AKS cluster, everywhere those on every other cluster too.
var (
	everywhere = map[string]string{"container-runtime": "systemd", "kubelet": "systemd"}
	hosted     = map[string]string{
		"kube-apiserver": "hosted", "etcd": "hosted", "kube-scheduler": "hosted", "kube-controller-manager": "hosted",
		"cloud-controller-manager": "hosted", "azuredisk-csi-driver": "hosted-controller", "azurefile-csi-driver": "hosted-controller",
		"coredns": "deployment", "metrics-server": "deployment",
	}
)

func merged(parts ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range parts {
		maps.Copy(out, m)
	}
	return out
}

// TestClusters holds the catalog to clusters of known shape: each mapping is found as exactly the variants
// that are there, or not at all, and never in part.
func TestClusters(t *testing.T) {
	mappings := load(t, catalog.AKS).Mappings
	for name, tc := range map[string]struct {
		cluster  cluster
		variants map[string]string
	}{
		"documented": {documented(), merged(everywhere, hosted, map[string]string{
			"cloud-controller-manager": "in-cluster", "azuredisk-csi-driver": "in-cluster-controller", "azurefile-csi-driver": "in-cluster-controller",
			"kube-proxy": "daemonset", "kubenet": "node-routes", "network-policy": "azure-npm", "azure-monitor-agent": "container-insights",
			"entra-id": "oidc-issuer", "azure-rbac": "webhook", "istio": "addon", "ingress-controller": "agic",
			"cluster-autoscaler": "in-cluster", "vertical-pod-autoscaler": "addon"})},
		"overlay-cilium": {overlayCilium(), merged(everywhere, hosted, map[string]string{
			"kube-proxy": "cilium", "azure-cni": "overlay-cilium", "network-policy": "cilium", "entra-id": "oidc-issuer",
			"azure-rbac": "webhook", "cluster-autoscaler": "hosted"})},
		"overlay-cilium with an idle kube-proxy": {overlayCilium().with(idle("kube-proxy")), merged(everywhere, hosted, map[string]string{
			"kube-proxy": "cilium", "azure-cni": "overlay-cilium", "network-policy": "cilium", "entra-id": "oidc-issuer",
			"azure-rbac": "webhook", "cluster-autoscaler": "hosted"})},
		"on the way from kube-proxy to Cilium": {overlayCilium().with(kubeProxy()), merged(everywhere, hosted, map[string]string{
			"kube-proxy": "cilium", "azure-cni": "overlay-cilium", "network-policy": "cilium", "entra-id": "oidc-issuer",
			"azure-rbac": "webhook", "cluster-autoscaler": "hosted"})},
		"kubenet with Calico": {aks(nil).without("aks-np1-1").with(kubenetNode(), kubeProxy(),
			labeled(deployment("tigera-operator", "tigera-operator", "tigera-operator", "tigera/operator:v1.36.7"), managedAKS, "aks"),
			daemonSet("calico-system", "calico-node", "calico-node", "calico/node:v3.29.3"),
			deployment("calico-system", "calico-typha", "calico-typha", "calico/typha:v3.29.3"),
			deployment("calico-system", "calico-kube-controllers", "calico-kube-controllers", "calico/kube-controllers:v3.29.3")),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "kubenet": "node-routes", "network-policy": "calico"})},
		"overlay": {aks(map[string]string{netLabel: "overlay"}).with(kubeProxy(), azureCNS(), masquerade(), nodeNetworkConfig(256)),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "azure-cni": "overlay"})},
		"pod subnet": {aks(map[string]string{netLabel: "vnetblock"}).with(kubeProxy(), azureCNS(), nodeNetworkConfig(255)),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "azure-cni": "pod-subnet"})},
		"pod subnet with Cilium": {aks(map[string]string{netLabel: "vnet", bpfLabel: "cilium"}).with(ciliumParts("true")...).with(azureCNS(), nodeNetworkConfig(16)),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "cilium", "azure-cni": "cilium", "network-policy": "cilium"})},
		"node subnet": {aks(nil).with(kubeProxy(), masquerade(), daemonSet("kube-system", "azure-cns", "pause", "kubernetes/pause:3.6")),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "azure-cni": "node-subnet"})},
		"node subnet before 1.32": {aks(nil).upTo("v1.31.13").with(kubeProxy(), masquerade(), autoscalerStatus(autoscalerText)),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "azure-cni": "node-subnet-legacy", "cluster-autoscaler": "hosted"})},
		"a CNI of one's own": {aks(nil).with(kubeProxy()).with(ciliumParts("false")...),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "network-policy": "cilium-self"})},
		"Cilium of one's own, which gives nodes their CIDR": {aks(nil).without("aks-np1-1").with(routedBy("CiliumIsUp"), kubeProxy()).with(ciliumParts("false")...),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "network-policy": "cilium-self"})},
		"Cilium of one's own in place of kube-proxy": {aks(nil).with(idle("kube-proxy")).with(ciliumParts("true")...),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "cilium-self", "network-policy": "cilium-self"})},
		"Calico of one's own": {aks(nil).with(kubeProxy(), daemonSet("kube-system", "calico-node", "calico-node", "calico/node:v3.30.0")),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "network-policy": "calico-manifest"})},
		"on the way from kubenet to overlay": {aks(nil).without("aks-np1-1").with(routedBy("RouteCreated"), kubeProxy(), masquerade(), azureCNS(), nodeNetworkConfig(256),
			labeled(node("aks-np2-1", map[string]string{netLabel: "overlay"}), aksLabel, "MC_g_c_r")),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "azure-cni": "overlay", "kubenet": "node-routes"})},
		"ways in": {aks(map[string]string{netLabel: "overlay"}).with(kubeProxy(), azureCNS(), nodeNetworkConfig(256),
			ingressClass("nginx", "k8s.io/ingress-nginx"), labeled(deployment("edge", "ingress-nginx-controller", "controller", "nginx:v1.12.1"), program, "ingress-nginx"),
			ingressClass("webapprouting.kubernetes.azure.com", "webapprouting.kubernetes.azure.com/nginx"),
			deployment("app-routing-system", "nginx", "controller", "kubernetes/ingress/nginx-ingress-controller:v1.11.2"),
			ingressClass("traefik", "traefik.io/ingress-controller"), labeled(daemonSet("edge", "traefik", "traefik", "traefik:v3.4.0"), program, "traefik"),
			ingressClass("haproxy", "haproxy.org/ingress-controller/haproxy"),
			labeled(deployment("edge", "haproxy-kubernetes-ingress", "kubernetes-ingress-controller", "haproxytech/kubernetes-ingress:3.1.0"), program, "kubernetes-ingress"),
			labeled(labeled(deployment("edge", "contour-contour", "contour", "contour:1.33.0"), program, "contour"), "app.kubernetes.io/component", "contour"),
			labeled(deployment("edge", "kong-kong", "ingress-controller", "kong/kubernetes-ingress-controller:3.4"), program, "kong"),
			daemonSet("nginx-ingress", "nginx-ingress-controller", "nginx-ingress", "nginx-ingress:5.1.0"),
			// It serves Ingresses that name it by an annotation.
			deployment("ingress-controller", "haproxy-ingress", "haproxy-ingress", "haproxy-ingress:v0.15.0"),
			ingressClass("azure-application-gateway", "azure/application-gateway"),
			labeled(deployment("edge", "ingress-azure", "ingress-azure", "kubernetes-ingress:1.8.1"), "app", "ingress-azure"),
			labeled(deployment("edge", "alb-controller", "alb-controller", "alb-controller:1.9.1"), "app", "alb-controller"),
			object("gateway.networking.k8s.io/v1", "GatewayClass", "", "azure-alb-external", map[string]any{"status": condition("Accepted", "True")}),
			// The istiod of application routing is no mesh.
			object("gateway.networking.k8s.io/v1", "GatewayClass", "", "approuting-istio", map[string]any{"status": condition("Accepted", "True")}),
			labeled(deployment("aks-istio-system", "istiod", "discovery", "istio/pilot:1.30.0"), managedAKS, "aks")).withServices(),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "azure-cni": "overlay",
				"ingress-controller": "agic-helm,app-routing-nginx,app-routing-gw,agc-helm,ingress-nginx,nginx-f5,traefik,haproxy,haproxy-ingress,contour,kong"})},
		"what ways in have left behind": {aks(map[string]string{netLabel: "overlay"}).with(kubeProxy(), azureCNS(), nodeNetworkConfig(256),
			ingressClass("nginx", "k8s.io/ingress-nginx"), ingressClass("azure-application-gateway", "azure/application-gateway"),
			object("gateway.networking.k8s.io/v1", "GatewayClass", "", "azure-alb-external", map[string]any{"status": condition("Accepted", "True")})),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "azure-cni": "overlay"})},
		"managed Prometheus on AKS Automatic": {overlayCilium().with(
			deployment("kube-system", "ama-metrics", "prometheus-collector", "images:6.17.0-main"), deployment("kube-system", "ama-metrics-ksm", "ksm", "ksm:v2"),
			daemonSet("kube-system", "ama-metrics-node-m", "prometheus-collector", "images:6.17.0-main"), idle("ama-metrics-node-xs"), idle("ama-metrics-node-xl")),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "cilium", "azure-cni": "overlay-cilium", "network-policy": "cilium",
				"entra-id": "oidc-issuer", "azure-rbac": "webhook", "cluster-autoscaler": "hosted", "azure-monitor-agent": "managed-prometheus"})},
		"of one's own: mesh, VPA": {aks(map[string]string{netLabel: "overlay"}).with(vpaRegistration()...).with(kubeProxy(), azureCNS(), nodeNetworkConfig(256),
			injector("istio-sidecar-injector"), behind("istio-system", "istiod"),
			labeled(deployment("istio-system", "istiod", "discovery", "istio/pilot:1.30.0"), "app", "istiod"), deployment("kube-system", "vpa-admission-controller", "admission-controller", "vpa:1.6.0"),
			deployment("kube-system", "vpa-recommender", "recommender", "vpa:1.6.0"), deployment("kube-system", "vpa-updater", "updater", "vpa:1.6.0")),
			merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "azure-cni": "overlay", "istio": "self-installed", "vertical-pod-autoscaler": "self-installed"})},
		"drivers switched off, their leases left": {aks(nil).without("csi-azuredisk-node", "csi-azurefile-node", "disk.csi.azure.com",
			"file.csi.azure.com", "aks-np1-1", "disk-csi-azure-com", "external-attacher-leader-disk-csi-azure-com", "file-csi-azure-com",
			"external-resizer-file-csi-azure-com").with(kubenetNode(), kubeProxy(), masquerade(), staleLease("disk-csi-azure-com"),
			staleLease("external-attacher-leader-disk-csi-azure-com"), staleLease("file-csi-azure-com"), staleLease("external-resizer-file-csi-azure-com")),
			without(merged(everywhere, hosted, map[string]string{"kube-proxy": "daemonset", "kubenet": "node-routes"}), "azuredisk-csi-driver", "azurefile-csi-driver")},
		"self-managed on Azure": {kubernetes().with(node("cp-1", nil), csiNode("cp-1", "disk.csi.azure.com"), kubeProxy(),
			deployment("kube-system", "coredns", "coredns", "coredns:v1.12.1"),
			deployment("kube-system", "cloud-controller-manager", "cloud-controller-manager", "kubernetes/azure-cloud-controller-manager:v1.33.0"),
			daemonSet("kube-system", "csi-azuredisk-node", "azuredisk", "azuredisk-csi:v1.33.5"),
			object("storage.k8s.io/v1", "CSIDriver", "", "disk.csi.azure.com", nil), lease("disk-csi-azure-com"),
			deployment("kube-system", "csi-azuredisk-controller", "azuredisk", "azuredisk-csi:v1.33.5")),
			merged(everywhere, map[string]string{"kube-proxy": "self-managed", "coredns": "self-managed", "cloud-controller-manager": "in-cluster",
				"azuredisk-csi-driver": "in-cluster-controller"})},
		"another provider": {kubernetes().with(routed(node("gke-1", nil), "RouteCreated"), csiNode("gke-1", "pd.csi.storage.gke.io"),
			deployment("kube-system", "kube-dns", "kubedns", "kube-dns:1.22"), autoscalerStatus(autoscalerYAML)),
			everywhere},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			found := map[string]string{}
			for mapping, status := range tc.cluster.judge(t, mappings) {
				present := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionPresent)
				if present.Status == metav1.ConditionTrue {
					found[mapping] = strings.Join(status.Variants, ",")
					healthy := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy)
					g.Expect(healthy.Status).NotTo(Equal(metav1.ConditionFalse), "nothing is unhealthy on a cluster that is well: %s: %s", mapping, healthy.Message)
					g.Expect(healthy.Reason).NotTo(Equal(v1alpha1.ReasonObservationFailed), "everything can be observed: %s: %s", mapping, healthy.Message)
				} else {
					g.Expect(present.Reason).To(Equal(v1alpha1.ReasonNotFound), "what is not there is absent, and not in part: %s: %s", mapping, present.Message)
				}
			}
			g.Expect(found).To(Equal(tc.variants), "each mapping that is present is found as this variant")
		})
	}
}

func without(m map[string]string, keys ...string) map[string]string {
	for _, k := range keys {
		delete(m, k)
	}
	return m
}

// TestAsDocumented: where a cluster is what the table says, the verdict is that it is; where it is not, the catalog knows.
func TestAsDocumented(t *testing.T) {
	mappings := load(t, catalog.AKS).Mappings
	for name, tc := range map[string]struct {
		cluster cluster
		known   map[string][]v1alpha1.DifferenceType
	}{
		"documented": {documented(), map[string][]v1alpha1.DifferenceType{
			// Container Insights has a Deployment besides its DaemonSet, which the table does not know.
			"azure-monitor-agent": {v1alpha1.DifferenceMethod},
		}},
		"overlay-cilium": {overlayCilium(), map[string][]v1alpha1.DifferenceType{
			"cloud-controller-manager": {v1alpha1.DifferenceMethod, v1alpha1.DifferenceImage}, "azuredisk-csi-driver": {v1alpha1.DifferenceMethod},
			"azurefile-csi-driver": {v1alpha1.DifferenceMethod}, "cluster-autoscaler": {v1alpha1.DifferenceMethod},
			"kube-proxy": {v1alpha1.DifferenceImage},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			known := map[string][]v1alpha1.DifferenceType{}
			for mapping, status := range tc.cluster.judge(t, mappings) {
				c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionAsDocumented)
				for _, d := range status.Differences {
					known[mapping] = append(known[mapping], d.Type)
				}
				if meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionPresent) {
					NewWithT(t).Expect(c.Status).To(Equal(metav1.ConditionTrue), "what can be compared is as documented, or known not to be: %s: %s", mapping, c.Message)
				}
			}
			NewWithT(t).Expect(known).To(Equal(tc.known), "these mappings, and no others, differ from the documentation")
		})
	}
}

// TestTroubles: what goes wrong on real clusters shows in the row that it concerns.
func TestTroubles(t *testing.T) {
	mappings := load(t, catalog.AKS).Mappings
	base := overlayCilium()
	broken := func(o client.Object) client.Object {
		switch w := o.(type) {
		case *appsv1.Deployment:
			w.Status.AvailableReplicas = 0
		case *appsv1.DaemonSet:
			w.Status.NumberAvailable = 0
		}
		return o
	}
	badNode := func(conditionType, status string) client.Object {
		n := labeled(labeled(labeled(node("aks-np1-2", nil), aksLabel, "c"), netLabel, "overlay"), bpfLabel, "cilium")
		for i := range n.Status.Conditions {
			if string(n.Status.Conditions[i].Type) == conditionType {
				n.Status.Conditions[i].Status = corev1.ConditionStatus(status)
			}
		}
		return n
	}
	deallocated := badNode("Ready", "Unknown").(*corev1.Node)
	deallocated.Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/shutdown"}}
	oldProblem := badNode("KubeletProblem", "True").(*corev1.Node)
	for i := range oldProblem.Status.Conditions {
		oldProblem.Status.Conditions[i].LastHeartbeatTime = metav1.NewTime(now.Add(-time.Hour))
	}
	noEndpoint := object("discovery.k8s.io/v1", "EndpointSlice", "kube-system", "kube-dns-1", map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"kubernetes.io/service-name": "kube-dns"}}, "endpoints": nil})
	etcdDown := overlayCilium()
	etcdDown.responses["/readyz/etcd"] = facts.Response{Status: 500, Body: "[-]etcd failed: reason withheld"}
	etcdDown.responses["/readyz?verbose"] = facts.Response{Status: 500, Body: "[-]etcd failed: reason withheld"}

	for name, tc := range map[string]struct {
		cluster cluster
		mapping string
		healthy metav1.ConditionStatus
		reason  string
		says    string
	}{
		"scheduler lost":           {base.without("kube-scheduler").with(staleLease("kube-scheduler")), "kube-scheduler", "False", v1alpha1.ReasonLeaseStale, "kube-scheduler"},
		"etcd down":                {etcdDown, "etcd", "False", v1alpha1.ReasonEndpointFailing, "/readyz/etcd"},
		"kubelet silent":           {base.with(badNode("Ready", "Unknown")), "kubelet", "False", v1alpha1.ReasonNodeFault, "aks-np1-2"},
		"kubelet down":             {base.with(badNode("KubeletProblem", "True")), "kubelet", "False", v1alpha1.ReasonNodesUnhealthy, "KubeletProblem"},
		"old problem":              {base.with(oldProblem), "kubelet", "True", v1alpha1.ReasonAllChecksPass, ""},
		"deallocated":              {base.with(deallocated), "kubelet", "True", v1alpha1.ReasonAllChecksPass, ""},
		"containerd down":          {base.with(badNode("ContainerRuntimeProblem", "True")), "container-runtime", "False", v1alpha1.ReasonNodesUnhealthy, "aks-np1-2"},
		"CoreDNS crashes":          {base.without("coredns").with(broken(deployment("kube-system", "coredns", "coredns", "coredns:v1.12.1"))), "coredns", "False", v1alpha1.ReasonWorkloadUnavailable, "0/2 available"},
		"DNS leads to nothing":     {base.without("kube-dns-1").with(noEndpoint), "coredns", "False", "NoReadyEndpoints", "no ready endpoint"},
		"driver missing on a node": {base.with(csiNode("aks-np1-2", "file.csi.azure.com")), "azuredisk-csi-driver", "False", "DriverNotRegistered", "aks-np1-2"},
		"attacher lost": {base.without("external-attacher-leader-disk-csi-azure-com").with(staleLease("external-attacher-leader-disk-csi-azure-com")),
			"azuredisk-csi-driver", "False", v1alpha1.ReasonLeaseStale, "attacher"},
		"no addresses": {base.without("aks-np1-1").with(labeled(labeled(labeled(node("aks-np1-1", nil), aksLabel, "c"), netLabel, "overlay"), bpfLabel, "cilium"),
			csiNode("aks-np1-1", "disk.csi.azure.com", "file.csi.azure.com"), nodeNetworkConfig(0)), "azure-cni", "False", "IPAllocationFailed", "no IP addresses"},
		"Cilium's operator away, says it is available": {base.without("cilium-operator").with(broken(deployment("kube-system", "cilium-operator", "o", "o:1"))),
			"azure-cni", "False", v1alpha1.ReasonWorkloadUnavailable, "cilium-operator"},
		"no route to any node": {aks(nil).without("aks-np1-1").with(unrouted(), kubeProxy(), masquerade()),
			"kubenet", "False", v1alpha1.ReasonNodesUnhealthy, "NoRouteCreated"},
		"metrics API down": {base.without("v1beta1.metrics.k8s.io").with(object("apiregistration.k8s.io/v1", "APIService", "", "v1beta1.metrics.k8s.io", map[string]any{
			"spec": map[string]any{"service": map[string]any{"name": "metrics-server"}}, "status": condition("Available", "False")})),
			"metrics-server", "False", "APIUnavailable", "because"},
		"agents on medium nodes down": {base.with(deployment("kube-system", "ama-logs-rs", "ama-logs", "ciprod:3.6.0"), idle("ama-logs-xs"),
			broken(daemonSet("kube-system", "ama-logs-m", "ama-logs", "ciprod:3.6.0"))), "azure-monitor-agent", "False", v1alpha1.ReasonWorkloadUnavailable, "ama-logs-m"},
		"autoscaler: cluster unhealthy": {base.without("cluster-autoscaler-status").with(autoscalerStatus(strings.Replace(autoscalerYAML, "Healthy", "Unhealthy", 1))),
			"cluster-autoscaler", "False", "AutoscalerUnhealthy", "not ready"},
		"autoscaler: cluster unhealthy, text": {base.without("cluster-autoscaler-status").with(autoscalerStatus(strings.Replace(autoscalerText, "Healthy", "Unhealthy", 1))),
			"cluster-autoscaler", "False", "AutoscalerUnhealthy", "not ready"},
		"autoscaler starts": {base.without("cluster-autoscaler-status").with(autoscalerStatus("time: 2026-10-02 14:29:59 +0000 UTC\nautoscalerStatus: Initializing\n")),
			"cluster-autoscaler", "True", v1alpha1.ReasonAllChecksPass, ""},
		"autoscaler hangs while it starts": {base.without("cluster-autoscaler-status").with(autoscalerStatus("time: 2026-10-02 14:22:00.1 +0000 UTC\nautoscalerStatus: Initializing\n")),
			"cluster-autoscaler", "False", "AutoscalerUnhealthy", "has been initializing since 2026-10-02 14:22:00 UTC: switch the node pools to manual scaling and back"},
		"autoscaler silent": {base.without("cluster-autoscaler-status").with(autoscalerStatus(strings.ReplaceAll(autoscalerYAML, "14:29", "11:29"))),
			"cluster-autoscaler", "False", "AutoscalerUnhealthy", "the autoscaler has not written its status since 2026-10-02 11:29:22 UTC"},
		"autoscaler silent, text": {base.without("cluster-autoscaler-status").with(autoscalerStatus(strings.ReplaceAll(autoscalerText, "14:29", "11:29"))),
			"cluster-autoscaler", "False", "AutoscalerUnhealthy", "the autoscaler has not written its status since 2026-10-02 11:29:22 UTC"},
		"autoscaler off": {base.without("cluster-autoscaler-status"), "cluster-autoscaler", "Unknown", v1alpha1.ReasonNotPresent, ""},
		"the Service of DNS is gone, and its endpoints with it": {base.without("kube-dns-1"), "coredns", "False", v1alpha1.ReasonPartMissing,
			"no EndpointSlice in kube-system with labels kubernetes.io/service-name=kube-dns"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			status := tc.cluster.judge(t, mappings)[tc.mapping]
			c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy)
			g.Expect(*c).To(SatisfyAll(HaveField("Status", tc.healthy), HaveField("Reason", tc.reason), HaveField("Message", ContainSubstring(tc.says))),
				"Healthy of %s tells the fault: %s", tc.mapping, name)
		})
	}
}

// TestNodesJoin: routine scaling turns no row red.
func TestNodesJoin(t *testing.T) {
	for name, c := range map[string]cluster{"documented": documented(), "overlay-cilium": overlayCilium()} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			isNode := func(o client.Object) bool { _, ok := o.(*corev1.Node); return ok }
			var objects []client.Object
			for _, name := range []string{"aks-np1-2", "aks-np1-3"} {
				joining := c.objects[slices.IndexFunc(c.objects, isNode)].DeepCopyObject().(*corev1.Node)
				joining.Name, joining.Status.Conditions[0].Status = name, corev1.ConditionFalse
				objects = append(objects, joining, csiNode(name))
			}
			for _, o := range c.objects {
				if d, ok := o.(*appsv1.DaemonSet); ok && d.Status.DesiredNumberScheduled > 0 {
					d = d.DeepCopy()
					d.Status.DesiredNumberScheduled += 2
					o = d
				}
				objects = append(objects, o)
			}
			c.objects = objects

			patient := 0
			for mapping, status := range c.judgeAfter(t, load(t, catalog.AKS, catalog.AKSExtras).Mappings, 10*time.Second) {
				healthy := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy)
				g.Expect(healthy.Status).NotTo(Equal(metav1.ConditionFalse), "a node that joins turns nothing unhealthy: %s: %s", mapping, healthy.Message)
				if healthy.Reason == v1alpha1.ReasonWithinGracePeriod {
					patient++
				}
			}
			g.Expect(patient).To(BeNumerically(">=", 6), "the nodes that join are seen")
		})
	}
}

// TestListing: what kubectl shows of a mapping on the clusters above fits its columns.
func TestListing(t *testing.T) {
	for name, c := range map[string]cluster{"documented": documented(), "overlay-cilium": overlayCilium()} {
		for mapping, status := range c.judge(t, load(t, catalog.AKS, catalog.AKSExtras).Mappings) {
			if meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionPresent) {
				g, row := NewWithT(t), mapping+" on "+name
				g.Expect(len(status.Implementation)).To(BeNumerically("<=", maxImplementation), "status.implementation fits kubectl's column: %s", row)
				g.Expect(len(status.MethodSummary)).To(BeNumerically("<=", maxMethod), "status.methodSummary fits kubectl's column: %s", row)
			}
		}
	}
}
