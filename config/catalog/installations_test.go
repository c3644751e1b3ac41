// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
)

// installed is a workload as a chart or a manifest makes it, of five healthy pods: "Kind namespace/name", its labels
// as "key=value" with commas between them, where "name=" is short for app.kubernetes.io/name, and its containers as
// "name=image".
func installed(object, labels string, containers ...string) client.Object {
	kind, place, _ := strings.Cut(object, " ")
	namespace, name, _ := strings.Cut(place, "/")
	o := metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{}}
	for _, label := range strings.FieldsFunc(labels, func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(label, "=")
		if short, ok := map[string]string{"name": program, "part-of": "app.kubernetes.io/part-of", "component": "app.kubernetes.io/component"}[key]; ok {
			key = short
		}
		o.Labels[key] = value
	}
	var pod corev1.PodSpec
	for _, c := range containers {
		container, image, _ := strings.Cut(c, "=")
		pod.Containers = append(pod.Containers, corev1.Container{Name: container, Image: image})
	}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: podLabels(name)}, Spec: pod}
	switch kind {
	case "Deployment":
		return withPods(&appsv1.Deployment{ObjectMeta: o, Spec: appsv1.DeploymentSpec{Replicas: new(int32(5)), Template: template}}, 5)
	case "StatefulSet":
		return withPods(&appsv1.StatefulSet{ObjectMeta: o, Spec: appsv1.StatefulSetSpec{Replicas: new(int32(5)), Template: template}}, 5)
	}
	return withPods(&appsv1.DaemonSet{ObjectMeta: o, Spec: appsv1.DaemonSetSpec{Template: template}}, 5)
}

// withPods is the workload while so many of its five pods are ready.
func withPods(o client.Object, ready int32) client.Object {
	o = o.DeepCopyObject().(client.Object)
	switch w := o.(type) {
	case *appsv1.Deployment:
		w.Status = appsv1.DeploymentStatus{Replicas: 5, UpdatedReplicas: 5, ReadyReplicas: ready, AvailableReplicas: ready, UnavailableReplicas: 5 - ready}
	case *appsv1.StatefulSet:
		w.Status = appsv1.StatefulSetStatus{Replicas: 5, UpdatedReplicas: 5, ReadyReplicas: ready, AvailableReplicas: ready}
	case *appsv1.DaemonSet:
		w.Status = appsv1.DaemonSetStatus{DesiredNumberScheduled: 5, CurrentNumberScheduled: 5, UpdatedNumberScheduled: 5,
			NumberReady: ready, NumberAvailable: ready, NumberUnavailable: 5 - ready}
	}
	return o
}

// installation is what a chart or a manifest brings, and how the row is found by it.
type installation struct {
	row, variant string
	workloads    []client.Object
	besides      []client.Object
	// also are rows that the same workloads belong to.
	also []string
}

// ingress is one of a controller of ingresses with its class.
func ingress(variant, class string, workloads ...client.Object) installation {
	i := installation{row: "ingress-controller", variant: variant, workloads: workloads, besides: []client.Object{ingressClass("own", class)}}
	for _, w := range workloads {
		i.besides = append(i.besides, leadingTo(w))
	}
	return i
}

