// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CheckType says what a check looks at.
// +kubebuilder:validation:Enum=Workload;Nodes;Lease;Endpoint;Object;AccessReview;Webhook
type CheckType string

const (
	// CheckWorkload looks at Deployments, DaemonSets or StatefulSets.
	CheckWorkload CheckType = "Workload"
	// CheckNodes looks at the Node objects and their conditions.
	CheckNodes CheckType = "Nodes"
	// CheckLease looks at leader-election and identity Leases.
	CheckLease CheckType = "Lease"
	// CheckEndpoint asks a path of the API server, such as /readyz.
	CheckEndpoint CheckType = "Endpoint"
	// CheckObject looks at objects of any other kind.
	CheckObject CheckType = "Object"
	// CheckAccessReview reads why the cluster's authorizers deny a request.
	CheckAccessReview CheckType = "AccessReview"
	// CheckWebhook looks at admission webhooks: whether the API server can call them.
	CheckWebhook CheckType = "Webhook"
)

// Expectation says what the presence of a check's object means.
// +kubebuilder:validation:Enum=Present;Optional;Absent;Precondition
type Expectation string

const (
	// ExpectPresent is the default: the object belongs to the component and must
	// be there.
	ExpectPresent Expectation = "Present"
	// ExpectOptional: the object may be missing; when it is there, its health
	// counts.
	ExpectOptional Expectation = "Optional"
	// ExpectAbsent: the object must not be there.
	ExpectAbsent Expectation = "Absent"
	// ExpectPrecondition: the object must be there, but it proves nothing of the
	// component itself ("this is an AKS cluster"). Its health does not count.
	ExpectPrecondition Expectation = "Precondition"
)

// Evidence says how directly something was observed.
type Evidence string

const (
	// EvidenceDirect: the object itself was observed.
	EvidenceDirect Evidence = "Direct"
	// EvidenceIndirect: only an indirect sign was observed, such as the leader lease
	// of a hidden controller.
	EvidenceIndirect Evidence = "Indirect"
	// EvidenceNone: nothing was observed, or nothing that proves anything.
	EvidenceNone Evidence = "None"
)

