// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Category groups components as an architecture document does. The order of
// the values is the order of listings.
// +kubebuilder:validation:Enum=ControlPlane;Node;Storage;Networking;Observability;Identity;ServiceMesh;Addon
type Category string

const (
	// CategoryControlPlane: the API server and what runs beside it.
	CategoryControlPlane Category = "ControlPlane"
	// CategoryNode: what every node runs.
	CategoryNode Category = "Node"
	// CategoryStorage: storage drivers.
	CategoryStorage Category = "Storage"
	// CategoryNetworking: pod networking, policy and DNS.
	CategoryNetworking Category = "Networking"
	// CategoryObservability: metrics and logs.
	CategoryObservability Category = "Observability"
	// CategoryIdentity: authentication and authorization.
	CategoryIdentity Category = "Identity"
	// CategoryServiceMesh: service meshes.
	CategoryServiceMesh Category = "ServiceMesh"
	// CategoryAddon: everything that is added on top.
	CategoryAddon Category = "Addon"
)

// Categories lists every Category in the order of listings.
var Categories = []Category{
	CategoryControlPlane, CategoryNode, CategoryStorage, CategoryNetworking,
	CategoryObservability, CategoryIdentity, CategoryServiceMesh, CategoryAddon,
}

// Placement says where a drawing of the architecture puts a component.
// +kubebuilder:validation:Enum=ControlPlane;Node;Cluster
type Placement string

const (
	// PlacementControlPlane: beside the API server.
	PlacementControlPlane Placement = "ControlPlane"
	// PlacementNode: on every node.
	PlacementNode Placement = "Node"
	// PlacementCluster: somewhere on the nodes.
	PlacementCluster Placement = "Cluster"
)

// Operator says who runs a component, and so who to contact.
// +kubebuilder:validation:Enum=Provider;Customer;Shared
type Operator string

const (
	// OperatedByProvider: the platform's provider.
	OperatedByProvider Operator = "Provider"
	// OperatedByCustomer: the owner of the cluster.
	OperatedByCustomer Operator = "Customer"
	// OperatedByShared: the provider ships it, the owner configures it.
	OperatedByShared Operator = "Shared"
)

// Presence says whether a cluster of the platform must have the component.
// +kubebuilder:validation:Enum=Required;Optional
type Presence string

const (
	// PresenceRequired: the cluster is incomplete without it.
	PresenceRequired Presence = "Required"
	// PresenceOptional: a cluster does not need it.
	PresenceOptional Presence = "Optional"
)

// ImplementationMethod is a way to run a component.
// +kubebuilder:validation:Enum=PlatformService;SystemdService;DaemonSet;Deployment;StatefulSet;HostBinary
type ImplementationMethod string

const (
	// MethodPlatformService: run by the provider, hidden from the customer.
	MethodPlatformService ImplementationMethod = "PlatformService"
	// MethodSystemdService: a service of the node's operating system.
	MethodSystemdService ImplementationMethod = "SystemdService"
	// MethodDaemonSet: a pod on every node.
	MethodDaemonSet ImplementationMethod = "DaemonSet"
	// MethodDeployment: some replicas somewhere on the nodes.
	MethodDeployment ImplementationMethod = "Deployment"
	// MethodStatefulSet: replicas with an identity each.
	MethodStatefulSet ImplementationMethod = "StatefulSet"
	// MethodHostBinary: a program on the node's disk, such as a CNI plugin in
	// /opt/cni/bin.
	MethodHostBinary ImplementationMethod = "HostBinary"
)

// CheckMethod is the implementation method that a check proves, or None.
// +kubebuilder:validation:Enum=PlatformService;SystemdService;DaemonSet;Deployment;StatefulSet;HostBinary;None
type CheckMethod string

// CheckMethodNone: the object is part of the component but no implementation
// of it.
const CheckMethodNone CheckMethod = "None"