// ingressControllers are what the charts and manifests of controllers of ingresses install, in the namespace edge where a
// chart leaves the choice.
func ingressControllers() map[string]installation {
	const nginx, f5, ki = "name=ingress-nginx,part-of=ingress-nginx,component=", "nginx-ingress=nginx/nginx-ingress:5.6.0", "docker.io/haproxytech/kubernetes-ingress:3.2.12"
	envoy := []string{"shutdown-manager=ghcr.io/projectcontour/contour:v1.33.6", "envoy=docker.io/envoyproxy/envoy:v1.38.3"}
	return map[string]installation{
		"ingress-nginx, chart": ingress("ingress-nginx", "k8s.io/ingress-nginx",
			installed("Deployment edge/rel-ingress-nginx-controller", nginx+"controller", "controller=registry.k8s.io/ingress-nginx/controller:v1.15.1")),
		"ingress-nginx, chart, a DaemonSet": ingress("ingress-nginx", "k8s.io/ingress-nginx",
			installed("DaemonSet edge/rel-ingress-nginx-controller", nginx+"controller", "controller=registry.k8s.io/ingress-nginx/controller:v1.15.1")),
		"ingress-nginx, other labels": ingress("ingress-nginx", "k8s.io/ingress-nginx",
			installed("Deployment ingress-nginx/ingress-nginx-controller", "app=ingress", "controller=registry.k8s.io/ingress-nginx/controller:v1.15.1")),
		"F5, chart":               ingress("nginx-f5", "nginx.org/ingress-controller", installed("Deployment edge/rel-nginx-ingress-controller", "name=nginx-ingress", f5)),
		"F5, chart, a DaemonSet":  ingress("nginx-f5", "nginx.org/ingress-controller", installed("DaemonSet edge/rel-nginx-ingress-controller", "name=nginx-ingress", f5)),
		"F5, chart, StatefulSet":  ingress("nginx-f5", "nginx.org/ingress-controller", installed("StatefulSet edge/rel-nginx-ingress-controller", "name=nginx-ingress", f5)),
		"F5, manifest":            ingress("nginx-f5", "nginx.org/ingress-controller", installed("Deployment nginx-ingress/nginx-ingress", "", f5)),
		"F5, manifest, DaemonSet": ingress("nginx-f5", "nginx.org/ingress-controller", installed("DaemonSet nginx-ingress/nginx-ingress", "", "nginx-plus-ingress=nginx-plus-ingress:5.5.4")),
		"F5, manifest, StatefulSet": ingress("nginx-f5", "nginx.org/ingress-controller",
			installed("StatefulSet nginx-ingress/nginx-ingress", "", f5)),
		"Traefik, chart":        ingress("traefik", "traefik.io/ingress-controller", installed("Deployment edge/rel-traefik", "name=traefik", "rel-traefik=docker.io/traefik:v3.7.11")),
		"Traefik, other labels": ingress("traefik", "traefik.io/ingress-controller", installed("DaemonSet traefik/traefik", "app=traefik", "traefik=docker.io/traefik:v3.7.11")),
		"HAProxy, chart": ingress("haproxy", "haproxy.org/ingress-controller/haproxy",
			installed("Deployment edge/rel-kubernetes-ingress", "name=kubernetes-ingress", "kubernetes-ingress-controller="+ki)),
		"HAProxy, manifest": ingress("haproxy", "haproxy.org/ingress-controller/haproxy",
			installed("DaemonSet haproxy-controller/haproxy-kubernetes-ingress", "run=haproxy-ingress", "haproxy-ingress="+ki)),
		"haproxy-ingress, chart": ingress("haproxy-ingress", "haproxy-ingress.github.io/controller",
			installed("DaemonSet edge/rel-haproxy-ingress", "name=haproxy-ingress", "haproxy-ingress=quay.io/jcmoraisjr/haproxy-ingress:v0.16.1")),
		"haproxy-ingress, manifest": ingress("haproxy-ingress", "haproxy-ingress.github.io/controller",
			installed("Deployment ingress-controller/haproxy-ingress", "run=haproxy-ingress", "haproxy-ingress=quay.io/jcmoraisjr/haproxy-ingress:v0.14.7")),
		"Contour, chart": ingress("contour", "projectcontour.io/edge/rel-contour-contour",
			installed("Deployment edge/rel-contour-contour", "name=contour,component=contour", "contour=ghcr.io/projectcontour/contour:v1.33.6"),
			installed("DaemonSet edge/rel-contour-envoy", "name=contour,component=envoy", envoy...)),
		"Contour, manifest": ingress("contour", "projectcontour.io/projectcontour/contour",
			installed("Deployment projectcontour/contour", "app=contour", "contour=ghcr.io/projectcontour/contour:v1.33.6"),
			installed("DaemonSet projectcontour/envoy", "app=envoy", envoy...)),
		"Kong, chart": ingress("kong", "ingress-controllers.konghq.com/kong",
			installed("Deployment edge/rel-kong", "name=kong,component=app", "ingress-controller=kong/kubernetes-ingress-controller:3.5", "proxy=kong:3.9")),
		"Kong, chart of controller and gateway": ingress("kong", "ingress-controllers.konghq.com/kong",
			installed("Deployment edge/rel-controller", "name=controller,component=app", "ingress-controller=kong/kubernetes-ingress-controller:3.5")),
		"Kong, manifest": ingress("kong", "ingress-controllers.konghq.com/kong",
			installed("Deployment kong/ingress-kong", "app=ingress-kong", "proxy=kong:3.9", "ingress-controller=kong/kubernetes-ingress-controller:3.5")),
		"AGIC, chart": ingress("agic-helm", "azure/application-gateway",
			installed("Deployment edge/rel-ingress-azure", "app=ingress-azure", "ingress-azure=mcr.microsoft.com/azure-application-gateway/kubernetes-ingress:1.9.8")),
		"ALB controller": alb("agc-helm", "edge", "app=alb-controller"), "ALB controller, other labels": alb("agc-by-name", "azure-alb-system", "name=alb-controller"),
	}
}

func alb(variant, namespace, labels string) installation {
	return installation{row: "ingress-controller", variant: variant, also: []string{"alb-controller"},
		workloads: []client.Object{installed("Deployment "+namespace+"/alb-controller", labels, "alb-controller=mcr.microsoft.com/application-lb/images/alb-controller:1.11.3")}}
}

