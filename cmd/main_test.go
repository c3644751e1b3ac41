// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

// TestLeaseConfig: the client that renews the lease shares neither a rate limit nor connections with the others.
func TestLeaseConfig(t *testing.T) {
	g := NewWithT(t)
	config := &rest.Config{Host: "https://cluster", QPS: 1, Burst: 1, RateLimiter: flowcontrol.NewFakeNeverRateLimiter()}
	own := leaseConfig(config)
	g.Expect(own.RateLimiter).To(BeNil())
	g.Expect(own.QPS).To(BeNumerically(">=", 5))
	g.Expect(own.Host).To(Equal(config.Host))
	g.Expect(config.RateLimiter).NotTo(BeNil(), "the others keep theirs")

	others, err := rest.TransportFor(config)
	g.Expect(err).NotTo(HaveOccurred())
	again, err := rest.TransportFor(config)
	g.Expect(err).NotTo(HaveOccurred())
	transport, err := rest.TransportFor(own)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(BeIdenticalTo(others), "which is how connections are shared")
	g.Expect(transport).NotTo(BeIdenticalTo(others))
}

// TestLease: a manager that takes part in an election has a lease, which the controllers ask before they write.
func TestLease(t *testing.T) {
	g := NewWithT(t)
	config := &rest.Config{Host: "https://127.0.0.1:1"}
	o := &options{probeAddr: "0", metricsAddr: "0", pprofAddr: "0", leaderElectionNamespace: "archmap-system"}
	_, lease, err := newManager(config, o)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(lease).To(BeNil())

	o.leaderElect = true
	_, lease, err = newManager(config, o)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(lease.Describe()).To(Equal("archmap-system/manager.archmap.dev"))
}
