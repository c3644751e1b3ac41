// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// PlatformLabel is the label of a ComponentMapping that names its platform, such as aks.
const PlatformLabel = "architecture.archmap.dev/platform"

// Conditions of both kinds.
const (
	// ConditionReady says whether the object is accepted and its verdicts are current. It says nothing
	// about the component.
	//
	// Possible reasons for True: Evaluated; AwaitingRenewal while only the checks that the message names wait;
	// ListsTruncated on a ClusterArchitecture whose status has no room for everything; the message says what is left out.
	// Possible reasons for False: InvalidSpec.
	// Possible reasons for Unknown: Observing.
	ConditionReady = "Ready"

	// ConditionStalled is True when the spec must change before anything can be evaluated; it is absent
	// otherwise.
	//
	// Possible reasons for True: InvalidSpec.
	ConditionStalled = "Stalled"

	// ConditionHealthy says whether what is present is healthy.
	//
	// Possible reasons for True: AllChecksPass, Progressing, WithinGracePeriod, WithinTolerance, NodesDown.
	// Possible reasons for False: PartMissing, else the reason of the worst check, such as CrashLooping,
	// NodeFault or LeaseStale; ComponentsUnhealthy on a ClusterArchitecture.
	// Possible reasons for Unknown: NotPresent, HealthNotObservable, GenerationNotObserved, NotPermitted,
	// NotYetObserved, AwaitingRenewal, ObservationFailed, NotInDump, NotObservable, InvalidSpec; ComponentsUnknown,
	// PlatformNotDetected on a ClusterArchitecture.
	ConditionHealthy = "Healthy"

	// ConditionAsDocumented says whether what is present is as documented. It is a statement about the
	// documentation, and does not affect other conditions.
	//
	// Possible reasons for True: MatchesDocumentation; KnownDifference when a Correction explains all differences.
	// Possible reasons for False: MethodDiffers, ImageDiffers, VersionBelowDocumented, VersionSkew, for the first
	// difference that nothing explains; ComponentsDiffer on a ClusterArchitecture.
	// Possible reasons for Unknown: NotPresent, NothingToCompare, NotYetObserved, InvalidSpec;
	// PlatformNotDetected on a ClusterArchitecture.
	ConditionAsDocumented = "AsDocumented"
)

// Conditions of a ComponentMapping.
const (
	// ConditionPresent says whether the component is in the cluster.
	//
	// Possible reasons for True: Observed, ObservedIndirectly; Partial when a part of what runs is missing.
	// Possible reasons for False: NotFound.
	// Possible reasons for Unknown: NotPermitted, NotYetObserved, AwaitingRenewal, ObservationFailed, NotInDump,
	// NotObservable, InvalidSpec.
	ConditionPresent = "Present"
)

// Conditions of a ClusterArchitecture.
const (
	// ConditionPlatformDetected says whether the cluster is one of the platform.
	//
	// Possible reasons for True: NodesMatch, NoSelector.
	// Possible reasons for False: NoNodeMatches.
	// Possible reasons for Unknown: NotObservable, NotPermitted, NotYetObserved, ObservationFailed, NotInDump,
	// InvalidSpec.
	ConditionPlatformDetected = "PlatformDetected"

	// ConditionComplete says whether all required components are present and no rule is violated.
	//
	// Possible reasons for True: AllRequiredPresent.
	// Possible reasons for False: ComponentsMissing, RulesViolated.
	// Possible reasons for Unknown: ComponentsUnknown, NotInDump, NoComponents, NotYetObserved, InvalidSpec,
	// PlatformNotDetected.
	ConditionComplete = "Complete"

	// ConditionVersionsSupported says whether kubelets and the components that spec.versionSkew names are of
	// versions that the API server supports.
	//
	// Possible reasons for True: WithinSkewPolicy.
	// Possible reasons for False: SkewExceeded.
	// Possible reasons for Unknown: VersionsUnknown, NotYetObserved, InvalidSpec, PlatformNotDetected.
	ConditionVersionsSupported = "VersionsSupported"
)