// ownDrivers are what the charts and manifests of what runs on each node install.
func ownDrivers() map[string]installation {
	const secrets = "secrets-store=registry.k8s.io/csi-secrets-store/driver:v1.6.0"
	const provider = "provider-azure-installer=mcr.microsoft.com/oss/v2/azure/secrets-store/provider-azure:v1.8.2"
	secretsStore := func(variant string, workloads ...client.Object) installation {
		return installation{row: "secrets-store-csi-driver", variant: variant, workloads: workloads,
			besides: []client.Object{object("storage.k8s.io/v1", "CSIDriver", "", "secrets-store.csi.k8s.io", nil)}}
	}
	return map[string]installation{
		"blob, chart":    ownBlob("helm", "edge", "name=blob-csi-driver,helm.sh/chart=blob-csi-driver-v1.27.9"),
		"blob, manifest": ownBlob("manifest", "kube-system", ""),
		"secrets store, chart": secretsStore("helm",
			installed("DaemonSet edge/rel-secrets-store-csi-driver", "name=secrets-store-csi-driver,app=secrets-store-csi-driver", secrets)),
		"secrets store, chart of the provider": secretsStore("helm",
			installed("DaemonSet edge/secrets-store-csi-driver", "name=secrets-store-csi-driver,app=secrets-store-csi-driver", secrets),
			installed("DaemonSet edge/rel-csi-secrets-store-provider-azure", "name=csi-secrets-store-provider-azure,app=csi-secrets-store-provider-azure", provider)),
		"secrets store, manifests": secretsStore("manifest", installed("DaemonSet kube-system/csi-secrets-store", "", secrets),
			installed("DaemonSet kube-system/csi-secrets-store-provider-azure", "app=csi-secrets-store-provider-azure", provider)),
		"secrets store, manifests, other labels": secretsStore("manifest", installed("DaemonSet kube-system/csi-secrets-store", "team=a", secrets),
			installed("DaemonSet kube-system/csi-secrets-store-provider-azure", "team=a", provider)),
		"retina, chart": {row: "retina", variant: "self-installed", workloads: []client.Object{
			installed("DaemonSet kube-system/retina-agent", "name=retina,k8s-app=retina", "retina=ghcr.io/microsoft/retina/retina-agent:v1.0.0")}},
		"problem detector, chart": {row: "node-problem-detector", variant: "systemd,self-installed", workloads: []client.Object{
			installed("DaemonSet edge/rel-node-problem-detector", "name=node-problem-detector", "node-problem-detector=registry.k8s.io/node-problem-detector/node-problem-detector:v1.35.1")}},
		"problem detector, manifest": {row: "node-problem-detector", variant: "systemd,self-installed", workloads: []client.Object{
			installed("DaemonSet kube-system/node-problem-detector", "app=node-problem-detector", "node-problem-detector=registry.k8s.io/node-problem-detector/node-problem-detector:v0.8.19")}},
	}
}

func ownBlob(variant, namespace, labels string) installation {
	const blob = "blob=mcr.microsoft.com/oss/v2/kubernetes-csi/blob-csi:v1.27.9"
	return installation{row: "blob-csi-driver", variant: variant, besides: []client.Object{object("storage.k8s.io/v1", "CSIDriver", "", "blob.csi.azure.com", nil)},
		workloads: []client.Object{installed("Deployment "+namespace+"/csi-blob-controller", labels, blob), installed("DaemonSet "+namespace+"/csi-blob-node", labels, blob)}}
}