// ComponentMapping is one row of an architecture table made live: a component
// of Kubernetes, how the platform implements it according to its
// documentation, and the checks that prove it from inside the cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=cmap,categories=archmap
// +kubebuilder:selectablefield:JSONPath=`.spec.category`
// +kubebuilder:selectablefield:JSONPath=`.spec.operatedBy`
// +kubebuilder:printcolumn:name="Component",type=string,JSONPath=`.spec.component`,description="As the table names it",priority=1
// +kubebuilder:printcolumn:name="Implementation",type=string,JSONPath=`.status.implementation`
// +kubebuilder:printcolumn:name="Method",type=string,JSONPath=`.status.methodSummary`
// +kubebuilder:printcolumn:name="Present",type=string,JSONPath=`.status.conditions[?(@.type=="Present")].status`
// +kubebuilder:printcolumn:name="Healthy",type=string,JSONPath=`.status.conditions[?(@.type=="Healthy")].status`
// +kubebuilder:printcolumn:name="Since",type=date,JSONPath=`.status.conditions[?(@.type=="Healthy")].lastTransitionTime`,description="Time since Healthy last changed"
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Category",type=string,JSONPath=`.spec.category`,priority=1
// +kubebuilder:printcolumn:name="Variant",type=string,JSONPath=`.status.variant`,priority=1
// +kubebuilder:printcolumn:name="Evidence",type=string,JSONPath=`.status.evidence`,priority=1
// +kubebuilder:printcolumn:name="As-Documented",type=string,JSONPath=`.status.conditions[?(@.type=="AsDocumented")].status`,priority=1
// +kubebuilder:printcolumn:name="Operated-By",type=string,JSONPath=`.status.operatedBy`,priority=1
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`,priority=1
type ComponentMapping struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata. The label
	// architecture.archmap.dev/platform names the platform whose
	// ClusterArchitecture takes the mapping in.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what is documented, and the checks that prove it.
	// +required
	Spec ComponentMappingSpec `json:"spec,omitzero"`

	// status is what archmap observed.
	// +optional
	// +default={"observedGeneration": -1}
	Status ComponentMappingStatus `json:"status,omitzero"`
}

// ComponentMappingList is a list of ComponentMappings.
// +kubebuilder:object:root=true
type ComponentMappingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []ComponentMapping `json:"items"`
}

// Alias is a further name of a component.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower case letters, digits and '-', such as karpenter"
type Alias string

// ComponentMappingSpec says what a component is, how it is documented to be
// implemented, and how to see that it is.
//
// +kubebuilder:validation:XValidation:rule="(has(self.checks) ? size(self.checks) : 0) + (has(self.variants) ? self.variants.map(v, size(v.checks)).sum() : 0) <= 64",message="checks and the checks of all variants together may not be more than 64"
// +kubebuilder:validation:XValidation:rule="!has(self.implementation.advisories) || self.implementation.advisories.all(a, !has(a.variants) || a.variants.all(v, has(self.variants) && self.variants.exists(w, w.name == v)))",message="the variants of an advisory must be names of spec.variants",fieldPath=".implementation.advisories"
type ComponentMappingSpec struct {
	// component is the OSS Kubernetes component, as the architecture table names
	// it: "kube-scheduler", "CSI Driver (Azure Disk)".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Component string `json:"component,omitempty"`

	// aliases are further names that people type for the component, such as karpenter
	// for node-auto-provisioning: "kubectl archmap explain" finds it by them, too. A
	// mapping of exactly that name always wins.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Aliases []Alias `json:"aliases,omitempty"`

	// category is the section of the table.
	// +required
	Category Category `json:"category,omitempty"`

	// order is the row within the category; rows with the same number are ordered
	// by name. Default 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9999
	Order *int32 `json:"order,omitempty"`

	// placement says where a drawing puts the component: ControlPlane, Node (on
	// every node) or Cluster (somewhere on the nodes).
	// +required
	Placement Placement `json:"placement,omitempty"`

	// operatedBy says who to contact when it fails: Provider, Customer or Shared. A
	// variant may differ.
	// +required
	OperatedBy Operator `json:"operatedBy,omitempty"`

	// provides is what all others get from the component. While nothing of it works, its
	// causes come before all others, and what others lack for it is no fault of theirs.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	Provides []Provision `json:"provides,omitempty"`

	// presence is Required (the default) when the platform's clusters are incomplete
	// without the component, Optional if they do not need it.
	// +optional
	// +default="Required"
	Presence Presence `json:"presence,omitempty"`

	// implementation is the documentation's claim. It is compared with what is
	// observed (condition AsDocumented) and never affects health.
	// +required
	Implementation Implementation `json:"implementation,omitzero"`

	// gracePeriodSeconds is for short failures, such as a node that joins: a failing
	// check makes Healthy False only after this time, in seconds. Default 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	GracePeriodSeconds *int32 `json:"gracePeriodSeconds,omitempty"`

	// checks apply to every variant. A mapping without checks and variants means
	// that the component can't be observed: Present is Unknown, NotObservable.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Checks []Check `json:"checks,omitempty"`

	// variants are the ways in which the component can run. A variant is
	// complete when its checks and the shared ones are as expected; several may be
	// complete at once. If a part of a running variant is missing, it is partly
	// present, and unhealthy. The first one that is present names status.variant.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Variants []Variant `json:"variants,omitempty"`
}

// Variant is one way in which a component is found.
type Variant struct {
	// name identifies the variant within the mapping, such as hosted-controller.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower case letters, digits and '-', such as hosted-controller"
	Name string `json:"name,omitempty"`

	// implementation is what kubectl shows as IMPLEMENTATION when this variant is
	// found, such as "Cilium". Default: spec.implementation.name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Implementation string `json:"implementation,omitempty"`

	// description explains the variant in a sentence.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Description string `json:"description,omitempty"`

	// operatedBy says who runs this variant. Default: spec.operatedBy.
	// +optional
	OperatedBy Operator `json:"operatedBy,omitempty"`

	// checks must be as expected, besides the shared ones, for the variant to be
	// complete.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Checks []Check `json:"checks,omitempty"`
}

// Implementation is how the platform's documentation says that the component
// is implemented.
type Implementation struct {
	// name of the implementation, such as "Azure Disk CSI Driver".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// methods by which it is said to run. The observed ones are in status.methods.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=6
	Methods []ImplementationMethod `json:"methods,omitempty"`

	// source is where the implementation comes from.
	// +required
	Source Source `json:"source,omitzero"`

	// image is the documented container image, without tag. It is compared by the
	// last part of its path, as registries and folders change.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-zA-Z0-9._-]+)*$') && !self.matches(':[^/]*$')",message="must be an image without tag or digest, such as mcr.microsoft.com/oss/kubernetes/coredns"
	Image string `json:"image,omitempty"`

	// minVersion is the lowest version that the documentation names; older ones
	// show in AsDocumented as VersionBelowDocumented. Build suffixes after '-' are
	// ignored.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^v?[0-9]+([.][0-9]+){0,3}([-+][0-9A-Za-z.+-]*)?$')",message="must be a version such as v1.33.5"
	MinVersion string `json:"minVersion,omitempty"`

	// details are the statements of the documentation about the implementation,
	// one each.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Details []string `json:"details,omitempty"`

	// artifacts are binaries, files and objects that the documentation names.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Artifacts []Artifact `json:"artifacts,omitempty"`

	// advisories are facts with a date about the life of the implementation or of
	// its documentation.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Advisories []Advisory `json:"advisories,omitempty"`

	// references are links for further reading.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	References []Reference `json:"references,omitempty"`
}

// Source is where an implementation comes from.
type Source struct {
	// name of the source: a repository such as
	// kubernetes-sigs/azuredisk-csi-driver, or "Azure Platform".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// url of the source, if it is public.
	// +optional
	URL WebAddress `json:"url,omitempty"`
}

// WebAddress is an absolute https or http URL.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['https', 'http'] && size(url(self).getHostname()) > 0",message="must be an absolute https or http URL"
type WebAddress string

// ArtifactType says what an artifact is.
// +kubebuilder:validation:Enum=Binary;Image;SourceFile;ConfigFile;Package
type ArtifactType string

// Artifact is a thing that the documentation names: a binary, an image, a
// file.
type Artifact struct {
	// name of the artifact: its path, image or import path.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name,omitempty"`

	// type is Binary, Image, SourceFile, ConfigFile or Package.
	// +required
	Type ArtifactType `json:"type,omitempty"`

	// description says what it is for.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Description string `json:"description,omitempty"`
}