// Check is one thing to look at, and what it should look like. Exactly the
// member that type names is set.
//
// +kubebuilder:validation:XValidation:rule="(self.type == 'Workload') == has(self.workload)",message="workload must be set when type is Workload, and only then",fieldPath=".workload"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Nodes') == has(self.nodes)",message="nodes must be set when type is Nodes, and only then",fieldPath=".nodes"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Lease') == has(self.lease)",message="lease must be set when type is Lease, and only then",fieldPath=".lease"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Endpoint') == has(self.endpoint)",message="endpoint must be set when type is Endpoint, and only then",fieldPath=".endpoint"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Object') == has(self.object)",message="object must be set when type is Object, and only then",fieldPath=".object"
// +kubebuilder:validation:XValidation:rule="(self.type == 'AccessReview') == has(self.accessReview)",message="accessReview must be set when type is AccessReview, and only then",fieldPath=".accessReview"
// +kubebuilder:validation:XValidation:rule="(self.type == 'Webhook') == has(self.webhook)",message="webhook must be set when type is Webhook, and only then",fieldPath=".webhook"
// +kubebuilder:validation:XValidation:rule="self.type == 'Workload' || has(self.method) || (has(self.expect) && self.expect in ['Absent', 'Precondition'])",message="method must be set: it follows from the workload's kind only when type is Workload; use None for an object that is not itself an implementation, such as an API registration",fieldPath=".method"
// +kubebuilder:validation:XValidation:rule="!has(self.intervalSeconds) || self.type in ['Lease', 'Endpoint', 'AccessReview'] || (self.type == 'Object' && has(self.object) && has(self.object.observe) && self.object.observe == 'Poll')",message="intervalSeconds may only be set for what is polled: Lease, Endpoint, AccessReview, and Object with observe: Poll; everything else is watched",fieldPath=".intervalSeconds"
type Check struct {
	// name identifies the check within its list; status.checks and messages use
	// it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower case letters, digits and '-', such as node-plugin"
	Name string `json:"name,omitempty"`

	// type says what the check looks at, and which of the members below is set.
	// +required
	Type CheckType `json:"type,omitempty"`

	// expect says what finding the object means. Present, the default: it must
	// exist. Optional: it may be missing; if it exists, its health counts. Absent:
	// it must not exist. Precondition: it must exist, but it is not evidence of the
	// component and has no vote on health, such as the node label that identifies an
	// AKS cluster.
	// +optional
	// +default="Present"
	Expect Expectation `json:"expect,omitempty"`

	// method is the implementation method that this check proves when it finds
	// something. A Workload check's default is its workload's kind; for every
	// other type it must be given. None: the object is part of the component but
	// no implementation of it, such as a CSIDriver.
	// +optional
	Method CheckMethod `json:"method,omitempty"`

	// evidence is Direct if the component itself is observed, Indirect if only a sign of
	// it is, such as the lease of a hidden controller. None: the object belongs to the
	// component, but does not prove it by itself, like an IngressClass, a CSIDriver or a
	// CustomResourceDefinition, which remain after the component is removed. Default:
	// None for types Object and Webhook, because such objects may be left behind; Direct
	// for all other types. Set it for an Object that something keeps writing.
	// +optional
	// +kubebuilder:validation:Enum=Direct;Indirect;None
	Evidence Evidence `json:"evidence,omitempty"`

	// operatedBy says who can act when the check fails, where that is not who runs the
	// component: objects that the owner of the cluster writes for a program of the
	// provider's are the owner's. Default: that of the variant, or of the mapping.
	// +optional
	OperatedBy Operator `json:"operatedBy,omitempty"`

	// intervalSeconds is the time between two reads of what is polled (Lease,
	// Endpoint, AccessReview, polled Object), in seconds, with some jitter. Default
	// 30.
	// +optional
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=3600
	IntervalSeconds int32 `json:"intervalSeconds,omitempty"`

	// workload names Deployments, DaemonSets or StatefulSets by names, namePrefix
	// or selector.
	//
	// Present: at least one matches. Several are one family, such as a DaemonSet
	// split by node size.
	//
	// Healthy: every match has at least one available pod, and no more of the others
	// are unavailable by a fault of their own than its own maxUnavailable, or
	// tolerance, allows. Pods that are missing because of nodes (down, leaving,
	// stopped, cordoned, not initialized) are not counted: they are a fault of the
	// nodes. One that is scaled to 0 is unhealthy unless scaleToZero allows it. A
	// DaemonSet that matches no node is idle: present, without a vote on health.
	// +optional
	Workload *WorkloadCheck `json:"workload,omitempty"`

	// nodes says which nodes run the component and what each of them must show.
	//
	// Present: at least one selected node meets present.
	//
	// Healthy: those also meet healthy, but for a share that tolerance allows, in each
	// group of groupBy. One that joined less than ten minutes ago and is not ready yet
	// does not count. Without healthy the check has no vote on health.
	// +optional
	Nodes *NodesCheck `json:"nodes,omitempty"`

	// lease names a Lease that its holder keeps renewing, by name or by selector.
	//
	// Present: one exists.
	//
	// Healthy: it has a holder and its renewTime keeps changing. archmap watches for changes and
	// does not compare clocks. If there are several leases, any fresh one is enough. A change of
	// holder is normal.
	// +optional
	Lease *LeaseCheck `json:"lease,omitempty"`

	// endpoint names a path of the API server, which is asked with GET.
	//
	// Present: the path responds, and the expression present is true. 404 is absent;
	// 401 and 403 mean that archmap is not permitted to read it.
	//
	// Healthy: the response is 200, and the expression healthy is true.
	//
	// Expressions see status (int), body (string) and json (the decoded body, or
	// null).
	// +optional
	Endpoint *EndpointCheck `json:"endpoint,omitempty"`

	// object names objects of any kind that no other check type is for.
	//
	// Present: one exists for which the expression present holds. A kind that the
	// API server does not know is absent.
	//
	// Healthy: the expression healthy holds for each of those, but for a share that
	// tolerance allows. Without it the check has no vote on health.
	//
	// Expressions see object (the whole object) and now (a timestamp); the CEL
	// libraries of Kubernetes and parseYAML(string) are available.
	// +optional
	Object *ObjectCheck `json:"object,omitempty"`

	// accessReview asks the API server, with a SelfSubjectAccessReview, for a
	// permission that the operator does not have, and reads the reason for the
	// denial, which shows the authorizers in use.
	//
	// Present: the reason for the denial contains one of the texts.
	//
	// Healthy: never assessed, because it does not show the health of an authorizer.
	// +optional
	AccessReview *AccessReviewCheck `json:"accessReview,omitempty"`

	// webhook selects admission webhooks by their configurations: by names, namePrefix or
	// selector; without any of these, all of them.
	//
	// Present: at least one configuration with a webhook matches.
	//
	// Healthy: the API server can call each webhook: its Service exists, has the port and
	// a ready endpoint, and its caBundle is not empty. One that can't be called counts
	// by what it intercepts, while its failurePolicy is Fail: always, if that is what the
	// cluster needs, such as pods, nodes, leases and namespaces, or if the check selects
	// it by the fields above; for other kinds of Kubernetes, only when nothing runs
	// behind it; for kinds of its own program, never. With Ignore, requests pass without
	// it: it counts only if the check selects it, it intercepts kinds of Kubernetes, and
	// nothing runs behind it. What does not count is healthy, with the reason
	// WithinTolerance. A webhook with a URL is counted, but not assessed.
	// +optional
	Webhook *WebhookCheck `json:"webhook,omitempty"`
}