// ownAddOns are what else charts and manifests install that AKS offers as an add-on.
func ownAddOns() map[string]installation {
	const keda, vpa, wi = "ghcr.io/kedacore/", "registry.k8s.io/autoscaling/", "manager=mcr.microsoft.com/oss/azure/workload-identity/webhook:v1.6.0"
	crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "verticalpodautoscalers.autoscaling.k8s.io", nil)
	vpaChart := func(label, release, container string) installation {
		var workloads []client.Object
		for _, part := range []string{"recommender", "updater", "admission-controller"} {
			name := container
			if name == "" {
				name = part
			}
			workloads = append(workloads, installed("Deployment edge/"+release+"-"+part, "name="+label+",component="+part, name+"="+vpa+"vpa-"+part+":1.7.1"))
		}
		return installation{row: "vertical-pod-autoscaler", variant: "helm", workloads: workloads, besides: []client.Object{crd,
			labeled(mutating(release+"-webhook-config", "edge", "vpa-webhook"), program, label), behind("edge", "vpa-webhook")}}
	}
	identity := func(namespace, labels string) installation {
		return installation{row: "workload-identity", variant: "self-installed",
			workloads: []client.Object{installed("Deployment "+namespace+"/azure-wi-webhook-controller-manager", labels, wi)},
			besides: []client.Object{labeled(mutating("azure-wi-webhook-mutating-webhook-configuration", namespace, "azure-wi-webhook-webhook-service"), "azure-workload-identity.io/system", "true"),
				behind(namespace, "azure-wi-webhook-webhook-service")}}
	}
	return map[string]installation{
		"KEDA, chart": {row: "keda", variant: "self-installed", workloads: []client.Object{
			installed("Deployment edge/keda-operator", "name=keda-operator,part-of=keda-operator,helm.sh/chart=keda-2.20.2", "keda-operator="+keda+"keda:2.20.2"),
			installed("Deployment edge/keda-operator-metrics-apiserver", "name=keda-operator-metrics-apiserver,part-of=keda-operator,helm.sh/chart=keda-2.20.2", "keda-operator-metrics-apiserver="+keda+"keda-metrics-apiserver:2.20.2"),
			installed("Deployment edge/keda-admission-webhooks", "name=keda-admission-webhooks,part-of=keda-operator,helm.sh/chart=keda-2.20.2", "keda-admission-webhooks="+keda+"keda-admission-webhooks:2.20.2")},
			besides: externalMetrics("edge", "keda-operator-metrics-apiserver")},
		"KEDA, manifest": {row: "keda", variant: "self-installed", workloads: []client.Object{
			installed("Deployment keda/keda-operator", "name=keda-operator,part-of=keda-operator", "keda-operator="+keda+"keda:2.18.0"),
			installed("Deployment keda/keda-metrics-apiserver", "name=keda-metrics-apiserver,part-of=keda-operator", "keda-metrics-apiserver="+keda+"keda-metrics-apiserver:2.18.0"),
			installed("Deployment keda/keda-admission", "name=admission-webhooks,part-of=keda", "keda-admission-webhooks="+keda+"keda-admission-webhooks:2.18.0")},
			besides: externalMetrics("keda", "keda-metrics-apiserver")},
		"eraser, chart": {row: "image-cleaner", variant: "self-installed", workloads: []client.Object{
			installed("Deployment edge/eraser-controller-manager", "name=eraser,control-plane=controller-manager,helm.sh/chart=eraser", "manager=ghcr.io/eraser-dev/eraser-manager:v1.4.0")}},
		"eraser, manifest": {row: "image-cleaner", variant: "self-installed", workloads: []client.Object{
			installed("Deployment eraser-system/eraser-controller-manager", "control-plane=controller-manager", "manager=ghcr.io/eraser-dev/eraser-manager:v1.4.0")}},
		"Karpenter, chart": {row: "node-auto-provisioning", variant: "self-installed", workloads: []client.Object{
			installed("Deployment edge/rel-karpenter", "name=karpenter", "controller=mcr.microsoft.com/aks/karpenter/controller:1.10.2")},
			besides: []client.Object{object("karpenter.sh/v1", "NodePool", "", "own", map[string]any{"status": condition("Ready", "True")})}},
		"autoscaler, chart": {row: "cluster-autoscaler", variant: "helm", workloads: []client.Object{
			installed("Deployment edge/rel-azure-cluster-autoscaler", "name=azure-cluster-autoscaler", "azure-cluster-autoscaler="+vpa+"cluster-autoscaler:v1.35.0")}},
		"autoscaler, chart in kube-system": {row: "cluster-autoscaler", variant: "helm", workloads: []client.Object{
			installed("Deployment kube-system/cluster-autoscaler-azure-cluster-autoscaler", "name=azure-cluster-autoscaler", "azure-cluster-autoscaler="+vpa+"cluster-autoscaler:v1.35.0")},
			besides: []client.Object{autoscalerStatus(autoscalerYAML)}},
		"autoscaler, manifest": {row: "cluster-autoscaler", variant: "in-cluster", workloads: []client.Object{
			installed("Deployment kube-system/cluster-autoscaler", "app=cluster-autoscaler", "cluster-autoscaler="+vpa+"cluster-autoscaler:v1.35.0")},
			besides: []client.Object{autoscalerStatus(autoscalerYAML)}},
		"VPA, chart":              vpaChart("vertical-pod-autoscaler", "rel-vertical-pod-autoscaler", ""),
		"VPA, chart of Fairwinds": vpaChart("vpa", "rel-vpa", "vpa"),
		"snapshots, chart": {row: "snapshot-controller", variant: "helm", workloads: []client.Object{
			installed("Deployment edge/rel-snapshot-controller", "name=snapshot-controller", "snapshot-controller=registry.k8s.io/sig-storage/snapshot-controller:v8.6.0")}},
		"snapshots, chart in kube-system": {row: "snapshot-controller", variant: "helm", workloads: []client.Object{
			installed("Deployment kube-system/snapshot-controller", "name=snapshot-controller", "snapshot-controller=registry.k8s.io/sig-storage/snapshot-controller:v8.6.0")},
			besides: []client.Object{lease("snapshot-controller-leader")}},
		"snapshots, manifest": {row: "snapshot-controller", variant: "in-cluster", workloads: []client.Object{
			installed("Deployment kube-system/snapshot-controller", "", "snapshot-controller=registry.k8s.io/sig-storage/snapshot-controller:v8.6.0")},
			besides: []client.Object{lease("snapshot-controller-leader")}},
		"workload identity, chart":    identity("edge", "app=workload-identity-webhook,chart=workload-identity-webhook,release=rel,azure-workload-identity.io/system=true"),
		"workload identity, manifest": identity("azure-workload-identity-system", "azure-workload-identity.io/system=true"),
		"Istio, charts": {row: "istio", variant: "self-installed", workloads: []client.Object{
			installed("Deployment edge/istiod", "name=istiod,part-of=istio,app=istiod,istio=pilot", "discovery=registry.istio.io/pilot:1.30.0"),
			installed("DaemonSet edge/istio-cni-node", "name=istio-cni,k8s-app=istio-cni-node", "install-cni=registry.istio.io/install-cni:1.30.0"),
			installed("DaemonSet edge/ztunnel", "name=ztunnel,part-of=istio", "istio-proxy=registry.istio.io/ztunnel:1.30.0"),
			installed("Deployment ways/istio-ingress", "name=istio-ingress,app=istio-ingress,istio=ingress", "istio-proxy=auto")},
			besides: []client.Object{labeled(mutating("istio-sidecar-injector-edge", "edge", "istiod"), "app", "sidecar-injector"), behind("edge", "istiod"),
				leadingTo(installed("Deployment ways/istio-ingress", ""))}},
		"Istio, command line": {row: "istio", variant: "self-installed", workloads: []client.Object{
			installed("Deployment istio-system/istiod", "app=istiod,istio=pilot", "discovery=docker.io/istio/pilot:1.22.0"),
			installed("DaemonSet istio-system/ztunnel", "", "istio-proxy=docker.io/istio/ztunnel:1.22.0"),
			installed("Deployment istio-system/istio-ingressgateway", "app=istio-ingressgateway,istio=ingressgateway", "istio-proxy=auto")},
			besides: []client.Object{injector("istio-sidecar-injector"), behind("istio-system", "istiod"), leadingTo(installed("Deployment istio-system/istio-ingressgateway", ""))}},
	}
}

