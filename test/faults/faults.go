// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package faults holds what can go wrong in a cluster as data: faults.yaml says of each fault how to cause it and
// what archmap must then say, harmless.yaml lists what only seems to be one. README.md explains the vocabulary.
package faults

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/test/world"
)

//go:embed causes.yaml faults.yaml harmless.yaml size.yaml
var data embed.FS

// Case is a fault, or what only seems to be one.
type Case struct {
	// Name says what happens, in a few words.
	Name string `json:"name"`
	// Shape of the cluster.
	Shape string `json:"shape"`
	// Row of the table that it is about: the name of a mapping.
	Row string `json:"row"`
	// Break is what is done to the cluster.
	Break []Step `json:"break"`
	// After is how long the fault lasts before the longest grace period, at the end of which the verdicts count.
	// Default two minutes.
	After metav1.Duration `json:"after"`
	// Since when it lasts, where an object that it makes tells of an earlier time.
	Since metav1.Time `json:"since"`
	// Expect is what turns; every mapping that is not named here must stay as it was.
	Expect []Expectation `json:"expect"`
	// Causes is how many causes the architecture then counts; any number when it is not said.
	Causes *int `json:"causes"`
	// Complete of the architecture as status/reason, when it turns.
	Complete string `json:"complete"`
	// Platform is its PlatformDetected, when it turns.
	Platform string `json:"platform"`
	// Versions is its VersionsSupported, when it turns.
	Versions string `json:"versions"`
	// Unmapped are the workloads that no mapping covers, as Kind namespace/name state, with the reason of a fault, when they
	// become others.
	Unmapped []string `json:"unmapped"`
	// Says are words of the architecture: of its conditions, its causes, and the rules that are broken.
	Says []string `json:"says"`
	// Ends is what ends the fault by itself; then nothing may be False that was not.
	Ends []Step `json:"ends"`
}

// Expectation is what a fault does to mappings: conditions as status/reason, and words that the message of the worse one
// contains.
type Expectation struct {
	Rows    []string `json:"rows"`
	Present string   `json:"present"`
	Healthy string   `json:"healthy"`
	// Documented is AsDocumented.
	Documented string `json:"documented"`
	// Version in use.
	Version string `json:"version"`
	// OperatedBy says whom to call.
	OperatedBy string   `json:"operatedBy"`
	Says       []string `json:"says"`
	// Changes says that nothing but version, variants, methods or documentation may have become another.
	Changes bool `json:"changes"`
}

// Step does one thing to a world.
type Step struct {
	// Delete an object, named as Kind name or Kind namespace/name; with a node goes what belongs to it.
	Delete string `json:"delete"`
	// Create an object.
	Create map[string]any `json:"create"`
	// Patch an object by merging.
	Patch *Patch `json:"patch"`
	// Pods of a workload are in a state.
	Pods *PodsStep `json:"pods"`
	// Heal ends what is wrong with pods of a workload, and its roll-out.
	Heal string `json:"heal"`
	// RollOut changes a workload's image.
	RollOut *RollOutStep `json:"rollOut"`
	// Node is in a state.
	Node *NodeStep `json:"node"`
	// Condition that a node's problem detector reports.
	Condition *ConditionStep `json:"condition"`
	// Join adds a node like another one.
	Join *JoinStep `json:"join"`
	// Freeze a lease, or the autoscaler's status: it is not written any more.
	Freeze string `json:"freeze"`
	// Release a lease: its holder gave it up, and no other takes it.
	Release string `json:"release"`
	// Answer of the API server to a path.
	Answer *AnswerStep `json:"answer"`
	// Opinion is what the authorizer of Azure says in its refusals.
	Opinion *string `json:"opinion"`
	// Wait lets time pass while archmap keeps judging.
	Wait *metav1.Duration `json:"wait"`
	// Repair all that was broken so far.
	Repair bool `json:"repair"`
}

// Patch merges fields into an object.
type Patch struct {
	Of    string         `json:"of"`
	Merge map[string]any `json:"merge"`
}

// PodsStep is what is wrong with pods of a workload.
type PodsStep struct {
	Of         string `json:"of"`
	world.Pods `json:",inline"`
}

// RollOutStep is a change of a workload's image, and how far it has come; without that it is over.
type RollOutStep struct {
	Of        string         `json:"of"`
	Container string         `json:"container"`
	Tag       string         `json:"tag"`
	Stops     *world.RollOut `json:"stops"`
}

// NodeStep is the state of a node, named as pool/index.
type NodeStep struct {
	Of    string          `json:"of"`
	State world.NodeState `json:"state"`
}