// WorkloadKind is a kind of the apps/v1 API that rolls out pods.
// +kubebuilder:validation:Enum=Deployment;DaemonSet;StatefulSet
type WorkloadKind string

const (
	// WorkloadDeployment is apps/v1 Deployment.
	WorkloadDeployment WorkloadKind = "Deployment"
	// WorkloadDaemonSet is apps/v1 DaemonSet.
	WorkloadDaemonSet WorkloadKind = "DaemonSet"
	// WorkloadStatefulSet is apps/v1 StatefulSet.
	WorkloadStatefulSet WorkloadKind = "StatefulSet"
)

// WorkloadCheck is the member of a Check for workloads.
//
// +kubebuilder:validation:XValidation:rule="has(self.names) || has(self.namePrefix) || has(self.selector)",message="one of names, namePrefix or selector must be set: it says which workloads of the namespace are meant"
// +kubebuilder:validation:XValidation:rule="has(self.namespace) || has(self.selector)",message="must be set without a selector: only labels find workloads in any namespace",fieldPath=".namespace"
// +kubebuilder:validation:XValidation:rule="!(has(self.names) && has(self.namePrefix))",message="names and namePrefix may not both be set",fieldPath=".namePrefix"
type WorkloadCheck struct {
	// kind is Deployment, DaemonSet or StatefulSet.
	// +required
	Kind WorkloadKind `json:"kind,omitempty"`

	// namespace of the workloads. With a selector it may be left out: then workloads in any
	// namespace match, for a program that may be installed anywhere. The API server applies the
	// selector, so that only workloads with these labels are held in memory; names, namePrefix
	// and imagePath narrow the match further. This needs permission to list and watch the kind
	// in all namespaces.
	// +optional
	Namespace NamespaceName `json:"namespace,omitempty"`

	// names lists the workloads; finding any one of them is enough to be present.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Names []ObjectName `json:"names,omitempty"`

	// namePrefix matches every workload whose name begins with it, such as
	// istiod-asm- for the revisions of a service mesh.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9][-a-z0-9.]*$')",message="must be the beginning of an object's name: lower case letters, digits, '-' and '.', such as istiod-asm-"
	NamePrefix string `json:"namePrefix,omitempty"`

	// selector matches by the labels of the workload object (not of its pods),
	// alone or on top of names or namePrefix.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="must have matchLabels or matchExpressions: an empty selector selects everything"
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// container is the container whose image is reported as status.image and, by
	// its tag, as status.version. Without it the check reports neither.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be a container's name: lower case letters, digits and '-', such as azuredisk"
	Container string `json:"container,omitempty"`

	// imagePath narrows the match to workloads that run an image whose path, without
	// registry and tag, ends in this: "pause" and "kubernetes/pause" both match
	// registry.example/oss/kubernetes/pause:3.6. Only the image of the container above
	// counts, or that of any container if none is given.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z0-9._-]+(/[a-zA-Z0-9._-]+)*$')",message="must be the end of an image path without tag or digest, such as kubernetes/pause"
	ImagePath string `json:"imagePath,omitempty"`

	// minAvailable is how many available pods are enough, instead of the workload's
	// own maxUnavailable: 1 for a controller with two pods that can't share a node,
	// because on a one-node cluster the second one never starts. A workload with
	// fewer desired pods needs all of them.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MinAvailable int32 `json:"minAvailable,omitempty"`

	// tolerance is the share of its own pods that may be unavailable by a fault of
	// their own while the workload still counts as healthy, with the reason
	// WithinTolerance. Its maxUnavailable is tolerated in any case, and never all of
	// its pods. Default: nothing more.
	// +optional
	Tolerance Tolerance `json:"tolerance,omitzero"`

	// scaleToZero says what scaling a Deployment or StatefulSet to 0 means:
	// Forbidden, the default: it is unhealthy. Allowed: it is idle, for workloads
	// that an autoscaler or the owner may scale to 0.
	// +optional
	ScaleToZero ScaleToZero `json:"scaleToZero,omitempty"`

	// service says that clients reach the pods through a Service: a workload is unhealthy
	// when no Service of its namespace leads to its pods. Pods that use the network or a
	// port of their node need none.
	// +optional
	Service ServiceRequirement `json:"service,omitzero"`
}

