// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterArchitecture is the overview of one platform: the summary of its
// ComponentMappings, the rules between them, and the node pools.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=carch,categories=archmap
// +kubebuilder:printcolumn:name="Platform",type=string,JSONPath=`.spec.platform`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.kubernetesVersion`
// +kubebuilder:printcolumn:name="Components",type=string,JSONPath=`.status.summary.text`
// +kubebuilder:printcolumn:name="Complete",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].status`
// +kubebuilder:printcolumn:name="Healthy",type=string,JSONPath=`.status.conditions[?(@.type=="Healthy")].status`
// +kubebuilder:printcolumn:name="Since",type=date,JSONPath=`.status.conditions[?(@.type=="Healthy")].lastTransitionTime`,description="Time since Healthy last changed"
// +kubebuilder:printcolumn:name="Observed",type=date,JSONPath=`.status.observedAt`,description="Time since archmap last updated the status; at most five minutes while the operator is running"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,priority=1
// +kubebuilder:printcolumn:name="Detected",type=string,JSONPath=`.status.conditions[?(@.type=="PlatformDetected")].status`,priority=1
// +kubebuilder:printcolumn:name="As-Documented",type=string,JSONPath=`.status.conditions[?(@.type=="AsDocumented")].status`,priority=1
// +kubebuilder:printcolumn:name="Supported",type=string,JSONPath=`.status.conditions[?(@.type=="VersionsSupported")].status`,description="Whether the versions are within the skew that is supported",priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,priority=1
type ClusterArchitecture struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says which platform it is, how to know it, and what must hold between
	// its components.
	// +required
	Spec ClusterArchitectureSpec `json:"spec,omitzero"`

	// status is the overview.
	// +optional
	// +default={"observedGeneration": -1}
	Status ClusterArchitectureStatus `json:"status,omitzero"`
}

// ClusterArchitectureList is a list of ClusterArchitectures.
// +kubebuilder:object:root=true
type ClusterArchitectureList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []ClusterArchitecture `json:"items"`
}

// ClusterArchitectureSpec says which platform it is, how to know it, and what
// must hold between its components.
type ClusterArchitectureSpec struct {
	// platform is its name, for people.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Platform string `json:"platform,omitempty"`

	// nodeSelector identifies the platform: at least one node must match, or the
	// cluster is not assessed. Default: every cluster matches.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="must have matchLabels or matchExpressions: an empty selector selects everything"
	NodeSelector *metav1.LabelSelector `json:"nodeSelector,omitempty"`

	// componentSelector picks the ComponentMappings that belong to the platform;
	// {} picks all of them.
	// +required
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="must have matchLabels or matchExpressions: an empty selector selects everything"
	ComponentSelector metav1.LabelSelector `json:"componentSelector"`

	// nodePoolLabel is the label of a node that names its pool. Default: no pools
	// are listed.
	// +optional
	NodePoolLabel QualifiedName `json:"nodePoolLabel,omitempty"`

	// nodeModeLabel is the label of a node that says what its pool is for, such as
	// system or user.
	// +optional
	NodeModeLabel QualifiedName `json:"nodeModeLabel,omitempty"`

	// nodeImageLabel is the label of a node that names its operating system image.
	// Default: status.nodeInfo.osImage is reported.
	// +optional
	NodeImageLabel QualifiedName `json:"nodeImageLabel,omitempty"`

	// rules say how many of some components may be present.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Rules []Rule `json:"rules,omitempty"`

	// versionSkew says how far apart versions may be. Default: kubelets may be three
	// minor versions older than the API server, and never newer.
	// +optional
	VersionSkew VersionSkewPolicy `json:"versionSkew,omitzero"`

	// unmapped says which workloads are the provider's, so that those that no
	// ComponentMapping names are listed in status.unmapped. Default: none are
	// listed.
	// +optional
	Unmapped UnmappedPolicy `json:"unmapped,omitzero"`
}

