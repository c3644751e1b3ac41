// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega/format"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestMain(m *testing.M) {
	format.TruncatedDiff = false
	m.Run()
}

// noon is when all tests happen.
var noon = time.Date(2026, time.October, 2, 12, 0, 0, 0, time.UTC)

// decode reads YAML. A field that does not exist is a mistake of the test.
func decode[T any](text string) T {
	var out T
	if err := yaml.UnmarshalStrict([]byte(text), &out); err != nil {
		panic(fmt.Sprintf("%s in:\n%s", err, text))
	}
	return out
}

// manifest returns an object, its spec and status as YAML in one line; empty is {}.
func manifest(namespace, name, spec, status string) string {
	text := fmt.Sprintf("metadata: {namespace: %q, name: %q, generation: 2}\n", namespace, name)
	if spec != "" {
		text += "spec: " + spec + "\n"
	}
	if status != "" {
		text += "status: " + status + "\n"
	}
	return text
}

func deployment(name, spec, status string) *appsv1.Deployment {
	return decode[*appsv1.Deployment](manifest("kube-system", name, spec, status))
}

func daemonSet(name, spec, status string) *appsv1.DaemonSet {
	return decode[*appsv1.DaemonSet](manifest("kube-system", name, spec, status))
}

func statefulSet(name, spec, status string) *appsv1.StatefulSet {
	return decode[*appsv1.StatefulSet](manifest("kube-system", name, spec, status))
}

func node(name, spec, status string) *corev1.Node {
	return decode[*corev1.Node](manifest("", name, spec, status))
}

// nodeWith returns a node that reports these conditions.
func nodeWith(name string, conditions ...string) client.Object {
	return node(name, "", "{conditions: ["+strings.Join(conditions, ", ")+"]}")
}

func ready() string     { return "{type: Ready, status: 'True', reason: KubeletReady}" }
func unhealthy() string { return "{type: Ready, status: 'False', reason: KubeletNotReady}" }
func notReady() string  { return "{type: Ready, status: Unknown, reason: NodeStatusUnknown}" }

// newly has an object made a minute ago.
func newly(o client.Object) client.Object { return aged(o, time.Minute) }

// labeled gives an object labels.
func labeled[T client.Object](o T, labels map[string]string) T {
	o.SetLabels(labels)
	return o
}

// summary returns a diagnosis in a line: healthy reason: detail.
func summary(d Diagnosis) string {
	return fmt.Sprintf("%s %s: %s", d.Healthy, d.Reason, d.Detail)
}