// ServiceRequirement says which Services of a workload its clients use.
type ServiceRequirement struct {
	// ignorePorts are container ports, by name, that are not for clients, such as those
	// of metrics and webhooks: a Service that leads to no other port does not count.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	IgnorePorts []PortName `json:"ignorePorts,omitempty"`
}

// PortName is the name of a container port.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=15
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be the name of a port: lower case letters, digits and '-', such as metrics"
type PortName string

// ScaleToZero says whether a workload may be scaled to 0.
// +kubebuilder:validation:Enum=Allowed;Forbidden
type ScaleToZero string

const (
	// ScaleToZeroAllowed: a workload that is scaled to 0 is idle.
	ScaleToZeroAllowed ScaleToZero = "Allowed"
	// ScaleToZeroForbidden: it is unhealthy.
	ScaleToZeroForbidden ScaleToZero = "Forbidden"
)

// Tolerance is the share of pods or nodes whose fault does not count yet.
// +kubebuilder:validation:MinProperties=1
type Tolerance struct {
	// percent of the pods or nodes, rounded down: 5 tolerates none of 19, one of 20,
	// and 50 of 1,000. Default 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=99
	Percent *int32 `json:"percent,omitempty"`
}

// NodesCheck is the member of a Check for nodes.
type NodesCheck struct {
	// selector picks nodes by label. Default: all of them.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="must have matchLabels or matchExpressions: an empty selector selects everything"
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// present are the criteria, besides labels, by which a node is known to run the
	// component. Default: none.
	// +optional
	Present *NodeCriteria `json:"present,omitempty"`

	// healthy are the criteria that each such node must meet. Without it the check has
	// no vote on health.
	// +optional
	Healthy *NodeCriteria `json:"healthy,omitempty"`

	// groupBy lists labels that name the group of a node, such as its node pool; the
	// first one that has a value on the node counts. Each group has the tolerance for
	// itself, so that a small pool that is down counts in a big cluster, too. Nodes
	// with none of the labels are one group, and the same value of two labels is two
	// groups. Default: all nodes are one group.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	GroupBy []QualifiedName `json:"groupBy,omitempty"`

	// tolerance is the share of the nodes of each group that may be unhealthy while
	// the check still passes, with the reason WithinTolerance. Default: none.
	// +optional
	Tolerance Tolerance `json:"tolerance,omitzero"`

	// ignoreTaints leaves out nodes that carry a taint with one of these keys:
	// machines that are switched off on purpose, such as
	// node.cloudprovider.kubernetes.io/shutdown.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	IgnoreTaints []QualifiedName `json:"ignoreTaints,omitempty"`

	// ignoreConditions leaves out nodes with one of these conditions: nodes whose
	// fault is not the component's, such as those waiting for a network plugin to be
	// installed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	IgnoreConditions []NodeConditionMatch `json:"ignoreConditions,omitempty"`

	// notices makes the check report every other condition with which a node reports
	// a problem. Such a node stays healthy, and the check passes with the reason
	// WithinTolerance. Default: other conditions are not reported.
	// +optional
	Notices *NodeNotices `json:"notices,omitempty"`

	// virtualNodes is Exclude (the default), or Only for nodes that are not
	// machines: those with the label type=virtual-kubelet. They have no kubelet, no
	// container runtime and no provider ID.
	// +optional
	// +default="Exclude"
	VirtualNodes VirtualNodes `json:"virtualNodes,omitempty"`

	// version names the field of status.nodeInfo that is the component's version:
	// Kubelet or ContainerRuntime. Default: the check reports no version.
	// +optional
	Version NodeVersion `json:"version,omitempty"`
}

// VirtualNodes says whether a check is of machines or of virtual nodes.
// +kubebuilder:validation:Enum=Exclude;Only
type VirtualNodes string

const (
	// VirtualNodesExclude: machines only.
	VirtualNodesExclude VirtualNodes = "Exclude"
	// VirtualNodesOnly: virtual nodes only.
	VirtualNodesOnly VirtualNodes = "Only"
)

// NodeNotices says which conditions of healthy nodes are told. One reports a problem
// when it is True, or when it is False and its type ends in Ready.
type NodeNotices struct {
	// except are types of conditions that are not reported, because other checks read
	// them. Ready is never reported.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Except []string `json:"except,omitempty"`

	// maxHeartbeatAgeSeconds is how old the condition's lastHeartbeatTime may be, in
	// seconds, before the condition is ignored.
	// +required
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	MaxHeartbeatAgeSeconds int32 `json:"maxHeartbeatAgeSeconds,omitempty"`
}

// NodeVersion is a version that every node reports.
// +kubebuilder:validation:Enum=Kubelet;ContainerRuntime
type NodeVersion string