// Reasons of the conditions.
const (
	ReasonEvaluated      = "Evaluated"
	ReasonListsTruncated = "ListsTruncated"
	ReasonObserving      = "Observing"
	ReasonInvalidSpec    = "InvalidSpec"

	ReasonObserved           = "Observed"
	ReasonObservedIndirectly = "ObservedIndirectly"
	ReasonNotFound           = "NotFound"
	ReasonPartial            = "Partial"
	ReasonNotObservable      = "NotObservable"

	ReasonAllChecksPass       = "AllChecksPass"
	ReasonProgressing         = "Progressing"
	ReasonWithinGracePeriod   = "WithinGracePeriod"
	ReasonPartMissing         = "PartMissing"
	ReasonNotPresent          = "NotPresent"
	ReasonHealthNotObservable = "HealthNotObservable"

	ReasonMatchesDocumentation   = "MatchesDocumentation"
	ReasonKnownDifference        = "KnownDifference"
	ReasonMethodDiffers          = "MethodDiffers"
	ReasonImageDiffers           = "ImageDiffers"
	ReasonVersionBelowDocumented = "VersionBelowDocumented"
	ReasonVersionSkew            = "VersionSkew"
	ReasonNothingToCompare       = "NothingToCompare"

	ReasonNodesMatch          = "NodesMatch"
	ReasonNoSelector          = "NoSelector"
	ReasonNoNodeMatches       = "NoNodeMatches"
	ReasonPlatformNotDetected = "PlatformNotDetected"
	ReasonAllRequiredPresent  = "AllRequiredPresent"
	ReasonComponentsMissing   = "ComponentsMissing"
	ReasonRulesViolated       = "RulesViolated"
	ReasonComponentsUnknown   = "ComponentsUnknown"
	ReasonNoComponents        = "NoComponents"
	ReasonComponentsUnhealthy = "ComponentsUnhealthy"
	ReasonComponentsDiffer    = "ComponentsDiffer"

	ReasonWithinSkewPolicy = "WithinSkewPolicy"
	ReasonSkewExceeded     = "SkewExceeded"
	ReasonVersionsUnknown  = "VersionsUnknown"
)