// UnmappedPolicy says which Deployments, DaemonSets and StatefulSets are the
// provider's. A workload is covered when a Workload check of any ComponentMapping of
// the platform matches it, whatever the check expects and whether or not its variant
// is found; the others are listed in status.unmapped.
// +kubebuilder:validation:MinProperties=1
type UnmappedPolicy struct {
	// namespaces in which the provider runs its workloads. All workloads there are
	// read, including those of others. Each namespace takes three watches.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Namespaces []NamespaceName `json:"namespaces,omitempty"`

	// selectors match the labels by which the provider marks its workloads.
	// Workloads that match one of them, in any namespace, are read, and are listed
	// as operated by the provider. Each selector takes three watches.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="must have matchLabels or matchExpressions: an empty selector selects everything"
	Selectors []metav1.LabelSelector `json:"selectors,omitempty"`
}

// VersionSkewPolicy says how far apart versions may be. Kubelets, and the
// components that it names, must not be newer than the API server.
// +kubebuilder:validation:MinProperties=1
type VersionSkewPolicy struct {
	// maxMinorsBehind is how many minor versions they may be older than the API
	// server, and how many a component may differ from the kubelets. Default: 3,
	// which Kubernetes supports.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9
	MaxMinorsBehind *int32 `json:"maxMinorsBehind,omitempty"`

	// components that carry the version of Kubernetes, such as kube-proxy: names of
	// ComponentMappings, or mapping/variant to mean one variant of it. Their
	// status.versions are compared while they are present. Kubelets are always
	// compared; their versions are read from the nodes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Components []ComponentName `json:"components,omitempty"`
}

// RuleType says how many of a rule's components must be present.
// +kubebuilder:validation:Enum=ExactlyOne;AtMostOne;AtLeastOne
type RuleType string

const (
	// ExactlyOne of the components must be present.
	ExactlyOne RuleType = "ExactlyOne"
	// AtMostOne of the components may be present.
	AtMostOne RuleType = "AtMostOne"
	// AtLeastOne of the components must be present.
	AtLeastOne RuleType = "AtLeastOne"
)

// Rule says how many of some components may be present at once.
type Rule struct {
	// name of the rule, such as one-cni.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower case letters, digits and '-', such as one-cni"
	Name string `json:"name,omitempty"`

	// type is ExactlyOne, AtMostOne or AtLeastOne.
	// +required
	Type RuleType `json:"type,omitempty"`

	// components are names of ComponentMappings, or mapping/variant to mean one
	// variant of it.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Components []ComponentName `json:"components,omitempty"`
}

// ComponentName names a ComponentMapping, or one variant of it as
// mapping/variant.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=317
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[a-z0-9]([-a-z0-9]*[a-z0-9])?)?$')",message="must be the name of a ComponentMapping, or mapping/variant"
type ComponentName string

// ClusterArchitectureStatus is the overview. kubectl describe prints fields in
// alphabetical order.
// +kubebuilder:validation:MinProperties=1
type ClusterArchitectureStatus struct {
	// conditions are Ready (evaluated), PlatformDetected, Complete (all required
	// components are present, no rule is violated), VersionsSupported, Healthy (no
	// problems detected) and AsDocumented.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status is about; -1
	// until archmap has evaluated it for the first time.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// abstract is a summary for people: a line for the cluster, a line for each
	// problem, and a row for each component. Its wording may change; programs must
	// use the other fields.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=600
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=106
	Abstract []string `json:"abstract,omitempty"`

	// advisories that apply to what is present: those with a date by date, then the
	// others.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Advisories []ComponentAdvisory `json:"advisories,omitempty"`

	// categories count the components by category.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Categories []CategorySummary `json:"categories,omitempty"`

	// causes are what is wrong, one entry per cause with every component that it
	// affects. Major ones come first: faults of nodes, then those of components (of
	// the control plane, of nodes, of the cluster), then what is missing. Minor ones
	// follow in the same order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Causes []Cause `json:"causes,omitempty"`

	// components are the rows of the table. Until there are any, archmap waits for a
	// first verdict on every mapping.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	Components []ComponentSummary `json:"components,omitempty"`

	// kubernetesVersion is the version of the API server.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`

	// message is the most important sentence: why the cluster is not assessed, or
	// what is unhealthy, missing, unsupported or unknown.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// methods count the components by implementation method, as documented and as
	// observed.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=6
	Methods []MethodSummary `json:"methods,omitempty"`

	// nodePools are the node pools.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	NodePools []NodePool `json:"nodePools,omitempty"`

	// observedAt is when archmap last updated the status; refreshed at least every
	// five minutes while it is running, counted from here across restarts.
	// +optional
	ObservedAt metav1.Time `json:"observedAt,omitzero"`

	// skews are version differences: those that are not supported, then node pools with
	// several versions.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Skews []VersionSkew `json:"skews,omitempty"`

	// summary counts the components.
	// +optional
	Summary ComponentCounts `json:"summary,omitzero"`

	// unmapped are the provider's workloads that no ComponentMapping names, as
	// spec.unmapped says which those are: the unhealthy ones first. They affect no
	// condition, because the catalog does not know what they mean to the cluster.
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +listMapKey=namespace
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Unmapped []UnmappedWorkload `json:"unmapped,omitempty"`

	// unmappedSummary counts the workloads that no ComponentMapping names, including
	// those that do not fit in unmapped, and says what couldn't be read. Left out
	// until they have been read.
	// +optional
	UnmappedSummary UnmappedSummary `json:"unmappedSummary,omitzero"`

	// violations are the rules that are violated.
	// +optional
	// +listType=map
	// +listMapKey=rule
	// +kubebuilder:validation:MaxItems=32
	Violations []Violation `json:"violations,omitempty"`
}