const (
	// NodeVersionKubelet is status.nodeInfo.kubeletVersion.
	NodeVersionKubelet NodeVersion = "Kubelet"
	// NodeVersionContainerRuntime is status.nodeInfo.containerRuntimeVersion.
	NodeVersionContainerRuntime NodeVersion = "ContainerRuntime"
)

// Assignment says whether a field has a value.
// +kubebuilder:validation:Enum=Set;Unset
type Assignment string

const (
	// Set: the field has a value.
	Set Assignment = "Set"
	// Unset: the field has none.
	Unset Assignment = "Unset"
)

// NodeCriteria is met by a node that meets every part that is given.
// +kubebuilder:validation:AtLeastOneOf=conditions;forbiddenConditions;forbiddenTaints;runtimePrefix;providerIDPrefix;podCIDR;minKubelet;maxKubelet
type NodeCriteria struct {
	// conditions must all be on the node.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Conditions []NodeConditionMatch `json:"conditions,omitempty"`

	// forbiddenConditions must not be on the node. One that the node does not report,
	// or whose heartbeat is too old, does not count.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	ForbiddenConditions []NodeConditionMatch `json:"forbiddenConditions,omitempty"`

	// forbiddenTaints are taint keys that the node must not carry.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	ForbiddenTaints []QualifiedName `json:"forbiddenTaints,omitempty"`

	// runtimePrefix begins status.nodeInfo.containerRuntimeVersion, such as
	// containerd://.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	RuntimePrefix string `json:"runtimePrefix,omitempty"`

	// providerIDPrefix begins spec.providerID, such as azure://.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ProviderIDPrefix string `json:"providerIDPrefix,omitempty"`

	// podCIDR says whether spec.podCIDR has a value: Set or Unset.
	// +optional
	PodCIDR Assignment `json:"podCIDR,omitempty"`

	// minKubelet is the lowest minor version of status.nodeInfo.kubeletVersion, such as
	// "1.32" (in quotes: YAML takes it for a number): for what came with a version of
	// Kubernetes. It is known of nodes that are down, too.
	// +optional
	MinKubelet MinorVersion `json:"minKubelet,omitempty"`

	// maxKubelet is the highest one, such as "1.31".
	// +optional
	MaxKubelet MinorVersion `json:"maxKubelet,omitempty"`
}

// MinorVersion is a minor version of Kubernetes, such as 1.32.
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=15
// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]+[.][0-9]+$')",message="must be a minor version such as 1.32"
type MinorVersion string

// NodeConditionMatch describes one condition of a node.
//
// +kubebuilder:validation:XValidation:rule="!has(self.messageContains) || self.status != (self.type == 'Ready' ? 'True' : 'False')",message="messageContains may only be set for a condition that tells of a fault: Ready that is not True, any other that is not False; no other messages are kept",fieldPath=".messageContains"
type NodeConditionMatch struct {
	// type of the condition, such as Ready or KubeletProblem.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Type string `json:"type,omitempty"`

	// status of the condition: "True", "False" or "Unknown" (in quotes: YAML takes
	// a bare True for a boolean).
	// +required
	// +kubebuilder:validation:Enum="True";"False";Unknown
	Status string `json:"status,omitempty"`

	// reason of the condition. Default: any.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason,omitempty"`

	// messageContains is a part of the condition's message, upper and lower case
	// alike, such as "cni plugin not initialized". Default: any message.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	MessageContains string `json:"messageContains,omitempty"`

	// minAgeSeconds is how long the condition must have had its status, by its
	// lastTransitionTime, in seconds: for one that comes and goes, and matters only
	// if it lasts. Until then, a forbidden condition is reported, and the check
	// passes with the reason WithinTolerance. Default: it counts at once.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	MinAgeSeconds int32 `json:"minAgeSeconds,omitempty"`

	// maxHeartbeatAgeSeconds is how old the condition's lastHeartbeatTime may be, in
	// seconds, before the condition is ignored. Default: it is never ignored,
	// because some conditions are written only once.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	MaxHeartbeatAgeSeconds int32 `json:"maxHeartbeatAgeSeconds,omitempty"`
}

// LeaseCheck is the member of a Check for leases.
//
// +kubebuilder:validation:XValidation:rule="has(self.name) != has(self.selector)",message="one of name and selector must be set, and not both"
type LeaseCheck struct {
	// namespace holds the leases.
	// +required
	// +kubebuilder:validation:XValidation:rule="self != 'kube-node-lease'",message="must not be kube-node-lease: the heartbeat of a node is its Ready condition, use a Nodes check"
	Namespace NamespaceName `json:"namespace,omitempty"`

	// name of one lease.
	// +optional
	Name ObjectName `json:"name,omitempty"`

	// selector picks several leases by label.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="must have matchLabels or matchExpressions: an empty selector selects everything"
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// maxAgeSeconds is how long renewTime may stay the same, in seconds, before the
	// lease is stale. Default: four times the lease's own leaseDurationSeconds, and
	// at least 60.
	// +optional
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=86400
	MaxAgeSeconds int32 `json:"maxAgeSeconds,omitempty"`
}