// ConditionStep is a condition of a node; with an age it was written then, and not again.
type ConditionStep struct {
	Of      string                 `json:"of"`
	Type    string                 `json:"type"`
	Status  corev1.ConditionStatus `json:"status"`
	Reason  string                 `json:"reason"`
	Message string                 `json:"message"`
	Age     metav1.Duration        `json:"age"`
}

// JoinStep adds a node, or that many whose names are numbered.
type JoinStep struct {
	Like  string `json:"like"`
	Name  string `json:"name"`
	Count int    `json:"count"`
}

func (s *JoinStep) join(w *world.World, like string) error {
	if s.Count == 0 {
		return w.Join(like, s.Name)
	}
	for i := range s.Count {
		if err := w.Join(like, fmt.Sprintf("%s%d", s.Name, i)); err != nil {
			return err
		}
	}
	return nil
}

// AnswerStep is an answer of the API server.
type AnswerStep struct {
	Path   string `json:"path"`
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// Faults returns the cases of faults.yaml.
func Faults() ([]Case, error) { return read("faults.yaml") }

// Harmless returns the cases of harmless.yaml.
func Harmless() ([]Case, error) { return read("harmless.yaml") }

func read(file string) ([]Case, error) {
	text, err := data.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var cases []Case
	if err := yaml.UnmarshalStrict(text, &cases); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.Name] {
			return nil, fmt.Errorf("%s: %q is there twice", file, c.Name)
		}
		seen[c.Name] = true
	}
	return cases, nil
}

// apply applies the steps; a repair restores healthy.
func apply(w *world.World, steps []Step, healthy world.State, visit func(*world.Verdicts)) error {
	for i, step := range steps {
		if err := step.apply(w, healthy, visit); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func (s Step) apply(w *world.World, healthy world.State, visit func(*world.Verdicts)) error {
	switch {
	case s.Delete != "":
		return onObject(s.Delete, w.Delete)
	case s.Create != nil:
		return w.Create(&unstructured.Unstructured{Object: s.Create})
	case s.Patch != nil:
		return onObject(s.Patch.Of, func(ref world.Ref) error { return w.Patch(ref, s.Patch.Merge) })
	case s.Pods != nil:
		return onObject(s.Pods.Of, func(ref world.Ref) error { return w.SetPods(ref, s.Pods.Pods) })
	case s.Heal != "":
		return onObject(s.Heal, w.Heal)
	case s.RollOut != nil:
		return onObject(s.RollOut.Of, func(ref world.Ref) error {
			return w.RollOut(ref, s.RollOut.Container, s.RollOut.Tag, s.RollOut.Stops)
		})
	case s.Node != nil:
		return onNode(w, s.Node.Of, func(name string) error { return w.SetNode(name, s.Node.State) })
	case s.Condition != nil:
		return onNode(w, s.Condition.Of, func(name string) error {
			c := s.Condition
			return w.SetNodeCondition(name, corev1.NodeCondition{
				Type: corev1.NodeConditionType(c.Type), Status: c.Status, Reason: c.Reason, Message: c.Message}, c.Age.Duration)
		})
	case s.Join != nil:
		return onNode(w, s.Join.Like, func(name string) error { return s.Join.join(w, name) })
	case s.Freeze != "":
		return onObject(s.Freeze, w.Freeze)
	case s.Release != "":
		return onObject(s.Release, func(ref world.Ref) error {
			return errors.Join(w.Freeze(ref), w.Patch(ref, map[string]any{"spec": map[string]any{"holderIdentity": ""}}))
		})
	case s.Answer != nil:
		status := s.Answer.Status
		if status == 0 {
			status = http.StatusOK
		}
		w.Answer(s.Answer.Path, facts.Response{Status: status, Body: s.Answer.Body})
		return nil
	case s.Opinion != nil:
		w.SetOpinion(*s.Opinion)
		return nil
	case s.Wait != nil:
		return watch(w, s.Wait.Duration, visit)
	case s.Repair:
		w.Restore(healthy)
		return nil
	}
	return errors.New("says nothing")
}

func onObject(text string, do func(world.Ref) error) error {
	ref, err := world.ParseRef(text)
	if err != nil {
		return err
	}
	return do(ref)
}

func onNode(w *world.World, text string, do func(string) error) error {
	name, err := w.NodeName(text)
	if err != nil {
		return err
	}
	return do(name)
}

// watch lets time pass, and judges the world at once, at the end, and in between: often at first, then less and less.
func watch(w *world.World, d time.Duration, visit func(*world.Verdicts)) error {
	for passed := time.Duration(0); ; {
		verdicts, err := w.Judge()
		if err != nil {
			return err
		}
		visit(verdicts)
		if passed >= d {
			return nil
		}
		step := min(max(15*time.Second, passed/8), d-passed)
		w.Advance(step)
		passed += step
	}
}
