// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// webhookKinds are the kinds of configurations, in the order in which the API server calls their webhooks.
var webhookKinds = []struct {
	kind v1alpha1.WebhookKind
	gvk  schema.GroupVersionKind
}{
	{v1alpha1.WebhookMutating, admissionv1.SchemeGroupVersion.WithKind("MutatingWebhookConfiguration")},
	{v1alpha1.WebhookValidating, admissionv1.SchemeGroupVersion.WithKind("ValidatingWebhookConfiguration")},
}

var (
	serviceKind = corev1.SchemeGroupVersion.WithKind("Service")
	sliceKind   = discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice")
	// systemNamespace is read for its labels, by which webhooks leave out what the cluster itself runs.
	systemNamespace = facts.Need{Kind: corev1.SchemeGroupVersion.WithKind("Namespace"), Name: metav1.NamespaceSystem}
)

func webhookNeeds(e *Evaluator) []facts.Need {
	var needs []facts.Need
	for _, k := range webhookKinds {
		if kinds := e.Spec.Webhook.Kinds; len(kinds) == 0 || slices.Contains(kinds, k.kind) {
			needs = append(needs, facts.Need{Kind: k.gvk})
		}
	}
	return needs
}

// webhookExplaining asks for what is behind Services that only the webhooks name.
func webhookExplaining(e *Evaluator) []facts.Need {
	namespace := string(e.Spec.Webhook.ServiceNamespace)
	return []facts.Need{{Kind: sliceKind, Namespace: namespace}, {Kind: serviceKind, Namespace: namespace}, systemNamespace}
}

// slicesNeed asks for the endpoints of one Service; those of all Services would be as many as pods.
func slicesNeed(service types.NamespacedName) facts.Need {
	selector := labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service.Name})
	return facts.Need{Kind: sliceKind, Namespace: service.Namespace, Selector: selector.String()}
}

func serviceNeed(service types.NamespacedName) facts.Need {
	return facts.Need{Kind: serviceKind, Namespace: service.Namespace, Name: service.Name}
}

func webhookSelector(spec *v1alpha1.Check) *metav1.LabelSelector { return spec.Webhook.Selector }

func webhookWithin(a, b *v1alpha1.Check) bool {
	x, y := a.Webhook, b.Webhook
	switch {
	case len(y.Kinds) > 0 && (len(x.Kinds) == 0 || !subset(x.Kinds, y.Kinds)),
		len(y.Names) > 0 && (len(x.Names) == 0 || !subset(x.Names, y.Names)):
		return false
	case len(x.Names) > 0 && slices.ContainsFunc(x.Names, func(n v1alpha1.ObjectName) bool { return !strings.HasPrefix(string(n), string(y.NamePrefix)) }):
		return false
	case len(x.Names) == 0 && !strings.HasPrefix(string(x.NamePrefix), string(y.NamePrefix)):
		return false
	}
	return selectorWithin(x.Selector, y.Selector) && wider(x.ServiceNamespace, y.ServiceNamespace) && wider(x.AnyOf, y.AnyOf) && wider(x.NoneOf, y.NoneOf)
}

func webhookSubject(e *Evaluator) string {
	w := e.Spec.Webhook
	what := "webhook configuration"
	if len(w.Kinds) == 1 {
		what = string(w.Kinds[0]) + "WebhookConfiguration"
	}
	var names []string
	for _, n := range w.Names {
		names = append(names, string(n))
	}
	switch {
	case w.NamePrefix != "":
		what += " " + string(w.NamePrefix) + "*"
	case len(names) > 0:
		what += " " + strings.Join(names, "|")
	}
	if w.Selector != nil {
		what += " with labels " + e.selector.String()
	}
	if w.ServiceNamespace != "" {
		what += " with a Service in " + string(w.ServiceNamespace)
	}
	return what
}

// namesWebhooks reports whether a check is of webhooks that it tells from others: those of one component.
func namesWebhooks(w *v1alpha1.WebhookCheck) bool {
	return len(w.Names) > 0 || w.NamePrefix != "" || w.Selector != nil || w.ServiceNamespace != ""
}