// EndpointCheck is the member of a Check for paths of the API server.
type EndpointCheck struct {
	// path of the API server by which it tells of itself: /healthz, /livez, /readyz,
	// one of their checks such as /readyz/etcd, /version, /openid/v1/jwks or a document
	// in /.well-known. The first three may have a query: verbose, exclude=NAME, or
	// both. No other path is read: use another check type for objects. The operator keeps the body of a response, of at most 64 KiB,
	// only if an expression reads it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^/((healthz|livez|readyz)(/[A-Za-z0-9][A-Za-z0-9._-]*)*|version|[.]well-known/[A-Za-z0-9][A-Za-z0-9._-]*|openid/v1/jwks)([?].*)?$')",message="must be /healthz, /livez, /readyz or one of their checks, such as /readyz/etcd, or /version, /openid/v1/jwks or a document in /.well-known"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') || self.matches('^/(healthz|livez|readyz)[?](verbose|exclude=[A-Za-z0-9._/-]+)(&(verbose|exclude=[A-Za-z0-9._/-]+))*$')",message="may have a query only after /healthz, /livez and /readyz: verbose, exclude=NAME, or both"
	Path string `json:"path,omitempty"`

	// present is a CEL expression: does this response show the component? Default:
	// any response does.
	// +optional
	Present Expression `json:"present,omitempty"`

	// healthy is a CEL expression: is the component healthy? The status must also be
	// 200. Default: 200 is enough.
	// +optional
	Healthy Expression `json:"healthy,omitempty"`

	// version is a CEL expression that returns the version in use, a string.
	// +optional
	Version Expression `json:"version,omitempty"`
}

// ObserveMode says how objects are followed.
// +kubebuilder:validation:Enum=Watch;Poll
type ObserveMode string

const (
	// ObserveWatch is the default: changes are seen at once.
	ObserveWatch ObserveMode = "Watch"
	// ObservePoll: read every intervalSeconds, for objects that are rewritten all
	// the time.
	ObservePoll ObserveMode = "Poll"
)

