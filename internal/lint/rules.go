// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

// The rules, by the names that findings carry.
const (
	ruleSyntax      = "syntax"
	ruleSchema      = "schema"
	ruleCEL         = "cel"
	ruleSelector    = "selector"
	ruleClash       = "name-clash"
	ruleReference   = "reference"
	ruleSelection   = "selection"
	ruleUnreachable = "unreachable"
	ruleKind        = "kind"
	ruleRBAC        = "rbac"
	ruleCostly      = "costly"
	ruleExplains    = "explains"
	ruleField       = "field"
	ruleVersion     = "version"
	ruleMatch       = "match"
	ruleContainer   = "container"
	ruleEvaluation  = "evaluation"
)

// Rule is what files are held to.
type Rule struct {
	ID string
	// Summary in a few words, Help in a paragraph.
	Summary, Help string
	// Severity of most findings.
	Severity Severity
}

// Rules lists all of them.
var Rules = []Rule{
	{ruleSyntax, "The file holds Kubernetes objects in YAML or JSON",
		"A file that cannot be parsed, or an object without apiVersion and kind, is no manifest.", Error},
	{ruleSchema, "The API server accepts the object",
		"The object is held to archmap's CustomResourceDefinitions as the API server holds it: unknown fields, types, limits, " +
			"keys of lists, and the rules that the definitions carry. kubectl explain componentmapping.spec documents every field.", Error},
	{ruleCEL, "Expressions compile",
		"An expression that does not compile, or that yields another type than its field needs, makes the operator refuse the " +
			"whole mapping: Ready=False, InvalidSpec.", Error},
	{ruleSelector, "Label selectors can be used",
		"A selector with an unknown operator, or with values that the operator does not take, makes the operator refuse the " +
			"whole object: Ready=False, InvalidSpec.", Error},
	{ruleClash, "Names are not given twice",
		"Of two objects of one kind and name the one that is applied last wins. A check of a variant does not replace the shared " +
			"check of the same name: both must be as expected. An alias leads to its mapping only if no other has it.", Error},
	{ruleReference, "Rules name components that exist",
		"A component that does not exist counts as not present, so that a rule about it can neither hold nor fail as it is meant. " +
			"A mapping that is not among the files may be in the cluster.", Warning},
	{ruleSelection, "Architectures and mappings find each other",
		"A ClusterArchitecture takes in the mappings that its componentSelector picks, by their labels; the others are missing " +
			"from its picture.", Warning},
	{ruleUnreachable, "Every variant can be found",
		"The first complete variant names status.variant. A variant whose checks contradict each other is never complete, one " +
			"without evidence is never proven, and one that is complete only when an earlier one is as well is never named.", Warning},
	{ruleKind, "The kinds of Object checks exist",
		"A kind that the API server does not serve is always absent. Kinds of groups that are not part of Kubernetes are not " +
			"checked.", Warning},
	{ruleRBAC, "The operator may read what the mapping names",
		"What the operator may not read shows as Present=Unknown, NotPermitted. The mapping is held to the roles that the operator " +
			"is shipped with, and to the ClusterRoles among the files with the label rbac.architecture.archmap.dev/aggregate-to-observer: " +
			"\"true\". kubectl archmap rbac prints the role that is needed.", Warning},
	{ruleCostly, "Nothing large is watched",
		"A watched kind is held in memory, all of it. Name a namespace or labels, or set observe: Poll.", Note},
	{ruleExplains, "Corrections explain what is documented",
		"A component differs from its documentation in the image only when one is documented, and in the lowest version likewise. " +
			"A Correction that explains another difference explains nothing.", Warning},
	{ruleField, "Expressions read fields that the kind has",
		"A field that no object of the kind has is a typing mistake: has() is always false, and reading it fails. Known are the kinds " +
			"of Kubernetes itself, and those of which a CustomResourceDefinition is among the files or in the dump.", Warning},
	{ruleVersion, "Some check reports a version",
		"Without the container of a workload, or an expression version, the column VERSION stays empty and nothing can be said of " +
			"versions. With --against: an expression that yields none, an image without a tag.", Note},
	{ruleMatch, "Checks find something in the dump",
		"Only with --against. A check that finds nothing looks for the wrong name or label, or the cluster has no such component.", Note},
	{ruleContainer, "Workloads have the container",
		"Only with --against. A workload that is found without the container that the check names has neither image nor version.", Warning},
	{ruleEvaluation, "Expressions can be evaluated",
		"Only with --against. An expression that fails on an object, as on one without a field that it reads, leaves the check " +
			"Unknown: ExpressionError. One that is expensive is evaluated less often.", Warning},
}

// RuleNames lists the names of all rules.
func RuleNames() []string {
	names := make([]string, len(Rules))
	for i, r := range Rules {
		names[i] = r.ID
	}
	return names
}