// AdvisoryType says what an advisory is about.
// +kubebuilder:validation:Enum=Retirement;Deprecation;Rename;GeneralAvailability;Correction;Note
type AdvisoryType string

const (
	// AdvisoryRetirement: support ends on the date.
	AdvisoryRetirement AdvisoryType = "Retirement"
	// AdvisoryDeprecation: no longer recommended since the date.
	AdvisoryDeprecation AdvisoryType = "Deprecation"
	// AdvisoryRename: it has another name since the date.
	AdvisoryRename AdvisoryType = "Rename"
	// AdvisoryGeneralAvailability: no longer a preview since the date.
	AdvisoryGeneralAvailability AdvisoryType = "GeneralAvailability"
	// AdvisoryCorrection: the documentation is wrong or incomplete.
	AdvisoryCorrection AdvisoryType = "Correction"
	// AdvisoryNote: anything else.
	AdvisoryNote AdvisoryType = "Note"
)

// Advisory is a fact about the life of an implementation.
//
// +kubebuilder:validation:XValidation:rule="!has(self.explains) || self.type == 'Correction'",message="explains may only be set when type is Correction",fieldPath=".explains"
type Advisory struct {
	// type is Retirement, Deprecation, Rename, GeneralAvailability, Correction
	// (the documentation is wrong) or Note.
	// +required
	Type AdvisoryType `json:"type,omitempty"`

	// date on which it takes or took effect, as YYYY-MM-DD.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.date().validate(self).hasValue()",message="must be a date as YYYY-MM-DD, such as 2028-03-31"
	Date string `json:"date,omitempty"`

	// message is the fact, in a sentence.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// variants limits the advisory to these variants of the mapping. Default: it
	// concerns all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Variants []string `json:"variants,omitempty"`

	// explains lists the differences from the documentation that a Correction accounts
	// for, while every variant that is present is one of its variants: they are known
	// differences. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	Explains []DifferenceType `json:"explains,omitempty"`

	// url with more information.
	// +optional
	URL WebAddress `json:"url,omitempty"`
}