// ObjectCheck is the member of a Check for objects of any other kind.
//
// +kubebuilder:validation:XValidation:rule="!(self.kind in ['Secret', 'Pod', 'Event'])",message="must not be Secret, Pod or Event: archmap never reads them through a mapping",fieldPath=".kind"
// +kubebuilder:validation:XValidation:rule="!(self.apiVersion.startsWith('apps/') && self.kind in ['Deployment', 'DaemonSet', 'StatefulSet', 'ReplicaSet', 'ControllerRevision'])",message="must not be a workload, or a revision of one: use a check of type Workload",fieldPath=".kind"
// +kubebuilder:validation:XValidation:rule="!(self.apiVersion == 'v1' && self.kind == 'Node')",message="must not be Node: use a check of type Nodes",fieldPath=".kind"
// +kubebuilder:validation:XValidation:rule="!(self.apiVersion.startsWith('coordination.k8s.io/') && self.kind == 'Lease')",message="must not be Lease: use a check of type Lease",fieldPath=".kind"
// +kubebuilder:validation:XValidation:rule="!self.apiVersion.startsWith('architecture.archmap.dev/')",message="must not be of the group architecture.archmap.dev: a status that depends on statuses may never come to rest",fieldPath=".apiVersion"
// +kubebuilder:validation:XValidation:rule="!(has(self.name) && has(self.selector))",message="name and selector may not both be set",fieldPath=".selector"
// +kubebuilder:validation:XValidation:rule="!(self.apiVersion == 'v1' && self.kind == 'ConfigMap') || (has(self.name) && has(self.namespace))",message="a ConfigMap must be given by namespace and name: archmap reads no others"
type ObjectCheck struct {
	// apiVersion is group/version of the kind, such as storage.k8s.io/v1, or v1
	// for the core group. archmap's own group is rejected.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9][a-z0-9]*$')",message="must be group/version such as storage.k8s.io/v1, or v1 for the core group"
	APIVersion string `json:"apiVersion,omitempty"`

	// kind of the objects, such as CSIDriver.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z][A-Za-z0-9]*$')",message="must be a kind in CamelCase, such as CSIDriver"
	Kind string `json:"kind,omitempty"`

	// namespace holds the objects. Leave it out for cluster-scoped kinds, and to
	// look in all namespaces.
	// +optional
	Namespace NamespaceName `json:"namespace,omitempty"`

	// name of one object.
	// +optional
	Name ObjectName `json:"name,omitempty"`

	// selector picks objects by label. Without name and selector, every object of
	// the kind is read.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="must have matchLabels or matchExpressions: an empty selector selects everything"
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// observe is Watch (the default), or Poll for objects that are rewritten every
	// few seconds.
	// +optional
	// +default="Watch"
	Observe ObserveMode `json:"observe,omitempty"`

	// present is a CEL expression: is this object evidence of the component?
	// Default: it is.
	// +optional
	Present Expression `json:"present,omitempty"`

	// healthy is a CEL expression: is the component healthy, as this object shows
	// it? Without it the check has no vote on health.
	// +optional
	Healthy Expression `json:"healthy,omitempty"`

	// tolerance is the share of those objects that may be unhealthy while the check
	// still passes, with the reason WithinTolerance: for kinds of which each node has
	// an object of its own. Default: none.
	// +optional
	Tolerance Tolerance `json:"tolerance,omitzero"`

	// version is a CEL expression that returns the version in use, a string.
	// +optional
	Version Expression `json:"version,omitempty"`

	// reason is the reason of the check while the expression healthy is false, one word
	// that programs can read, such as CSRPending. Default: ExpressionFalse.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z][A-Za-z0-9]*$')",message="must be one word in CamelCase, such as CSRPending"
	// +kubebuilder:validation:XValidation:rule="!(self in ['AllChecksPass', 'AwaitingRenewal', 'GenerationNotObserved', 'HealthNotObservable', 'Idle', 'InvalidSpec', 'NodeFault', 'NodesDown', 'NotFound', 'NotInDump', 'NotObservable', 'NotPermitted', 'NotPresent', 'NotYetObserved', 'ObservationFailed', 'PartMissing', 'Partial', 'Progressing', 'RolloutFailing', 'ScaledToZero', 'WebhookCallFailed', 'WebhookUnavailable', 'WithinGracePeriod', 'WithinTolerance'])",message="must not be a reason that archmap itself gives and acts on"
	Reason string `json:"reason,omitempty"`

	// message is a CEL expression that returns what to say about an unhealthy
	// object, a string.
	// +optional
	Message Expression `json:"message,omitempty"`

	// rootCause says what an unhealthy object may follow from. Component (the default):
	// while a workload of the component fails, it counts as a consequence of that.
	// Object: it is a cause of its own, as something else decides what the object
	// says, such as the cloud on the address of a Service.
	// +optional
	// +default="Component"
	RootCause RootCause `json:"rootCause,omitempty"`

	// events make an object unhealthy whose fields look healthy: warnings by which a
	// controller reports a failure that it reports nowhere else. They are read only
	// while the fields are healthy. If there are none, or they can't be read, the
	// fields decide. Use it only for kinds with few objects.
	// +optional
	Events ObjectEvents `json:"events,omitzero"`
}

// RootCause is where the fault of an unhealthy object may come from.
// +kubebuilder:validation:Enum=Component;Object
type RootCause string

const (
	// RootCauseComponent: an unhealthy object may follow from a workload of the component.
	RootCauseComponent RootCause = "Component"
	// RootCauseObject: an unhealthy object is a cause of its own.
	RootCauseObject RootCause = "Object"
)

// ObjectEvents are the events that turn an object unhealthy, with the reason
// FailureReported.
type ObjectEvents struct {
	// reasons of the events, such as NoCompatibleInstanceTypes.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Reasons []EventReason `json:"reasons,omitempty"`

	// minAgeSeconds is how long ago the first of them must have been, in seconds:
	// what is reported once or for a moment is no failure yet. Default: 600.
	// +optional
	// +default=600
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	MinAgeSeconds int32 `json:"minAgeSeconds,omitempty"`

	// maxAgeSeconds is how long ago the last of them may have been, in seconds, as
	// events are kept after what they tell is over. It should be several times as
	// long as the controller takes to report again. Default: 900.
	// +optional
	// +default=900
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=3600
	MaxAgeSeconds int32 `json:"maxAgeSeconds,omitempty"`

	// meanwhile names events that must be reported at the same time, about objects that
	// lack what these ones provide, such as pods that no node fits. Without them
	// nothing is affected, and an unused object is not a fault. Default: the events
	// above always count.
	// +optional
	Meanwhile EventsMeanwhile `json:"meanwhile,omitzero"`
}

// EventsMeanwhile are events about the affected objects, in all namespaces.
type EventsMeanwhile struct {
	// kind of the objects, such as Pod.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z][A-Za-z0-9]*$')",message="must be a kind in CamelCase, such as Pod"
	Kind string `json:"kind,omitempty"`

	// reason of the events, such as FailedScheduling.
	// +required
	Reason EventReason `json:"reason,omitempty"`

	// source is the component that reports them, such as karpenter.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Source string `json:"source,omitempty"`
}

