// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reporttest has pictures of clusters for the tests of what is made of them.
package reporttest

import (
	"embed"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/report"
)

const (
	// Documented is the shape that is the architecture table taken literally.
	Documented = "documented"
	// Modern is the shape of today's AKS.
	Modern = "overlay-cilium"
)

// Now is when the pictures are taken.
var Now = time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)

//go:embed *.yaml
var statuses embed.FS

// Picture is the shipped catalogue with the statuses that it has on a cluster of the shape.
func Picture(shape string) (*report.Picture, error) {
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		return nil, err
	}
	text, err := statuses.ReadFile(shape + ".yaml")
	if err != nil {
		return nil, err
	}
	var judged struct {
		Architecture v1alpha1.ClusterArchitectureStatus         `json:"architecture"`
		Mappings     map[string]v1alpha1.ComponentMappingStatus `json:"mappings"`
	}
	if err := yaml.Unmarshal(text, &judged); err != nil {
		return nil, err
	}
	p := &report.Picture{Architecture: loaded.Architectures[0], Mappings: loaded.Mappings, Source: shape, ObservedAt: Now}
	p.Architecture.Status = judged.Architecture
	for i := range p.Mappings {
		m := &p.Mappings[i]
		m.Generation, m.Status = 1, judged.Mappings[m.Name]
	}
	return p, nil
}

// Mapping is one of a picture, to be changed; nil when there is none of the name.
func Mapping(p *report.Picture, name string) *v1alpha1.ComponentMapping {
	for i := range p.Mappings {
		if p.Mappings[i].Name == name {
			return &p.Mappings[i]
		}
	}
	return nil
}

// Break makes a mapping unhealthy, since five minutes, and names it as a cause.
func Break(p *report.Picture, name, reason, message string) {
	m := Mapping(p, name)
	SetCondition(m, v1alpha1.ConditionHealthy, metav1.ConditionFalse, reason, message)
	m.Status.Message = message
	for i := range m.Status.Checks {
		if c := &m.Status.Checks[i]; c.Healthy == v1alpha1.VerdictTrue {
			c.Healthy, c.Reason, c.Message = v1alpha1.VerdictFalse, reason, message
			c.LastTransitionTime = metav1.NewTime(Now.Add(-5 * time.Minute))
			break
		}
	}
	a := &p.Architecture.Status
	a.Causes = append(a.Causes, v1alpha1.Cause{Reason: reason, Message: message, Components: []string{name}, Since: metav1.NewTime(Now.Add(-5 * time.Minute))})
	setCondition(&a.Conditions, v1alpha1.ConditionHealthy, metav1.ConditionFalse, v1alpha1.ReasonComponentsUnhealthy, "unhealthy: "+name)
}

// SetCondition gives a mapping a condition, since five minutes.
func SetCondition(m *v1alpha1.ComponentMapping, conditionType string, status metav1.ConditionStatus, reason, message string) {
	setCondition(&m.Status.Conditions, conditionType, status, reason, message)
}

func setCondition(conditions *[]metav1.Condition, conditionType string, status metav1.ConditionStatus, reason, message string) {
	c := metav1.Condition{Type: conditionType, Status: status, Reason: reason, Message: message,
		LastTransitionTime: metav1.NewTime(Now.Add(-5 * time.Minute))}
	for i := range *conditions {
		if (*conditions)[i].Type == conditionType {
			(*conditions)[i] = c
			return
		}
	}
	*conditions = append(*conditions, c)
}