// ComponentCounts counts components. The total is present, absent and unknown
// together; present is healthy, degraded and healthUnknown together, but for those that are degraded and seen only in part.
type ComponentCounts struct {
	// text is the count in words, such as 15/22 present.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Text string `json:"text,omitempty"`

	// total number of components.
	// +required
	// +kubebuilder:validation:Minimum=0
	Total *int32 `json:"total,omitempty"`

	// present counts those that are in the cluster.
	// +required
	// +kubebuilder:validation:Minimum=0
	Present *int32 `json:"present,omitempty"`

	// healthy counts those that are in the cluster and healthy.
	// +required
	// +kubebuilder:validation:Minimum=0
	Healthy *int32 `json:"healthy,omitempty"`

	// degraded counts those that are unhealthy, including components of which only a part can be observed, and which
	// are not counted as present.
	// +required
	// +kubebuilder:validation:Minimum=0
	Degraded *int32 `json:"degraded,omitempty"`

	// healthUnknown counts those that are in the cluster and whose health is
	// unknown: it can't be observed, or couldn't be read.
	// +required
	// +kubebuilder:validation:Minimum=0
	HealthUnknown *int32 `json:"healthUnknown,omitempty"`

	// absent counts those that are not in the cluster.
	// +required
	// +kubebuilder:validation:Minimum=0
	Absent *int32 `json:"absent,omitempty"`

	// unknown counts those that may or may not be in the cluster.
	// +required
	// +kubebuilder:validation:Minimum=0
	Unknown *int32 `json:"unknown,omitempty"`
}

// CategorySummary counts the components of one category.
type CategorySummary struct {
	// name of the category.
	// +required
	Name Category `json:"name,omitempty"`

	// total number of components.
	// +required
	// +kubebuilder:validation:Minimum=0
	Total *int32 `json:"total,omitempty"`

	// present counts those that are in the cluster.
	// +required
	// +kubebuilder:validation:Minimum=0
	Present *int32 `json:"present,omitempty"`

	// healthy counts those that are in the cluster and healthy.
	// +required
	// +kubebuilder:validation:Minimum=0
	Healthy *int32 `json:"healthy,omitempty"`
}

// MethodSummary counts the components of one implementation method.
type MethodSummary struct {
	// name of the method.
	// +required
	Name ImplementationMethod `json:"name,omitempty"`

	// documented counts the components that are documented to run this way.
	// +required
	// +kubebuilder:validation:Minimum=0
	Documented *int32 `json:"documented,omitempty"`

	// observed counts the components that run this way.
	// +required
	// +kubebuilder:validation:Minimum=0
	Observed *int32 `json:"observed,omitempty"`
}