// EventReason is the reason of an event.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$')",message="must be the reason of an event, such as FailedScheduling"
type EventReason string

// AccessReviewCheck is the member of a Check for a permission that is denied.
type AccessReviewCheck struct {
	// verb asked for, such as delete.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z]+|[*])$')",message="must be a verb in lower case letters, such as delete, or '*' for any"
	Verb string `json:"verb,omitempty"`

	// group of the resource; empty for the core group.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?|[*])$')",message="must be an API group without version, such as rbac.authorization.k8s.io, or '*' for any"
	Group string `json:"group,omitempty"`

	// resource asked for, such as nodes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?|[*])$')",message="must be the plural name of a resource without its group, such as nodes, or '*' for any"
	Resource string `json:"resource,omitempty"`

	// reasonContains lists texts; the reason must contain one of them, upper and
	// lower case alike.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	ReasonContains []string `json:"reasonContains,omitempty"`
}

// WebhookKind is a kind of admission webhooks.
// +kubebuilder:validation:Enum=Validating;Mutating
type WebhookKind string

const (
	// WebhookValidating is admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration.
	WebhookValidating WebhookKind = "Validating"
	// WebhookMutating is admissionregistration.k8s.io/v1 MutatingWebhookConfiguration.
	WebhookMutating WebhookKind = "Mutating"
)

// WebhookCheck is the member of a Check for admission webhooks. A configuration must meet every field that is given; kinds
// with both kinds alone is every configuration.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!(has(self.names) && has(self.namePrefix))",message="names and namePrefix may not both be set",fieldPath=".namePrefix"
type WebhookCheck struct {
	// kinds of the configurations: Validating, Mutating. Default: both.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Kinds []WebhookKind `json:"kinds,omitempty"`

	// names lists configurations; finding any one of them is enough to be present.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Names []ObjectName `json:"names,omitempty"`

	// namePrefix matches every configuration whose name begins with it, such as
	// istio-sidecar-injector-asm- for the revisions of a service mesh.
	// +optional
	NamePrefix NamePrefix `json:"namePrefix,omitempty"`

	// selector matches by the labels of the configuration, alone or on top of names or
	// namePrefix.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="must have matchLabels or matchExpressions: an empty selector selects everything"
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// serviceNamespace narrows the match to configurations with a webhook whose Service
	// is in this namespace: the provider and the owner of a cluster may install the
	// same webhook under one name.
	// +optional
	ServiceNamespace NamespaceName `json:"serviceNamespace,omitempty"`

	// anyOf narrows the match to configurations with at least one of these marks, such
	// as those that the provider leaves. They say whose the webhooks are, not which: a
	// check with only marks selects the webhooks of all programs.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	AnyOf []WebhookMark `json:"anyOf,omitempty"`

	// noneOf narrows the match to configurations with none of these marks.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	NoneOf []WebhookMark `json:"noneOf,omitempty"`
}

// WebhookMark is what the maker of a webhook configuration has left on it: a name that begins so, or a label.
//
// +kubebuilder:validation:ExactlyOneOf=namePrefix;label
// +kubebuilder:validation:XValidation:rule="!has(self.value) || has(self.label)",message="value may only be set with label: it is the value of that",fieldPath=".value"
type WebhookMark struct {
	// namePrefix begins the name of the configuration.
	// +optional
	NamePrefix NamePrefix `json:"namePrefix,omitempty"`

	// label is the key of a label that the configuration has.
	// +optional
	Label QualifiedName `json:"label,omitempty"`

	// value of the label. Default: any.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Value string `json:"value,omitempty"`
}

// NamePrefix is the beginning of the names of objects.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9][-a-z0-9.]*$')",message="must be the beginning of an object's name: lower case letters, digits, '-' and '.', such as istiod-asm-"
type NamePrefix string

// Expression is a CEL expression, compiled once per generation. Each evaluation
// may cost 1,000,000 units: a unit is a step, an element of a list or a map, or
// 10 bytes of text, read or made. The patterns of matches, find and findAll must
// be literals.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=1024
type Expression string

// NamespaceName is the name of a namespace.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be a namespace's name: lower case letters, digits and '-', such as kube-system"
type NamespaceName string

// ObjectName is the name of an object.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="must be an object's name: lower case letters, digits, '-' and '.', such as csi-azuredisk-node"
type ObjectName string

// QualifiedName is a key of a label or taint, with an optional domain, such as
// node.cloudprovider.kubernetes.io/shutdown.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=316
// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",message="must be the key of a label or taint without its value, such as node.cloudprovider.kubernetes.io/shutdown"
type QualifiedName string
