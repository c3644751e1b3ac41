// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gstruct"
	"github.com/onsi/gomega/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/controller"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/observe"
)

// soon is how long a test waits for something that should happen at once.
const soon = 20 * time.Second

// startOperator runs the controllers as cmd/main.go does, with short intervals.
func startOperator(as *rest.Config, through *network, tune ...func(*controller.Options)) (stop func()) {
	GinkgoHelper()
	as = rest.CopyConfig(as)
	if through != nil {
		as.Wrap(through.wrap)
	}
	manager, err := ctrl.NewManager(as, ctrl.Options{
		Scheme:     testScheme,
		Cache:      cache.Options{ReaderFailOnMissingInformer: true},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)}, // several operators in one process
	})
	Expect(err).NotTo(HaveOccurred())
	options := controller.Options{
		Observe: observe.Options{RetryInterval: 300 * time.Millisecond, SyncTimeout: time.Minute},
		Engine:  engine.Options{Pace: 50 * time.Millisecond},
	}
	for _, change := range tune {
		change(&options)
	}
	Expect(controller.Setup(manager, options)).To(Succeed())
	running, cancel := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- manager.Start(running) }()
	stop = func() {
		cancel()
		Eventually(stopped).WithTimeout(soon).Should(Receive(BeNil()))
		stopped <- nil // stopping twice is harmless
	}
	DeferCleanup(stop)
	return stop
}

// create creates an object and deletes it when the spec ends.
func create[T client.Object](object T) T {
	GinkgoHelper()
	Expect(k8sClient.Create(ctx, object)).To(Succeed())
	DeferCleanup(func() {
		Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, object))).To(Succeed())
		Eventually(gone(object)).WithTimeout(soon).Should(BeTrue())
	})
	return object
}

// gone says whether an object does not exist any more.
func gone(object client.Object) func() bool {
	return func() bool {
		return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), object))
	}
}

// mapping is a ComponentMapping with the given rest of its spec, in YAML.
func mapping(name, spec string) *v1alpha1.ComponentMapping {
	GinkgoHelper()
	var m v1alpha1.ComponentMapping
	Expect(yaml.UnmarshalStrict([]byte(fmt.Sprintf(`
metadata: {name: %s, labels: {architecture.archmap.dev/platform: test}}
spec:
  component: %s
  category: Networking
  placement: Cluster
  operatedBy: Provider
  implementation:
    name: %s
    methods: [Deployment]
    source: {name: example/%s}
%s`, name, name, name, name, indent(spec))), &m)).To(Succeed())
	return &m
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

// get reads a mapping anew.
func get(name string) func() (*v1alpha1.ComponentMapping, error) {
	return func() (*v1alpha1.ComponentMapping, error) {
		var m v1alpha1.ComponentMapping
		err := k8sClient.Get(ctx, client.ObjectKey{Name: name}, &m)
		return &m, err
	}
}

// haveCondition matches an object by the status and reason of one of its conditions; words must be in the
// message.
func haveCondition(conditionType string, status metav1.ConditionStatus, reason string, words ...string) types.GomegaMatcher {
	var message []types.GomegaMatcher
	for _, w := range words {
		message = append(message, ContainSubstring(w))
	}
	return WithTransform(func(object any) *metav1.Condition {
		switch o := object.(type) {
		case *v1alpha1.ComponentMapping:
			return meta.FindStatusCondition(o.Status.Conditions, conditionType)
		case *v1alpha1.ClusterArchitecture:
			return meta.FindStatusCondition(o.Status.Conditions, conditionType)
		}
		return nil
	}, gstruct.PointTo(gstruct.MatchFields(gstruct.IgnoreExtras, gstruct.Fields{
		"Status": Equal(status), "Reason": Equal(reason), "Message": And(message...),
	})))
}

// deployment is a Deployment in the default namespace with rolled-out replicas.
func deployment(name string, replicas int32) *appsv1.Deployment {
	GinkgoHelper()
	return deploymentIn(metav1.NamespaceDefault, name, replicas, nil)
}

// deploymentIn creates a Deployment with labels of its own; its pods have the label app.
func deploymentIn(namespace, name string, replicas int32, own map[string]string) *appsv1.Deployment {
	GinkgoHelper()
	labels := map[string]string{"app": name}
	d := create(&appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: own},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/" + name + ":v1.2.3"}}},
			},
		},
	})
	setAvailable(d, replicas)
	return d
}

// setAvailable plays the deployment controller, which does not run here.
func setAvailable(d *appsv1.Deployment, available int32) {
	GinkgoHelper()
	desired := *d.Spec.Replicas
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: desired, UpdatedReplicas: desired,
		ReadyReplicas: available, AvailableReplicas: available, UnavailableReplicas: desired - available,
	}
	Expect(k8sClient.Status().Update(ctx, d)).To(Succeed())
}

func checkDeployment(name string) string {
	return fmt.Sprintf(`
checks:
- name: controller
  type: Workload
  workload: {kind: Deployment, namespace: default, names: [%s], container: main}
`, name)
}