// webhook is what is read of a webhook of either kind. Of the caBundle it is only kept whether there is one.
type webhook struct {
	Name          string `json:"name"`
	FailurePolicy string `json:"failurePolicy"`
	ClientConfig  struct {
		URL     string `json:"url"`
		Service *struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
			Port      int64  `json:"port"`
		} `json:"service"`
		CABundle string `json:"caBundle"`
	} `json:"clientConfig"`
	Rules             []admissionv1.RuleWithOperations `json:"rules"`
	NamespaceSelector *metav1.LabelSelector            `json:"namespaceSelector"`
	ObjectSelector    *metav1.LabelSelector            `json:"objectSelector"`
	MatchConditions   []admissionv1.MatchCondition     `json:"matchConditions"`
}

// failsClosed reports whether requests are refused when the webhook cannot be called. Default: they are.
func (w *webhook) failsClosed() bool { return w.FailurePolicy != string(admissionv1.Ignore) }

// port of the Service that the API server calls. Default: 443.
func (w *webhook) port() int64 { return cmp.Or(w.ClientConfig.Service.Port, 443) }

func (w *webhook) service() types.NamespacedName {
	return types.NamespacedName{Namespace: w.ClientConfig.Service.Namespace, Name: w.ClientConfig.Service.Name}
}