// externalMetrics is the API by which autoscalers ask KEDA.
func externalMetrics(namespace, service string) []client.Object {
	return []client.Object{object("apiregistration.k8s.io/v1", "APIService", "", "v1beta1.external.metrics.k8s.io", map[string]any{
		"spec": map[string]any{"service": map[string]any{"namespace": namespace, "name": service}}, "status": condition("Available", "True")})}
}

// ownCNIs are CNIs that charts and manifests install on a cluster without one, with what they bring besides.
func ownCNIs() map[string]installation {
	installationOf := func(cni string) client.Object {
		return object("operator.tigera.io/v1", "Installation", "", "default", map[string]any{"spec": map[string]any{"cni": map[string]any{"type": cni}}})
	}
	return map[string]installation{
		"Calico, manifest": {row: "own-cni", variant: "calico-manifest", also: []string{"network-policy"}, besides: []client.Object{configMap("calico-config", "calico_backend", "bird")},
			workloads: []client.Object{installed("DaemonSet kube-system/calico-node", "k8s-app=calico-node", "calico-node=quay.io/calico/node:v3.31.0"),
				installed("Deployment kube-system/calico-kube-controllers", "k8s-app=calico-kube-controllers", "calico-kube-controllers=quay.io/calico/kube-controllers:v3.31.0")}},
		"Calico, operator": {row: "own-cni", variant: "calico", besides: []client.Object{installationOf("Calico"),
			object("operator.tigera.io/v1", "TigeraStatus", "", "calico", map[string]any{"status": condition("Available", "True")}),
			installed("Deployment tigera-operator/tigera-operator", "k8s-app=tigera-operator", "tigera-operator=quay.io/tigera/operator:v1.40.2")},
			workloads: []client.Object{installed("DaemonSet calico-system/calico-node", "k8s-app=calico-node", "calico-node=quay.io/calico/node:v3.31.0")}},
		"Cilium, chart": {row: "own-cni", variant: "cilium", also: []string{"network-policy", "hubble"}, workloads: []client.Object{
			installed("DaemonSet kube-system/cilium", "k8s-app=cilium,part-of=cilium", "cilium-agent=quay.io/cilium/cilium:v1.18.2"),
			installed("DaemonSet kube-system/cilium-envoy", "k8s-app=cilium-envoy,part-of=cilium", "cilium-envoy=quay.io/cilium/cilium-envoy:v1.34.7"),
			installed("Deployment kube-system/cilium-operator", "part-of=cilium", "cilium-operator=quay.io/cilium/operator-generic:v1.18.2")},
			besides: []client.Object{installed("Deployment kube-system/hubble-relay", "k8s-app=hubble-relay,part-of=cilium", "hubble-relay=quay.io/cilium/hubble-relay:v1.18.2")}},
	}
}

// installations are what charts and manifests install.
func installations() map[string]installation {
	all := ingressControllers()
	maps.Copy(all, ownDrivers())
	maps.Copy(all, ownAddOns())
	maps.Copy(all, ownCNIs())
	return all
}

// anywhere reports whether a label that the chart or the manifest sets names the program, so that it is found in any namespace.
func (i installation) anywhere() bool {
	return !slices.ContainsFunc(i.workloads, func(w client.Object) bool { return w.GetLabels()[program] == "" })
}

// TestInstallations: what a chart or a manifest installs is found wherever it is, as one's own, and each of its workloads
// counts. What is left of it without them is no component.
func TestInstallations(t *testing.T) {
	mappings := load(t, catalog.AKS, catalog.AKSExtras).Mappings
	for name, i := range installations() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			base := aks(nil).with(i.besides...)
			before := base.judge(t, mappings)
			for row, status := range base.with(i.workloads...).judge(t, mappings) {
				variants, healthy := before[row].Variants, meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy)
				g.Expect(healthy.Status).NotTo(Equal(metav1.ConditionFalse), "nothing is unhealthy: %s: %s", row, healthy.Message)
				switch {
				case row == i.row:
					g.Expect(status.Variants).To(Equal(strings.Split(i.variant, ",")), "it is found as this variant, and no other")
					g.Expect(healthy.Status).To(Equal(metav1.ConditionTrue), healthy.Message)
				case slices.Contains(i.also, row):
					g.Expect(status.Variants).NotTo(Equal(variants), "it belongs to this row, too: %s", row)
				default:
					g.Expect(status.Variants).To(Equal(variants), "it is nothing else: %s", row)
				}
			}
			for at, w := range i.workloads {
				failing := slices.Clone(i.workloads)
				failing[at] = withPods(w, 0)
				status := base.with(failing...).judge(t, mappings)[i.row]
				g.Expect(meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionHealthy)).To(SatisfyAll(HaveField("Status", metav1.ConditionFalse),
					HaveField("Message", ContainSubstring(w.GetNamespace()+"/"+w.GetName()))), "its workload fails: %s", w.GetName())
				g.Expect(status.OperatedBy).To(Equal(v1alpha1.OperatedByCustomer), "it is the owner's to act")
			}
			if i.row == "ingress-controller" && len(i.besides) > 0 {
				g.Expect(meta.FindStatusCondition(before[i.row].Conditions, v1alpha1.ConditionPresent)).To(SatisfyAll(HaveField("Reason", v1alpha1.ReasonNotFound),
					HaveField("Message", ContainSubstring("left behind: IngressClass own"))))
			}
		})
	}
}