// Reference is a link.
type Reference struct {
	// name of the link, unique in its list.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// url it leads to.
	// +required
	URL WebAddress `json:"url,omitempty"`
}

// ComponentMappingStatus is what archmap sees of the component. While not
// everything has been read yet, for example after a restart, it stays as it was.
// +kubebuilder:validation:MinProperties=1
type ComponentMappingStatus struct {
	// conditions are Ready (the mapping is accepted and its verdicts are current),
	// Present, Healthy, AsDocumented (it is as the documentation says) and, only
	// when the spec cannot be used, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status is about; -1
	// until archmap has evaluated it for the first time.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// implementation is what is really found, for people: the name that the
	// complete variants give it, or the documented name; the first of several, and
	// how many more, when there are more than two. Empty when nothing is found;
	// variants has all of them.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Implementation string `json:"implementation,omitempty"`

	// methodSummary is methods in short, for kubectl: hosted (PlatformService),
	// systemd (SystemdService), ds (DaemonSet), deploy (Deployment), sts
	// (StatefulSet), binary (HostBinary).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	MethodSummary string `json:"methodSummary,omitempty"`

	// methods are the implementation methods that were observed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=6
	Methods []ImplementationMethod `json:"methods,omitempty"`

	// variant is the first of variants.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Variant string `json:"variant,omitempty"`

	// variants are all variants that are present: the complete ones, then those of
	// which a part is missing.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Variants []string `json:"variants,omitempty"`

	// operatedBy says who to contact about what was found.
	// +optional
	OperatedBy Operator `json:"operatedBy,omitempty"`

	// evidence says how far the verdict can be trusted: Direct, Indirect (only signs
	// of it were observed) or None.
	// +optional
	// +kubebuilder:validation:Enum=Direct;Indirect;None
	Evidence Evidence `json:"evidence,omitempty"`

	// version in use, for people; with counts when several are, such as "v1.32.3
	// (412), v1.33.1 (88)", or "v1.32.3 (412) and 2 more"; versions has them all.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`

	// versions in use, for programs: all those that version shows as far as it has
	// room, the most frequent first, then by their text; at most 64. There are
	// none while the component is not present, or when no check reports a version.
	// +optional
	// +listType=map
	// +listMapKey=version
	// +kubebuilder:validation:MaxItems=64
	Versions []VersionCount `json:"versions,omitempty"`

	// differences between what is present and spec.implementation, all of them; the
	// condition AsDocumented sums them up.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Differences []Difference `json:"differences,omitempty"`

	// image in use, without tag.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// message is the most important sentence about the component now: why it is
	// unhealthy, absent or unknown, else how it is found.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// checks are the verdicts of the single checks, named check or variant/check.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Checks []CheckStatus `json:"checks,omitempty"`
}

