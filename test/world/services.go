// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// endpoints are the pods behind Services.
type endpoints struct {
	slices []*discoveryv1.EndpointSlice
	// ready endpoints, by Service that selects pods.
	ready map[Ref]int
	// turned is when a pod behind a Service became ready last, or stopped being so.
	turned map[Ref]time.Time
}

// endpoints finds the pods behind every Service that selects some.
func (w *World) endpoints(pods []*corev1.Pod) endpoints {
	found := endpoints{ready: map[Ref]int{}, turned: map[Ref]time.Time{}}
	for _, ref := range w.order {
		service := w.state.objects[ref]
		if ref.Kind != "Service" || service == nil {
			continue
		}
		selector, _, _ := unstructured.NestedStringMap(service.Object, "spec", "selector")
		if len(selector) == 0 {
			continue
		}
		slice := &discoveryv1.EndpointSlice{
			TypeMeta: metav1.TypeMeta{APIVersion: discoveryv1.SchemeGroupVersion.String(), Kind: "EndpointSlice"},
			ObjectMeta: metav1.ObjectMeta{Namespace: ref.Namespace, Name: ref.Name + "-" + suffix(ref), CreationTimestamp: metaTime(birth),
				Labels: map[string]string{discoveryv1.LabelServiceName: ref.Name}},
			AddressType: discoveryv1.AddressTypeIPv4,
		}
		found.ready[ref] = 0
		for _, pod := range pods {
			if pod.Namespace != ref.Namespace || pod.Status.PodIP == "" || !labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels)) {
				continue
			}
			ready := pod.DeletionTimestamp == nil && isReady(pod)
			if at := readyTurned(pod); at.After(found.turned[ref]) {
				found.turned[ref] = at
			}
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
				Addresses: []string{pod.Status.PodIP}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}})
			if ready {
				found.ready[ref]++
			}
		}
		found.slices = append(found.slices, slice)
	}
	return found
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func readyTurned(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// convergeAPIService sets whether the API server reaches the server behind an aggregated API.
func (e endpoints) convergeAPIService(o *unstructured.Unstructured) error {
	namespace, _, _ := unstructured.NestedString(o.Object, "spec", "service", "namespace")
	name, found, _ := unstructured.NestedString(o.Object, "spec", "service", "name")
	if !found {
		return nil
	}
	available := map[string]any{
		"type": "Available", "status": "True", "reason": "Passed", "message": "all checks passed",
		"lastTransitionTime": birth.UTC().Format(time.RFC3339),
	}
	service := Ref{Kind: "Service", Namespace: namespace, Name: name}
	ready, there := e.ready[service]
	if ready == 0 {
		delete(available, "lastTransitionTime")
		if at := e.turned[service]; at.After(birth) {
			available["lastTransitionTime"] = at.UTC().Format(time.RFC3339)
		}
	}
	switch {
	case !there:
		available["status"], available["reason"] = "False", "ServiceNotFound"
		available["message"] = fmt.Sprintf("service/%s in %q is not present", name, namespace)
	case ready == 0:
		available["status"], available["reason"] = "False", "MissingEndpoints"
		available["message"] = fmt.Sprintf("endpoints for service/%s in %q have no addresses with port name \"https\"", name, namespace)
	}
	return unstructured.SetNestedSlice(o.Object, []any{available}, "status", "conditions")
}

// retag changes the tag of a container's image.
func retag(o *unstructured.Unstructured, container, tag string) (*unstructured.Unstructured, error) {
	o = o.DeepCopy()
	containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	if err != nil {
		return nil, err
	}
	done := false
	for _, c := range containers {
		c, _ := c.(map[string]any)
		image, _ := c["image"].(string)
		if container == "" || c["name"] == container {
			repository, _, _ := strings.Cut(image, ":")
			c["image"], done = repository+":"+tag, true
		}
	}
	if !done {
		return nil, fmt.Errorf("it has no container %s", container)
	}
	o.SetGeneration(o.GetGeneration() + 1)
	return o, unstructured.SetNestedSlice(o.Object, containers, "spec", "template", "spec", "containers")
}