// inKubeSystem is the installation as its owner gets it who names kube-system as the namespace.
func (i installation) inKubeSystem() installation {
	moved := func(objects []client.Object) (out []client.Object) {
		for _, o := range objects {
			o = o.DeepCopyObject().(client.Object)
			if o.GetNamespace() != "" {
				o.SetNamespace("kube-system")
			}
			if u, ok := o.(*unstructured.Unstructured); ok && u.GetKind() == "MutatingWebhookConfiguration" {
				webhooks, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
				for _, w := range webhooks {
					_ = unstructured.SetNestedField(w.(map[string]any), "kube-system", "clientConfig", "service", "namespace")
				}
				_ = unstructured.SetNestedSlice(u.Object, webhooks, "webhooks")
			}
			out = append(out, o)
		}
		return out
	}
	i.workloads, i.besides = moved(i.workloads), moved(i.besides)
	return i
}

// unmarked are installations of which nothing tells that they are no add-on, in the states that are named.
var unmarked = map[string][]string{
	// Of two objects without labels the one is there that the add-on has as well, with the same image.
	"blob, manifest": {"without csi-blob-controller"},
	// Nobody has seen what labels the add-on carries. Image and names are the chart's.
	"ALB controller":               {"whole", "without pods of alb-controller"},
	"ALB controller, other labels": {"whole", "without pods of alb-controller"},
}

// operator is who runs what is found as the variant of a row.
func operator(mappings []v1alpha1.ComponentMapping, row, variant string) v1alpha1.Operator {
	m := mappings[slices.IndexFunc(mappings, func(m v1alpha1.ComponentMapping) bool { return m.Name == row })]
	v := m.Spec.Variants[slices.IndexFunc(m.Spec.Variants, func(v v1alpha1.Variant) bool { return v.Name == variant })]
	return cmp.Or(v.OperatedBy, m.Spec.OperatedBy)
}

// TestInstallationsInKubeSystem: what an owner puts where the add-ons of AKS are does not pass for one, whether it works or
// a part of it fails or is gone.
func TestInstallationsInKubeSystem(t *testing.T) {
	mappings := load(t, catalog.AKS, catalog.AKSExtras).Mappings
	for name, i := range installations() {
		t.Run(name, func(t *testing.T) {
			i := i.inKubeSystem()
			base := aks(nil).with(i.besides...)
			before := base.judge(t, mappings)[i.row].Variants
			states := map[string][]client.Object{"whole": i.workloads}
			for at, w := range i.workloads {
				without := slices.Delete(slices.Clone(i.workloads), at, at+1)
				states["without "+w.GetName()] = without
				states["without pods of "+w.GetName()] = append(without, withPods(w, 0))
			}
			for state, workloads := range states {
				status := base.with(workloads...).judge(t, mappings)[i.row]
				for _, found := range status.Variants {
					if !slices.Contains(before, found) && !slices.Contains(unmarked[name], state) {
						NewWithT(t).Expect(operator(mappings, i.row, found)).To(Equal(v1alpha1.OperatedByCustomer), "%s: it is the owner's, and not %s", state, found)
					}
				}
				if state == "whole" && i.anywhere() && unmarked[name] == nil {
					NewWithT(t).Expect(status.Variants).To(Equal(strings.Split(i.variant, ",")), "it is found by its labels")
				}
			}
		})
	}
}