// VersionCount is a version of a component, and how much of the component runs
// it.
type VersionCount struct {
	// version as reported by the component: the tag of its image, what its nodes
	// report, or the response of its endpoint.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`

	// count is how many nodes, objects or pods have it; 1 for an endpoint, and for a
	// workload with 0 desired pods.
	// +required
	// +kubebuilder:validation:Minimum=1
	Count int32 `json:"count,omitempty"`

	// ready is how many of these pods are ready. It is there only while a workload
	// runs several versions, and where it is known.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Ready *int32 `json:"ready,omitempty"`
}

// DifferenceType says in what a component differs from its documentation.
// +kubebuilder:validation:Enum=Method;Image;MinVersion;VersionSkew
type DifferenceType string

const (
	// DifferenceMethod: it is implemented by other methods.
	DifferenceMethod DifferenceType = "Method"
	// DifferenceImage: it runs another image.
	DifferenceImage DifferenceType = "Image"
	// DifferenceMinVersion: it runs a version older than minVersion.
	DifferenceMinVersion DifferenceType = "MinVersion"
	// DifferenceVersionSkew: it runs several minor versions at once.
	DifferenceVersionSkew DifferenceType = "VersionSkew"
)

// Difference is one between what is present and the documentation.
type Difference struct {
	// type is Method, Image, MinVersion or VersionSkew.
	// +required
	Type DifferenceType `json:"type,omitempty"`

	// documented is what the documentation says; empty for VersionSkew.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Documented string `json:"documented,omitempty"`

	// observed is what was found instead.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Observed string `json:"observed,omitempty"`

	// correction is the message of the Correction that explains it: a known
	// difference. It is empty if nothing explains it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Correction string `json:"correction,omitempty"`
}

// Verdict is the answer to a yes-or-no question.
// +kubebuilder:validation:Enum="True";"False";Unknown;NotAssessed
type Verdict string

const (
	// VerdictTrue: yes.
	VerdictTrue Verdict = "True"
	// VerdictFalse: no.
	VerdictFalse Verdict = "False"
	// VerdictUnknown: not known.
	VerdictUnknown Verdict = "Unknown"
	// VerdictNotAssessed: the question does not arise.
	VerdictNotAssessed Verdict = "NotAssessed"
)

// CheckStatus is the verdict of one check. It is also all that archmap remembers
// of the check from one evaluation to the next, across restarts: reason, message
// and lastTransitionTime say what for. A renamed check, or one whose status is
// removed, starts over.
type CheckStatus struct {
	// name of the check; variant/name for a check of a variant.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=127
	Name string `json:"name,omitempty"`

	// present says whether it was found.
	// +required
	Present Verdict `json:"present,omitempty"`

	// healthy says whether it is healthy; NotAssessed if the check has no vote.
	//
	// That a DaemonSet is not healthy is remembered while nodes join, unless the spec
	// has changed: then its pods are read, else joining nodes explain missing pods.
	// +required
	Healthy Verdict `json:"healthy,omitempty"`

	// reason of the verdict, in one CamelCase word.
	//
	// It is remembered in two cases, unless the spec has changed. A reason from the
	// pods, such as CrashLooping, stays with its message while the check fails and its
	// pods are read again, for example after a restart of archmap. The verdict on a
	// lease stays for a minute after archmap has begun to observe it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason,omitempty"`

	// message explains the verdict. It is remembered with the reason.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// version that this check saw.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`

	// image that this check saw.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// objects behind the verdict, at most eight; the unhealthy ones first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Objects []ObservedObject `json:"objects,omitempty"`

	// objectCount is how many objects are behind the verdict in all.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ObjectCount *int32 `json:"objectCount,omitempty"`

	// faults are what the check finds at fault, as far as that counts for the component: at
	// most eight, the worst first. They say which components have a fault in common, and
	// become status.causes of the ClusterArchitecture. Left out where nothing is at fault.
	// They are remembered with the reason.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Faults []Fault `json:"faults,omitempty"`

	// lastTransitionTime is when present or healthy last changed. The grace period
	// of a failing check is counted from it.
	// +required
	LastTransitionTime metav1.Time `json:"lastTransitionTime,omitzero"`
}

// Provision is what other components get from one.
// +kubebuilder:validation:Enum=API;Network;DNS;Tunnel;Nodes
type Provision string