// ComponentSummary is a row of the table.
type ComponentSummary struct {
	// name of the ComponentMapping.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// component is the OSS Kubernetes component.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Component string `json:"component,omitempty"`

	// implementation that was found, or the documented one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Implementation string `json:"implementation,omitempty"`

	// category of the component.
	// +required
	Category Category `json:"category,omitempty"`

	// placement of the component.
	// +required
	Placement Placement `json:"placement,omitempty"`

	// operatedBy says who to contact.
	// +optional
	OperatedBy Operator `json:"operatedBy,omitempty"`

	// methods that were observed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=6
	Methods []ImplementationMethod `json:"methods,omitempty"`

	// present is the status of the mapping's condition Present.
	// +required
	// +kubebuilder:validation:Enum="True";"False";Unknown
	Present metav1.ConditionStatus `json:"present,omitempty"`

	// healthy is the status of the mapping's condition Healthy.
	// +required
	// +kubebuilder:validation:Enum="True";"False";Unknown
	Healthy metav1.ConditionStatus `json:"healthy,omitempty"`

	// reason of Healthy, or of Present when the component is not present; left out
	// where all checks pass.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason,omitempty"`

	// version in use, with counts when there are several.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Version string `json:"version,omitempty"`

	// since is when healthy last changed.
	// +optional
	Since metav1.Time `json:"since,omitzero"`
}

// Severity says whether action is needed.
// +kubebuilder:validation:Enum=Major;Minor
type Severity string

const (
	// SeverityMajor: a component is unhealthy, or missing. Action is needed.
	SeverityMajor Severity = "Major"
	// SeverityMinor: the fault is within tolerance.
	SeverityMinor Severity = "Minor"
)

// Cause is one thing that is wrong, and all that it affects.
type Cause struct {
	// severity is Major if action is needed, Minor if the fault is within tolerance.
	// +required
	Severity Severity `json:"severity,omitempty"`

	// kind says what kind of thing is at fault.
	// +required
	Kind FaultKind `json:"kind,omitempty"`

	// subject is what is at fault, as a fault of a check names it: the node or node pool,
	// the image, the registry, the workload, the webhook configuration, the object that is
	// gone. Where no check tells, it is the ComponentMapping.
	// +required
	Subject ObservedObject `json:"subject,omitzero"`

	// reason in one CamelCase word: the fault, or NotFound.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason,omitempty"`

	// message explains it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// operatedBy says who can act on the subject, which need not be who operates the
	// components: nodes and their sizes are the Customer's, and so is a webhook that the
	// customer has installed.
	// +required
	OperatedBy Operator `json:"operatedBy,omitempty"`

	// next is the command to type first, with the names that it needs.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Next string `json:"next,omitempty"`

	// url of an article about faults of this kind.
	// +optional
	URL WebAddress `json:"url,omitempty"`

	// components are the names of the ComponentMappings that it affects.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Components []string `json:"components,omitempty"`

	// since is when it began, as far as the objects at fault tell, else when the first
	// component became unhealthy; left out for a Minor one if neither is known.
	// +optional
	Since metav1.Time `json:"since,omitzero"`
}

// NodePool is a group of like nodes.
type NodePool struct {
	// name of the pool.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// mode of the pool, such as system or user.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Mode string `json:"mode,omitempty"`

	// os is the operating system: linux or windows.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	OS string `json:"os,omitempty"`

	// nodes is how many the pool has.
	// +required
	// +kubebuilder:validation:Minimum=0
	Nodes *int32 `json:"nodes,omitempty"`

	// ready is how many of them are Ready.
	// +required
	// +kubebuilder:validation:Minimum=0
	Ready *int32 `json:"ready,omitempty"`

	// kubeletVersions in use, with counts when there are several.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	KubeletVersions string `json:"kubeletVersions,omitempty"`

	// containerRuntimes in use, with counts when there are several.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ContainerRuntimes string `json:"containerRuntimes,omitempty"`

	// nodeImages in use, with counts when there are several.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	NodeImages string `json:"nodeImages,omitempty"`
}