// Reasons of single checks; those of a failing check become the reason of Healthy.
const (
	// ReasonNotPermitted: archmap is not permitted to read what the check needs.
	ReasonNotPermitted = "NotPermitted"
	// ReasonNotYetObserved: the first complete read is still in progress.
	ReasonNotYetObserved = "NotYetObserved"
	// ReasonAwaitingRenewal: archmap has not seen a lease for long enough to tell whether it is renewed, and its renewTime is far from
	// the time of the API server. Everything else is judged meanwhile, and the message of Ready says how long it waits.
	ReasonAwaitingRenewal = "AwaitingRenewal"
	// ReasonObservationFailed: the read failed; the message says how.
	ReasonObservationFailed = "ObservationFailed"
	// ReasonNotInDump: the dump that is judged does not hold what the check needs, and cannot tell.
	ReasonNotInDump = "NotInDump"
	// ReasonKindNotServed: the API server does not know the kind; no such object can exist.
	ReasonKindNotServed = "KindNotServed"

	// ReasonHealthy: the check passes.
	ReasonHealthy = "Healthy"
	// ReasonIdle: the workload wants no pods, as it may: a DaemonSet that matches no node, or one that is scaled to 0
	// where scaleToZero is Allowed.
	ReasonIdle = "Idle"
	// ReasonScaledToZero: the Deployment or StatefulSet is scaled to 0.
	ReasonScaledToZero = "ScaledToZero"
	// ReasonWithinTolerance: pods or nodes have a fault, but no more of them than is tolerated.
	ReasonWithinTolerance = "WithinTolerance"
	// ReasonRolloutFailing: new pods of a rollout have a fault, and the old ones serve. It is that of a check; its
	// component is Progressing.
	ReasonRolloutFailing = "RolloutFailing"
	// ReasonNodesDown: pods are missing only because of nodes, and others are available. The fault is that of the
	// nodes.
	ReasonNodesDown = "NodesDown"
	// ReasonGenerationNotObserved: the controller of the workload has never observed it.
	ReasonGenerationNotObserved = "GenerationNotObserved"
	// ReasonWorkloadUnavailable: more pods are unavailable than the workload itself allows, and the cause is not
	// known (yet). The reasons that follow are the known causes.
	ReasonWorkloadUnavailable = "WorkloadUnavailable"
	// ReasonNodeFault: the nodes need help, not the component. All its nodes that are unhealthy are down, or it has no
	// pod left, and nodes are why.
	ReasonNodeFault = "NodeFault"
	// ReasonUnschedulable: the scheduler finds no node for the pods.
	ReasonUnschedulable = "Unschedulable"
	// ReasonImagePullFailed: the image of a container cannot be pulled.
	ReasonImagePullFailed = "ImagePullFailed"
	// ReasonCrashLooping: a container keeps crashing.
	ReasonCrashLooping = "CrashLooping"
	// ReasonNotReady: the containers are not ready, as they are still starting or their probes fail.
	ReasonNotReady = "NotReady"
	// ReasonAdmissionDenied: the API server does not let the workload's controller create pods.
	ReasonAdmissionDenied = "AdmissionDenied"
	// ReasonWebhookCallFailed: the API server does not let it create pods, as it cannot call an admission webhook that must
	// be asked. The fault is that of the webhook.
	ReasonWebhookCallFailed = "WebhookCallFailed"
	// ReasonRolloutStuck: a rollout has exceeded its progress deadline.
	ReasonRolloutStuck = "RolloutStuck"

	// ReasonNodesUnhealthy: too many nodes do not meet the criteria, and not only because they are down.
	ReasonNodesUnhealthy = "NodesUnhealthy"

	// ReasonLeaseStale: renewTime has stopped moving.
	ReasonLeaseStale = "LeaseStale"
	// ReasonNoHolder: the lease exists but has no holder.
	ReasonNoHolder = "NoHolder"

	// ReasonEndpointFailing: the path answers with another status than 200.
	ReasonEndpointFailing = "EndpointFailing"

	// ReasonNoService: no Service leads to the pods of a workload that needs one.
	ReasonNoService = "NoService"
	// ReasonExpressionFalse: the CEL expression for health is false, and its check gives no reason of its own.
	ReasonExpressionFalse = "ExpressionFalse"
	// ReasonExpressionError: a CEL expression failed when it ran.
	ReasonExpressionError = "ExpressionError"

	// ReasonFailureReported: events about the object report that what it is for fails.
	ReasonFailureReported = "FailureReported"

	// ReasonWebhookUnavailable: the API server cannot call an admission webhook whose failurePolicy is Fail, so that it
	// refuses what the webhook intercepts.
	ReasonWebhookUnavailable = "WebhookUnavailable"

	// ReasonReasonMatches: the access review's reason contains one of the texts.
	ReasonReasonMatches = "ReasonMatches"
	// ReasonReasonDiffers: it contains none of them.
	ReasonReasonDiffers = "ReasonDiffers"
)

// Reasons of events about the writing of a status.
const (
	// ReasonStatusRepaired: somebody else has changed a status, and archmap has written it again.
	ReasonStatusRepaired = "StatusRepaired"
	// ReasonStatusContested: somebody else keeps changing it; archmap waits longer each time before it writes it again.
	ReasonStatusContested = "StatusContested"
	// ReasonFlapping: it changes all the time, and archmap writes only a part of the changes.
	ReasonFlapping = "Flapping"
)