const (
	// ProvidesAPI: the API server, and what it cannot do without.
	ProvidesAPI Provision = "API"
	// ProvidesNetwork: pods get addresses, and reach each other and Services.
	ProvidesNetwork Provision = "Network"
	// ProvidesDNS: names of Services are resolved.
	ProvidesDNS Provision = "DNS"
	// ProvidesTunnel: the API server reaches nodes and pods through it, and so the APIs and
	// webhooks that pods serve.
	ProvidesTunnel Provision = "Tunnel"
	// ProvidesNodes: it makes nodes for pods that have none, in place of pools that the
	// cluster's owner sizes.
	ProvidesNodes Provision = "Nodes"
)

// Extent says how much of a workload is lost.
// +kubebuilder:validation:Enum=All;Part
type Extent string

const (
	// ExtentAll: none of its pods is available.
	ExtentAll Extent = "All"
	// ExtentPart: some are.
	ExtentPart Extent = "Part"
)

// FaultKind says what kind of thing is at fault.
// +kubebuilder:validation:Enum=Node;NodePool;Image;Registry;Webhook;Scheduling;Admission;Workload;Rollout;Object;API;Lease
type FaultKind string

const (
	// FaultNode: a node is down, cordoned, or has a problem that a condition tells.
	FaultNode FaultKind = "Node"
	// FaultNodePool: several nodes of a pool are.
	FaultNodePool FaultKind = "NodePool"
	// FaultImage: the registry has no such image, or it cannot be used.
	FaultImage FaultKind = "Image"
	// FaultRegistry: images can't be pulled from the registry, or from the mirror in front
	// of it: no response, untrusted certificate, no permission, too many requests.
	FaultRegistry FaultKind = "Registry"
	// FaultWebhook: the API server can't call an admission webhook.
	FaultWebhook FaultKind = "Webhook"
	// FaultScheduling: no node fits the pods of the workload.
	FaultScheduling FaultKind = "Scheduling"
	// FaultAdmission: a quota or a policy rejects pods.
	FaultAdmission FaultKind = "Admission"
	// FaultWorkload: pods of a workload crash, are not ready or not created, or it is scaled to
	// 0.
	FaultWorkload FaultKind = "Workload"
	// FaultRollout: a rollout does not finish.
	FaultRollout FaultKind = "Rollout"
	// FaultObject: an object is not there, or says that something is wrong.
	FaultObject FaultKind = "Object"
	// FaultAPI: a path of the API server answers with an error, or an API of another server
	// is not available.
	FaultAPI FaultKind = "API"
	// FaultLease: a lease is not renewed, or has no holder.
	FaultLease FaultKind = "Lease"
)

// Fault is one thing that is at fault. Faults of the same kind and subject are the same
// fault, whichever check of whichever component tells it.
type Fault struct {
	// kind says what kind of thing is at fault.
	// +required
	Kind FaultKind `json:"kind,omitempty"`

	// subject is what is at fault. Beside kinds of the API server there are NodePool, Image
	// and Registry, whose names are those of the pool, the reference of the image and the
	// host; Path, which is a path of the API server; and Webhook, where only the name of
	// one is known.
	// +required
	Subject ObservedObject `json:"subject,omitzero"`

	// severity is Major when the check fails for it, Minor when it is tolerated, or does
	// not decide.
	// +required
	Severity Severity `json:"severity,omitempty"`

	// extent says how much of a workload is lost, whatever is at fault; left out where no
	// workload tells the fault.
	// +optional
	Extent Extent `json:"extent,omitempty"`

	// reason in one CamelCase word: that of the check, or, of a node, the type of the
	// condition that tells the problem.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=316
	Reason string `json:"reason,omitempty"`

	// message says what is wrong.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// since is when it began, as far as the objects tell; never before that.
	// +optional
	Since metav1.Time `json:"since,omitzero"`

	// operatedBy says who can act; left out where that is who operates the component.
	// +optional
	OperatedBy Operator `json:"operatedBy,omitempty"`

	// next is a command that shows more, or repairs it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Next string `json:"next,omitempty"`

	// related are objects by which others know the same fault: the pool of a node, the
	// webhooks of a configuration by their names, the Service behind it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=9
	Related []ObservedObject `json:"related,omitempty"`
}

// ObservedObject names a live object.
type ObservedObject struct {
	// kind of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// namespace of the object; empty when it has none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}