// TestAddOnsOfAnyAge: what AKS installs is the add-on, and nothing of the owner's, whichever of its marks it carries. Which
// ones it does changes from release to release.
func TestAddOnsOfAnyAge(t *testing.T) {
	mappings := load(t, catalog.AKSExtras).Mappings
	const (
		aksLabels, manager = "kubernetes.azure.com/managedby=aks", "addonmanager.kubernetes.io/mode=Reconcile,kubernetes.io/cluster-service=true"
		// On the kinds of the add-on in its documentation: learn.microsoft.com/azure/aks/keda-deploy-add-on-cli.
		release = "helm.toolkit.fluxcd.io/name=keda-adapter-helmrelease,app.kubernetes.io/managed-by=Helm"
	)
	for name, tc := range map[string]struct {
		row     string
		labels  []string
		objects func(labels string) []client.Object
	}{
		"KEDA": {"keda", []string{aksLabels, release, ""}, func(labels string) (out []client.Object) {
			if labels != "" {
				labels = ",part-of=keda-operator," + labels
			}
			for _, part := range []string{"keda-operator", "keda-operator-metrics-apiserver", "keda-admission-webhooks"} {
				out = append(out, installed("Deployment kube-system/"+part, "name="+part+labels, part+"=mcr.microsoft.com/oss/kedacore/keda:2.17.2"))
			}
			return append(out, externalMetrics("kube-system", "keda-operator-metrics-apiserver")...)
		}},
		// A public listing of 2023 shows both on its pod.
		"Eraser": {"image-cleaner", []string{aksLabels, "name=image-cleaner", "name=image-cleaner," + aksLabels}, func(labels string) []client.Object {
			return []client.Object{installed("Deployment kube-system/eraser-controller-manager", "control-plane=controller-manager,"+labels,
				"manager=mcr.microsoft.com/oss/eraser/eraser-manager:v1.3.1")}
		}},
		// Public listings of 2023 and 2024 have it as the Helm release aks-managed-workload-identity, of the chart workload-identity-addon.
		"workload identity": {"workload-identity", []string{aksLabels, "app.kubernetes.io/managed-by=Helm", manager + "," + aksLabels,
			"app.kubernetes.io/managed-by=Helm,chart=workload-identity-addon"}, func(labels string) []client.Object {
			return []client.Object{installed("Deployment kube-system/azure-wi-webhook-controller-manager", "azure-workload-identity.io/system=true,"+labels,
				"manager=mcr.microsoft.com/oss/v2/azure/workload-identity/webhook:v1.5.1"), behind("kube-system", "azure-wi-webhook-webhook-service"),
				mutating("azure-wi-webhook-mutating-webhook-configuration", "kube-system", "azure-wi-webhook-webhook-service")}
		}},
		"blob": {"blob-csi-driver", []string{aksLabels, manager, "", "name=blob-csi-driver," + manager}, func(labels string) []client.Object {
			return []client.Object{installed("DaemonSet kube-system/csi-blob-node", labels, "blob=mcr.microsoft.com/oss/v2/kubernetes-csi/blob-csi:v1.27.9"),
				object("storage.k8s.io/v1", "CSIDriver", "", "blob.csi.azure.com", nil)}
		}},
	} {
		for _, labels := range tc.labels {
			t.Run(name+" "+labels, func(t *testing.T) {
				status := aks(nil).with(tc.objects(labels)...).judge(t, mappings)[tc.row]
				g := NewWithT(t)
				g.Expect(status.Variants).To(HaveLen(1))
				g.Expect(operator(mappings, tc.row, status.Variants[0])).To(Equal(v1alpha1.OperatedByProvider))
				g.Expect(meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionHealthy)).To(BeTrue())
			})
		}
	}
}

// TestServiceOfIngressControllers: clients reach the pods of each controller through a Service of any name and labels, or by
// their nodes. One that leads to metrics or to the webhook alone is none for them.
func TestServiceOfIngressControllers(t *testing.T) {
	mappings := load(t, catalog.AKS, catalog.AKSExtras).Mappings
	onPort := func(target string) func(*unstructured.Unstructured) {
		return func(service *unstructured.Unstructured) {
			_ = unstructured.SetNestedSlice(service.Object, []any{map[string]any{"port": int64(443), "targetPort": target}}, "spec", "ports")
		}
	}
	for name, i := range installations() {
		if i.row != "ingress-controller" && i.row != "istio" || strings.HasPrefix(i.variant, "ag") || i.variant == "kong" {
			continue // the gateway is not in the cluster, or the proxies may be elsewhere
		}
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for _, w := range i.workloads {
				if i.row == "istio" && !strings.HasPrefix(w.GetName(), "istio-ingress") {
					continue
				}
				healthy := func(w client.Object, services ...client.Object) metav1.ConditionStatus {
					c := aks(nil).with(i.besides...).with(i.workloads...).without(w.GetName()).with(w).with(services...)
					found := meta.FindStatusCondition(c.judge(t, mappings)[i.row].Conditions, v1alpha1.ConditionHealthy)
					if found.Status == metav1.ConditionFalse {
						g.Expect(found).To(SatisfyAll(HaveField("Reason", v1alpha1.ReasonNoService), HaveField("Message",
							ContainSubstring(w.GetNamespace()+"/"+w.GetName()+": no Service leads to its pods"))))
					}
					return found.Status
				}
				altered := func(change func(*unstructured.Unstructured)) client.Object {
					service := leadingTo(w)
					change(service)
					return service
				}
				g.Expect(healthy(w, leadingTo(w))).To(Equal(metav1.ConditionTrue))
				g.Expect(healthy(w)).To(Equal(metav1.ConditionFalse), "its Service is gone")
				g.Expect(healthy(w, altered(func(s *unstructured.Unstructured) { s.SetNamespace("other") }))).To(Equal(metav1.ConditionFalse), "another namespace")
				g.Expect(healthy(w, altered(func(s *unstructured.Unstructured) {
					_ = unstructured.SetNestedStringMap(s.Object, podLabels("other"), "spec", "selector")
				}))).To(Equal(metav1.ConditionFalse), "other pods")
				g.Expect(healthy(w, altered(func(s *unstructured.Unstructured) { unstructured.RemoveNestedField(s.Object, "spec", "selector") }))).To(
					Equal(metav1.ConditionTrue), "where it leads nobody can tell")
				for _, port := range ignoredPorts(mappings, i) {
					g.Expect(healthy(w, altered(onPort(port)))).To(Equal(metav1.ConditionFalse), "port %s alone", port)
				}
				g.Expect(healthy(w, altered(onPort("https")))).To(Equal(metav1.ConditionTrue))
				for _, pod := range []func(*corev1.PodSpec){
					func(pod *corev1.PodSpec) { pod.HostNetwork = true },
					func(pod *corev1.PodSpec) {
						pod.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080, HostPort: 80}}
					},
				} {
					g.Expect(healthy(withPodSpec(w, pod))).To(Equal(metav1.ConditionTrue), "clients reach it by its nodes")
				}
			}
		})
	}
}