// webhooksOf returns the webhooks of a configuration that the check is about; none when it does not match.
func (e *Evaluator) webhooksOf(o client.Object) ([]webhook, error) {
	spec := e.Spec.Webhook
	u, readable := o.(*unstructured.Unstructured)
	name := o.GetName()
	marked := func(m v1alpha1.WebhookMark) bool { return hasMark(o, m) }
	switch {
	case !readable, len(spec.Names) > 0 && !slices.Contains(spec.Names, v1alpha1.ObjectName(name)),
		!strings.HasPrefix(name, string(spec.NamePrefix)), !e.matchesLabels(o),
		len(spec.AnyOf) > 0 && !slices.ContainsFunc(spec.AnyOf, marked), slices.ContainsFunc(spec.NoneOf, marked):
		return nil, nil
	}
	var configuration struct {
		Webhooks []webhook `json:"webhooks"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &configuration); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(configuration.Webhooks, func(w webhook) bool {
		s := w.ClientConfig.Service
		return spec.ServiceNamespace != "" && (s == nil || s.Namespace != string(spec.ServiceNamespace))
	}), nil
}

func hasMark(o client.Object, m v1alpha1.WebhookMark) bool {
	if m.NamePrefix != "" {
		return strings.HasPrefix(o.GetName(), string(m.NamePrefix))
	}
	value, labeled := o.GetLabels()[string(m.Label)]
	return labeled && (m.Value == "" || m.Value == value)
}

func evaluateWebhooks(e *Evaluator, given facts.Facts) Evaluation {
	seen := webhookView{evaluator: e, given: given, further: map[facts.Need]bool{}}
	var verdicts []objectVerdict
	for _, need := range webhookNeeds(e) {
		for _, o := range given.Answers[need].Objects {
			webhooks, err := e.webhooksOf(o)
			switch {
			case err != nil:
				verdicts = append(verdicts, objectVerdict{object: o, kind: need.Kind.Kind, healthy: v1alpha1.VerdictUnknown,
					reason: v1alpha1.ReasonObservationFailed, detail: msg.Object(need.Kind.Kind, "", o.GetName()) + " couldn't be read: " + err.Error()})
			case len(webhooks) > 0:
				verdicts = append(verdicts, seen.configuration(need.Kind.Kind, o, webhooks))
			}
		}
	}
	out := Evaluation{Further: seen.demands}
	switch {
	case len(verdicts) == 0:
		out.Result = absent(v1alpha1.ReasonNotFound, "no "+webhookSubject(e))
	case seen.pending:
		out.Result = unknown(v1alpha1.ReasonNotYetObserved, "still checking the endpoints of "+webhookSubject(e))
	default:
		out.Result = summarize(verdicts)
		out.Faults = worstFaults(seen.faults)
		if out.Reason == v1alpha1.ReasonHealthy || out.Message == "" {
			out.Message = seen.counts(len(verdicts))
		}
	}
	return out
}

// webhookView is what was read behind webhooks, and what more must be.
type webhookView struct {
	evaluator *Evaluator
	given     facts.Facts

	demands []facts.Demand
	further map[facts.Need]bool
	// pending: some of it is being read for the first time.
	pending bool

	// called and byURL count the webhooks that can be called, and those that are not assessed.
	called, byURL int
	// faults are of the webhooks that cannot be called; those that do not count are minor.
	faults []v1alpha1.Fault
}

// counts says how many webhooks can be called.
func (v *webhookView) counts(configurations int) string {
	var parts []string
	if v.called > 0 {
		parts = append(parts, msg.Count(v.called, "webhook")+" can be called")
	}
	if v.byURL > 0 {
		parts = append(parts, fmt.Sprintf("%d outside the cluster, not checked", v.byURL))
	}
	if len(parts) == 0 {
		parts = append(parts, "no requests are intercepted")
	}
	return fmt.Sprintf("%s: %s", msg.Count(configurations, "webhook configuration"), strings.Join(parts, ", "))
}

// ask returns the answer to a need, which is asked for from now on.
func (v *webhookView) ask(need facts.Need) facts.Answer {
	if !v.further[need] {
		v.further[need] = true
		v.demands = append(v.demands, facts.Demand{Need: need})
	}
	answer := v.given.Answers[need]
	v.pending = v.pending || answer.State == facts.Pending
	return answer
}

// trouble is why a webhook cannot be called, and what to do about it. lasting says that it does not pass by itself, as
// nothing runs behind it; unknown that it cannot be told, and by which reason.
type trouble struct {
	text    string
	remedy  string
	lasting bool
	unknown string
	// noService says that its Service does not exist, noPods that nothing at all is behind it.
	noService, noPods bool
}

// trouble of a webhook with a Service; assessed is false for one that leads out of the cluster.
func (v *webhookView) trouble(w *webhook) (t trouble, assessed bool) {
	service := w.service()
	name := msg.Object(serviceKind.Kind, service.Namespace, service.Name)
	answer, itself := v.ask(slicesNeed(service)), v.ask(serviceNeed(service))
	if answer.State == facts.NotServed {
		answer.State = facts.Failed
	}
	if r, ok := unseen(answer, "the endpoints of "+name); ok {
		return trouble{text: r.Message, unknown: r.Reason}, true
	}
	all, ready := countEndpoints(answer.Objects)
	if ready == 0 {
		return withoutEndpoint(itself, name, all)
	}
	if ports := otherPorts(itself, w.port()); ports != "" {
		return trouble{text: fmt.Sprintf("%s has no port %d, only %s", name, w.port(), ports), remedy: "set the webhook to a port that it has", lasting: true}, true
	}
	if w.ClientConfig.CABundle == "" {
		t.text, t.remedy = "its caBundle is empty, so the API server trusts no certificate of "+name, "inject the CA certificate"
	}
	return t, true
}

// otherPorts are the ports of a Service when that of the webhook is not among them, so that it cannot be called whatever is
// behind it; empty when it is, or when that cannot be told.
func otherPorts(service facts.Answer, port int64) string {
	if service.State != facts.Known || len(service.Objects) == 0 {
		return ""
	}
	u, ok := service.Objects[0].(*unstructured.Unstructured)
	if !ok {
		return ""
	}
	var is struct {
		Spec struct {
			Ports []struct {
				Port int64 `json:"port"`
			} `json:"ports"`
		} `json:"spec"`
	}
	if runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &is) != nil {
		return ""
	}
	var others []string
	for _, p := range is.Spec.Ports {
		if p.Port == port {
			return ""
		}
		others = append(others, fmt.Sprint(p.Port))
	}
	return msg.Shorten(others, ", ")
}

// withoutEndpoint tells apart why a Service has no ready endpoint.
func withoutEndpoint(service facts.Answer, name string, endpoints int) (t trouble, assessed bool) {
	switch {
	case service.State == facts.Known && len(service.Objects) == 0:
		return trouble{text: name + " does not exist", remedy: "reinstall its chart or add-on", lasting: true, noService: true}, true
	case service.State == facts.Known && isExternal(service.Objects[0]):
		return trouble{}, false
	case endpoints > 0:
		return trouble{text: fmt.Sprintf("%s has no ready endpoints (%d not ready)", name, endpoints), remedy: "fix the pods behind it"}, true
	}
	return trouble{text: name + " has no endpoints", remedy: "start its pods", lasting: true, noPods: true}, true
}

func isExternal(service client.Object) bool {
	u, ok := service.(*unstructured.Unstructured)
	if !ok {
		return false
	}
	t, _, _ := unstructured.NestedString(u.Object, "spec", "type")
	return t == string(corev1.ServiceTypeExternalName)
}

// countEndpoints counts all endpoints and those that are ready; one that does not say is.
func countEndpoints(found []client.Object) (all, ready int) {
	for _, o := range found {
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		endpoints, _, _ := unstructured.NestedSlice(u.Object, "endpoints")
		for _, e := range endpoints {
			endpoint, _ := e.(map[string]any)
			isReady, told, _ := unstructured.NestedBool(endpoint, "conditions", "ready")
			all++
			if isReady || !told {
				ready++
			}
		}
	}
	return all, ready
}

// troubled are webhooks of a configuration that cannot be called for the same reason.
type troubled struct {
	trouble

	service        types.NamespacedName
	closed, counts bool
	names          []string
	refused        string
}

// configuration is the verdict on the webhooks of one configuration.
func (v *webhookView) configuration(kind string, o client.Object, webhooks []webhook) objectVerdict {
	verdict := objectVerdict{object: o, kind: kind, healthy: v1alpha1.VerdictNotAssessed, reason: v1alpha1.ReasonObserved}
	var found []troubled
	for i := range webhooks {
		w := &webhooks[i]
		switch {
		case len(w.Rules) == 0: // it intercepts nothing
			continue
		case w.ClientConfig.Service == nil:
			v.byURL++
			continue
		}
		t, assessed := v.trouble(w)
		switch {
		case !assessed:
			v.byURL++
		case t.text == "":
			v.called++
			verdict.healthy, verdict.reason = v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy
		default:
			found = v.addTroubled(found, w, t)
		}
	}
	found = slices.Concat(closed(found, true), closed(found, false)) // what rejects requests comes first
	var details []string
	for _, f := range found {
		healthy, reason := f.verdict()
		worse := healthRank[healthy] - healthRank[verdict.healthy]
		if worse < 0 || worse == 0 && reasonRank(reason) < reasonRank(verdict.reason) {
			verdict.healthy, verdict.reason, details = healthy, reason, nil
		}
		if healthy == verdict.healthy && reason == verdict.reason {
			details = append(details, f.describe(kind, o.GetName()))
		}
		if f.unknown == "" {
			v.faults = append(v.faults, v.fault(&f, kind, o.GetName()))
		}
	}
	verdict.detail = msg.Shorten(details, "; ")
	return verdict
}

// addTroubled adds a webhook to those of the same configuration for which the same is to be said.
func (v *webhookView) addTroubled(found []troubled, w *webhook, t trouble) []troubled {
	f := troubled{trouble: t, service: w.service(), closed: w.failsClosed(), names: []string{w.Name}}
	if t.unknown == "" {
		named := namesWebhooks(v.evaluator.Spec.Webhook)
		who, what := v.intercepted(w)
		if f.closed {
			f.refused = what
			f.counts = who == needsCluster || named || who == needsOthers && t.lasting
			if t.noPods && rejectsOwnPods(w) {
				f.remedy = "its own pods are rejected, too: set its failurePolicy to Ignore until they run"
			}
		} else { // all requests pass, but without what the component does to them
			f.counts = who != needsMaker && t.lasting && named
		}
	}
	for i := range found {
		if other := &found[i]; other.trouble == t && other.closed == f.closed && other.counts == f.counts && other.refused == f.refused {
			other.names = append(other.names, w.Name)
			return found
		}
	}
	return append(found, f)
}

// closed returns those of the webhooks that fail closed, or those that do not.
func closed(found []troubled, closed bool) []troubled {
	return slices.DeleteFunc(slices.Clone(found), func(f troubled) bool { return f.closed != closed })
}

func (f *troubled) verdict() (healthy v1alpha1.Verdict, reason string) {
	switch {
	case f.unknown != "" && f.closed:
		return v1alpha1.VerdictUnknown, f.unknown
	case f.unknown != "": // whether or not it is called, requests pass
		return v1alpha1.VerdictNotAssessed, v1alpha1.ReasonObserved
	case f.counts:
		return v1alpha1.VerdictFalse, v1alpha1.ReasonWebhookUnavailable
	}
	return v1alpha1.VerdictTrue, v1alpha1.ReasonWithinTolerance
}

// fault is what a status tells of them. What lacks the Service of its own webhooks has lost that Service; of a webhook that
// may be anybody's, nobody knows whether anything but its configuration should be there.
func (v *webhookView) fault(f *troubled, kind, configuration string) v1alpha1.Fault {
	of := v1alpha1.ObservedObject{Kind: kind, Name: configuration}
	service := v1alpha1.ObservedObject{Kind: serviceKind.Kind, Namespace: f.service.Namespace, Name: f.service.Name}
	out := v1alpha1.Fault{
		Kind: v1alpha1.FaultWebhook, Subject: of, Severity: v1alpha1.SeverityMinor, Reason: v1alpha1.ReasonWebhookUnavailable,
		Message: msg.Truncate(f.describe(kind, configuration), msg.MaxCheckMessage), Related: []v1alpha1.ObservedObject{service},
		Next: msg.Kubectl("", "get", strings.ToLower(kind), configuration, "-o", "yaml"),
	}
	if f.counts {
		out.Severity = v1alpha1.SeverityMajor
	}
	if f.noService && namesWebhooks(v.evaluator.Spec.Webhook) {
		out.Kind, out.Subject, out.Related[0] = v1alpha1.FaultObject, service, of
		out.Next = msg.Kubectl(service.Namespace, "get", "services")
	}
	for _, name := range f.names[:min(len(f.names), MaxObjects)] {
		out.Related = append(out.Related, v1alpha1.ObservedObject{Kind: kindWebhook, Name: msg.Truncate(name, maxObjectName)})
	}
	return out
}

func (f *troubled) describe(kind, configuration string) string {
	what := "webhook"
	if len(f.names) > 1 {
		what = "webhooks"
	}
	text := fmt.Sprintf("%s, %s %s: %s", msg.Object(kind, "", configuration), what, msg.Shorten(f.names, ", "), f.text)
	switch {
	case f.unknown != "":
		return text
	case !f.closed && f.counts:
		return text + "; failurePolicy is Ignore, so requests pass without it; " + f.remedy
	case !f.closed:
		return text + "; failurePolicy is Ignore, so requests pass without it"
	case f.counts:
		return text + "; the API server rejects " + f.refused + "; " + f.remedy
	}
	return text + "; the API server rejects " + f.refused + ", which the cluster itself doesn't need"
}

// whose says who makes the objects that a webhook intercepts, in order of what is lost while they cannot be made.
type whose int

const (
	// needsMaker: only who installed the webhook brings such kinds.
	needsMaker whose = iota
	// needsOthers: kinds of Kubernetes, which anybody writes.
	needsOthers
	// needsCluster: those of essential.
	needsCluster
)

// essential are the resources without which a cluster stops: no pod starts, no node joins or stays, nobody gets a namespace.
var essential = []struct {
	group, resource string
	// unlabeled says that no label is on those that the cluster itself makes.
	unlabeled bool
	// in are the namespaces of those; empty are all of them, or none.
	in []string
}{
	{group: "", resource: "pods"},
	{group: "", resource: "nodes"},
	{group: "coordination.k8s.io", resource: "leases", unlabeled: true, in: []string{metav1.NamespaceSystem, corev1.NamespaceNodeLease}},
	{group: "", resource: "namespaces"},
	{group: "apps", resource: "replicasets"},
	{group: "discovery.k8s.io", resource: "endpointslices"},
	{group: "certificates.k8s.io", resource: "certificatesigningrequests", unlabeled: true},
	{group: "", resource: "pods/binding", unlabeled: true},
	{group: "", resource: "pods/status"},
	{group: "", resource: "nodes/status"},
	{group: "", resource: "serviceaccounts/token", unlabeled: true},
}

// intercepted says whose requests a webhook intercepts, and which.
func (v *webhookView) intercepted(w *webhook) (who whose, text string) {
	var operations, resources, others []string
	everything := false
	for i := range w.Rules {
		rule := &w.Rules[i]
		if slices.ContainsFunc(rule.APIGroups, ofKubernetes) {
			who = max(who, needsOthers)
		}
		hit := v.essentialOf(w, rule)
		if len(hit) == 0 {
			others = append(others, resourcesOf(&rule.Rule)...)
			continue
		}
		everything = everything || slices.Contains(rule.APIGroups, "*") && slices.ContainsFunc(rule.Resources, isWildcard)
		resources = append(resources, hit...)
		operations = append(operations, slices.DeleteFunc(verbsOf(rule), func(verb string) bool { return verb == verbConnect })...)
	}
	switch {
	case len(resources) == 0:
		resources = distinct(others)
		for i := range w.Rules {
			operations = append(operations, verbsOf(&w.Rules[i])...)
		}
	default:
		who = needsCluster
	}
	if everything {
		resources = []string{"any object"}
	}
	return who, fmt.Sprintf("all requests to %s %s%s", msg.Either(distinct(operations)), msg.Shorten(distinct(resources), ", "), v.where(w))
}

// essentialOf are the essential resources that a rule intercepts, and the selectors of its webhook do not leave out.
func (v *webhookView) essentialOf(w *webhook, rule *admissionv1.RuleWithOperations) []string {
	if !slices.ContainsFunc(rule.Operations, func(o admissionv1.OperationType) bool { return o != admissionv1.Connect }) {
		return nil
	}
	var out []string
	for _, r := range essential {
		spared := r.unlabeled && !selects(w.ObjectSelector, nil) || len(r.in) > 0 && w.NamespaceSelector != nil &&
			!slices.ContainsFunc(r.in, func(namespace string) bool { return selects(w.NamespaceSelector, v.labelsOf(namespace)) })
		if !spared && intercepts(&rule.Rule, r.group, r.resource) {
			out = append(out, r.resource)
		}
	}
	return out
}

// ofKubernetes reports whether a group is one of Kubernetes itself: any other one is of who made its kinds.
func ofKubernetes(group string) bool {
	return group == "*" || !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io")
}

// selects reports whether a selector selects what has such labels; one that is not there or cannot be used selects anything.
func selects(s *metav1.LabelSelector, set labels.Set) bool {
	if s == nil {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err != nil || selector.Matches(set)
}

func isWildcard(resource string) bool { return resource == "*" || resource == "*/*" }

// intercepts reports whether the rule matches the resource, which may be a subresource.
func intercepts(rule *admissionv1.Rule, group, resource string) bool {
	if !slices.Contains(rule.APIGroups, "*") && !slices.Contains(rule.APIGroups, group) {
		return false
	}
	of, sub, isSub := strings.Cut(resource, "/")
	return slices.ContainsFunc(rule.Resources, func(pattern string) bool {
		patternOf, patternSub, forSub := strings.Cut(pattern, "/")
		switch {
		case patternOf != "*" && patternOf != of:
			return false
		case !forSub:
			return !isSub
		}
		return patternSub == "*" || patternSub == sub
	})
}

// resourcesOf are the resources of a rule as people name them: scaledobjects.keda.sh.
func resourcesOf(rule *admissionv1.Rule) []string {
	var out []string
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			name := resource
			if group != "" {
				name += "." + group
			}
			out = append(out, name)
		}
	}
	return out
}

var verbs = []struct {
	operation admissionv1.OperationType
	verb      string
}{
	{admissionv1.Create, verbCreate}, {admissionv1.Update, "update"}, {admissionv1.Delete, "delete"}, {admissionv1.Connect, verbConnect},
}

const (
	verbCreate  = "create"
	verbConnect = "connect to"
)

func verbsOf(rule *admissionv1.RuleWithOperations) []string {
	var out []string
	for _, v := range verbs {
		if slices.Contains(rule.Operations, v.operation) || slices.Contains(rule.Operations, admissionv1.OperationAll) {
			out = append(out, v.verb)
		}
	}
	return out
}

func distinct(items []string) []string {
	var out []string
	for _, item := range items {
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}

// where says to which objects a webhook is confined.
func (v *webhookView) where(w *webhook) string {
	text := ""
	if s := w.NamespaceSelector; s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0 {
		if !selects(s, v.labelsOf(metav1.NamespaceSystem)) {
			text = " outside " + metav1.NamespaceSystem
		}
		if chosen := chooses(s); chosen != "" {
			text = " in namespaces with " + chosen
		}
	}
	if s := w.ObjectSelector; s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0 {
		text += " with labels " + metav1.FormatLabelSelector(s)
	}
	if len(w.MatchConditions) > 0 {
		text += " that meet its matchConditions"
	}
	return text
}

// rejectsOwnPods reports whether nothing keeps a webhook from the pods behind it, as far as names of namespaces tell.
func rejectsOwnPods(w *webhook) bool {
	notByName := func(e metav1.LabelSelectorRequirement) bool { return e.Key != corev1.LabelMetadataName }
	if s := w.NamespaceSelector; s != nil {
		set := labels.Set{corev1.LabelMetadataName: w.service().Namespace}
		if len(s.MatchLabels) > 0 || slices.ContainsFunc(s.MatchExpressions, notByName) || !selects(s, set) {
			return false
		}
	}
	if s := w.ObjectSelector; len(w.MatchConditions) > 0 || s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0 {
		return false
	}
	return slices.ContainsFunc(w.Rules, func(r admissionv1.RuleWithOperations) bool {
		return slices.Contains(verbsOf(&r), verbCreate) && intercepts(&r.Rule, "", "pods")
	})
}

// labelsOf are the labels of a namespace that the cluster itself uses, as far as they are known.
func (v *webhookView) labelsOf(namespace string) labels.Set {
	set := labels.Set{corev1.LabelMetadataName: namespace} // which every namespace has
	if namespace != metav1.NamespaceSystem {
		return set
	}
	if answer := v.ask(systemNamespace); answer.State == facts.Known && len(answer.Objects) > 0 {
		return labels.Merge(answer.Objects[0].GetLabels(), set)
	}
	return set
}

// chooses are the labels that a namespace must have; empty where it must only lack some.
func chooses(s *metav1.LabelSelector) string {
	wants := &metav1.LabelSelector{MatchLabels: s.MatchLabels}
	for _, e := range s.MatchExpressions {
		if e.Operator == metav1.LabelSelectorOpIn || e.Operator == metav1.LabelSelectorOpExists {
			wants.MatchExpressions = append(wants.MatchExpressions, e)
		}
	}
	if len(wants.MatchLabels)+len(wants.MatchExpressions) == 0 {
		return ""
	}
	return metav1.FormatLabelSelector(wants)
}