// Violation is a rule that is violated.
type Violation struct {
	// rule that is violated.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Rule string `json:"rule,omitempty"`

	// message says what was found instead.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// WorkloadState is the state of a workload in one word.
// +kubebuilder:validation:Enum=Unhealthy;Progressing;ScaledToZero;Healthy;Idle
type WorkloadState string

const (
	// WorkloadUnhealthy: it lacks pods by a fault of its own, or has none left.
	WorkloadUnhealthy WorkloadState = "Unhealthy"
	// WorkloadProgressing: a rollout is in progress, or its pods are starting.
	WorkloadProgressing WorkloadState = "Progressing"
	// WorkloadScaledToZero: the Deployment or StatefulSet was scaled to 0.
	WorkloadScaledToZero WorkloadState = "ScaledToZero"
	// WorkloadHealthy: it has enough pods, apart from those missing because of
	// nodes.
	WorkloadHealthy WorkloadState = "Healthy"
	// WorkloadIdle: the DaemonSet matches no nodes.
	WorkloadIdle WorkloadState = "Idle"
)

// UnmappedWorkload is a workload of the provider that no ComponentMapping names.
type UnmappedWorkload struct {
	// kind is Deployment, DaemonSet or StatefulSet.
	// +required
	Kind WorkloadKind `json:"kind,omitempty"`

	// namespace of the workload.
	// +required
	Namespace NamespaceName `json:"namespace,omitempty"`

	// name of the workload.
	// +required
	Name ObjectName `json:"name,omitempty"`

	// image of its first container, as its spec names it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// operatedBy is Provider when the workload has a mark of the provider; left out
	// for one that only runs in a namespace of the provider, and may belong to
	// anyone.
	// +optional
	OperatedBy Operator `json:"operatedBy,omitempty"`

	// state of the workload.
	// +required
	State WorkloadState `json:"state,omitempty"`

	// reason of the state in one CamelCase word; left out where there is nothing to
	// explain.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason,omitempty"`

	// message explains the state Unhealthy.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// UnmappedSummary counts the workloads that no ComponentMapping names.
type UnmappedSummary struct {
	// total number of them.
	// +required
	// +kubebuilder:validation:Minimum=0
	Total *int32 `json:"total,omitempty"`

	// unhealthy counts those that are Unhealthy.
	// +required
	// +kubebuilder:validation:Minimum=0
	Unhealthy *int32 `json:"unhealthy,omitempty"`

	// reason why something couldn't be read: NotPermitted, ObservationFailed or
	// NotInDump; left out if everything was read.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason,omitempty"`

	// message says what couldn't be read, and why; there may be more workloads
	// there.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// ComponentAdvisory is an advisory of a component that is present.
type ComponentAdvisory struct {
	// component is the name of the ComponentMapping.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Component string `json:"component,omitempty"`

	// type of the advisory.
	// +required
	Type AdvisoryType `json:"type,omitempty"`

	// date on which it takes or took effect, as YYYY-MM-DD.
	// +optional
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=10
	Date string `json:"date,omitempty"`

	// message is the fact.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// url with more information.
	// +optional
	URL WebAddress `json:"url,omitempty"`
}

// SkewType says how versions differ.
// +kubebuilder:validation:Enum=NewerThanAPIServer;TooFarBehind;TooFarFromKubelets;MixedKubelets;MixedNodeImages
type SkewType string

const (
	// SkewNewerThanAPIServer: it is newer than the API server, which is not
	// supported.
	SkewNewerThanAPIServer SkewType = "NewerThanAPIServer"
	// SkewTooFarBehind: it is older than the API server by more minor versions than
	// are supported.
	SkewTooFarBehind SkewType = "TooFarBehind"
	// SkewTooFarFromKubelets: no kubelet is within the minor versions that are
	// supported, or some kubelet has no such component near it.
	SkewTooFarFromKubelets SkewType = "TooFarFromKubelets"
	// SkewMixedKubelets: the nodes of a pool run several versions of the kubelet, as
	// they do while it is upgraded. This is supported.
	SkewMixedKubelets SkewType = "MixedKubelets"
	// SkewMixedNodeImages: the nodes of a pool run several images, as they do while
	// it is upgraded. This is supported.
	SkewMixedNodeImages SkewType = "MixedNodeImages"
)

// VersionSkew is a difference of versions.
type VersionSkew struct {
	// type is NewerThanAPIServer, TooFarBehind or TooFarFromKubelets, which are not
	// supported, or MixedKubelets or MixedNodeImages, which are normal during an
	// upgrade.
	// +required
	Type SkewType `json:"type,omitempty"`

	// name of what it is about: kubelet, a component, or a node pool.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	Name string `json:"name,omitempty"`

	// message says which versions they are, and where.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}