// ignoredPorts are the ports that are not for clients of what was installed.
func ignoredPorts(mappings []v1alpha1.ComponentMapping, i installation) (ports []string) {
	m := find(mappings, i.row)
	for _, v := range m.Spec.Variants {
		for _, c := range v.Checks {
			if v.Name == i.variant && c.Workload != nil {
				for _, port := range c.Workload.Service.IgnorePorts {
					ports = append(ports, string(port))
				}
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// withPodSpec is the workload with other pods.
func withPodSpec(o client.Object, change func(*corev1.PodSpec)) client.Object {
	o = o.DeepCopyObject().(client.Object)
	switch w := o.(type) {
	case *appsv1.Deployment:
		change(&w.Spec.Template.Spec)
	case *appsv1.StatefulSet:
		change(&w.Spec.Template.Spec)
	case *appsv1.DaemonSet:
		change(&w.Spec.Template.Spec)
	}
	return o
}

// TestOwnCalicoDegraded: its operator says that it cannot do its work, and each of the rows says so.
func TestOwnCalicoDegraded(t *testing.T) {
	mappings, calico := load(t, catalog.AKS, catalog.AKSExtras).Mappings, ownCNIs()["Calico, operator"]
	degraded := object("operator.tigera.io/v1", "TigeraStatus", "", "calico", map[string]any{"status": map[string]any{"conditions": []any{
		map[string]any{"type": "Available", "status": "True"},
		map[string]any{"type": "Degraded", "status": "True", "message": "the pool overlaps", "lastTransitionTime": "2026-10-02T13:00:00Z"}}}})
	statuses := aks(nil).with(calico.workloads...).with(calico.besides...).without("calico").with(degraded).judge(t, mappings)
	for _, row := range []string{"own-cni", "network-policy"} {
		NewWithT(t).Expect(meta.FindStatusCondition(statuses[row].Conditions, v1alpha1.ConditionHealthy)).To(SatisfyAll(
			HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring("the pool overlaps"))), row)
	}
}

// inOwnNamespace are namespaces where nobody but AKS, or the maker of the one thing that is looked for there, puts workloads:
// what has another name or another sibling there belongs to it.
var inOwnNamespace = map[string]string{
	"app-routing-system": "AKS makes it for what the add-on runs", "aks-istio-ingress": "AKS makes it for the gateways of the add-on",
	"ingress-nginx": "the manifest's own", "nginx-ingress": "the manifests' own", "traefik": "that of the chart's instructions",
	"haproxy-controller": "the manifest's own", "ingress-controller": "the manifest's own",
}

// TestNamesThatOthersShare: the beginning of a name tells nothing where others have workloads, as an exporter of metrics that
// is called after what it watches; a label of AKS or an image does. Nor does a name that AKS and the cluster's owner both use.
func TestNamesThatOthersShare(t *testing.T) {
	marked := func(w *v1alpha1.WorkloadCheck) bool { return w.Selector != nil || w.ImagePath != "" }
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		names := map[string][]string{}
		for _, v := range m.Spec.Variants {
			// What must be absent, where we are, or another part that is needed tells whose the variant is.
			told := slices.ContainsFunc(v.Checks, func(c v1alpha1.Check) bool {
				switch c.Expect {
				case v1alpha1.ExpectAbsent:
					return true
				case v1alpha1.ExpectPrecondition:
					return c.Name != "aks"
				case v1alpha1.ExpectOptional:
					return false
				}
				return c.Workload != nil && marked(c.Workload)
			})
			for _, c := range v.Checks {
				w := c.Workload
				if w == nil || c.Expect == v1alpha1.ExpectAbsent || c.Expect == v1alpha1.ExpectPrecondition {
					continue
				}
				if w.NamePrefix != "" && w.ImagePath == "" && inOwnNamespace[string(w.Namespace)] == "" {
					NewWithT(t).Expect(w.Selector).NotTo(BeNil(), "%s/%s/%s: a label or an image tells %s* from its neighbors", m.Name, v.Name, c.Name, w.NamePrefix)
				}
				for _, name := range w.Names {
					if object := string(w.Kind) + " " + string(w.Namespace) + "/" + string(name); !marked(w) && !told {
						names[object] = append(names[object], v.Name)
					}
				}
			}
		}
		for object, variants := range names {
			NewWithT(t).Expect(slices.Compact(variants)).To(HaveLen(1), "%s: a label, an image, or what must be absent tells whose %s is", m.Name, object)
		}
	}
}
