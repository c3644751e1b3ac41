// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
)

func TestFaults(t *testing.T) {
	const (
		timeout = `{name: web, image: "registry.example/web:v1", state: {waiting: {reason: ErrImagePull, message: 'Head "https://mirror.example/v2/": dial tcp: i/o timeout'}}, imageID: "", ready: false, restartCount: 0}`
		webIs   = " Deployment kube-system/web "
	)
	pooled := func(name string) client.Object {
		return labeled(nodeWith(name, notReady()), map[string]string{"kubernetes.azure.com/agentpool": "user"})
	}
	denied := web(2, 0)
	denied.Status.Replicas, denied.Status.UpdatedReplicas = 0, 0
	denied.Status.Conditions = deployment("web", "", `{conditions: [{type: ReplicaFailure, status: "True", message: 'exceeded quota: q'}]}`).Status.Conditions
	forbidden := denied.DeepCopy()
	forbidden.Status.Conditions[0].Message = `pods "web-" is forbidden: ValidatingAdmissionPolicy 'no-hosts' denied request: no host ports`
	lacking := unscheduled("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}.")
	for name, test := range map[string]struct {
		workload    client.Object
		nodes, pods []client.Object
		want        []string
	}{
		"all of its pods crash": {web(2, 0), pools(), []client.Object{pod("a", "n1", containerStatuses(crashing)), pod("b", "n2", containerStatuses(crashing))},
			[]string{"Major Workload" + webIs + "CrashLooping: kubectl -n kube-system logs deployment/web -c web --previous"}},
		"one of them crashes, and is the one to look at": {web(2, 1), pools(), []client.Object{pod("b", "n2", containerStatuses(crashing))},
			[]string{"Major Workload" + webIs + "CrashLooping: kubectl -n kube-system logs b -c web --previous"}},
		"another image, and a registry": {web(3, 0), pools(), []client.Object{
			pod("a", "n1", containerStatuses(timeout)), pod("b", "n2", containerStatuses(timeout)), pod("c", "n2", containerStatuses(crashing))},
			[]string{"Major Registry Registry mirror.example ImagePullFailed: kubectl -n kube-system describe pod a [Image registry.example/web:v1]",
				"Major Workload" + webIs + "CrashLooping: kubectl -n kube-system logs deployment/web -c web --previous"}},
		"an image that is not there": {web(1, 0), pools(), []client.Object{pod("a", "n1", containerStatuses(pulling))},
			[]string{"Major Image Image registry.example/web:v1 ImagePullFailed: kubectl -n kube-system describe pod a"}},
		"no node takes it": {web(1, 0), pools(), []client.Object{pod("a", "", lacking)},
			[]string{"Major Scheduling" + webIs + "Unschedulable: kubectl -n kube-system describe pod a [Resource cpu] Customer"}},
		"a quota refuses it": {denied, pools(), nil,
			[]string{"Major Admission" + webIs + "AdmissionDenied: kubectl -n kube-system describe replicasets -l app=web Customer"}},
		"a policy denies it": {forbidden, pools(), nil,
			[]string{"Major Admission ValidatingAdmissionPolicy no-hosts AdmissionDenied: kubectl get validatingadmissionpolicy no-hosts -o yaml Customer"}},
		"it was scaled to 0": {web(0, 0), nil, nil,
			[]string{"Major Workload" + webIs + "ScaledToZero: kubectl -n kube-system get deployment/web -o yaml --show-managed-fields"}},
		"a node of a pool is down": {cns(3, 2, ""), []client.Object{old("a"), old("b"), pooled("x")}, nil,
			[]string{"Minor Node Node x NodeFault: kubectl describe node x [NodePool user] Customer"}},
		"nodes of a pool and others are": {cns(4, 1, ""), []client.Object{old("a"), nodeWith("alone", notReady()), pooled("x"), pooled("y")}, nil,
			[]string{"Minor Node Node alone NodeFault: kubectl describe node alone Customer",
				"Minor NodePool NodePool user NodeFault: kubectl get nodes -l kubernetes.azure.com/agentpool=user -o wide Customer"}},
		"nodes leave it no pod": {web(1, 0), []client.Object{pooled("x")}, []client.Object{pod("a", "x", containerStatuses(running))},
			[]string{"Major Node Node x NodeFault: kubectl describe node x [NodePool user] Customer"}},
		"nothing is wrong": {web(2, 2), pools(), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range diagnoseNow(test.workload, test.nodes, test.pods).Faults {
				text := fmt.Sprintf("%s %s %s %s: %s", f.Severity, f.Kind, msg.Object(f.Subject.Kind, f.Subject.Namespace, f.Subject.Name), f.Reason, f.Next)
				for _, o := range f.Related {
					text += fmt.Sprintf(" [%s %s]", o.Kind, o.Name)
				}
				if f.OperatedBy != "" {
					text += " " + string(f.OperatedBy)
				}
				got = append(got, text)
				NewWithT(t).Expect(f.Message).NotTo(BeEmpty())
			}
			NewWithT(t).Expect(got).To(Equal(test.want))
		})
	}
}

// A fault began when the first of its pods was not ready any more, not when the pod was made.
func TestFaultsBegan(t *testing.T) {
	turned := func(name string, ago time.Duration) client.Object {
		at := noon.Add(-ago).Format(time.RFC3339)
		return aged(pod(name, "n1", fmt.Sprintf("{conditions: [{type: Ready, status: 'False', lastTransitionTime: %q}], containerStatuses: [%s]}", at, crashing)), 24*time.Hour)
	}
	faults := diagnoseNow(web(2, 0), pools(), []client.Object{turned("a", time.Minute), turned("b", time.Hour)}).Faults
	NewWithT(t).Expect(faults).To(HaveExactElements(HaveField("Since.Time", BeTemporally("==", noon.Add(-time.Hour)))))

	pending := aged(pod("a", "", fmt.Sprintf("{conditions: [{type: PodScheduled, status: 'False', lastTransitionTime: %q, message: '0/1 nodes are available: 1 Insufficient cpu.'}]}",
		noon.Add(-time.Minute).Format(time.RFC3339))), time.Hour)
	faults = diagnoseNow(web(1, 0), pools(), []client.Object{pending}).Faults
	NewWithT(t).Expect(faults).To(HaveExactElements(HaveField("Since.Time", BeTemporally("==", noon.Add(-time.Minute)))))
	NewWithT(t).Expect(faults[0].Kind).To(Equal(v1alpha1.FaultScheduling))
}
