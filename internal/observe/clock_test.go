// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// dated answers every request with the next of the dates.
type dated []string

func (d *dated) RoundTrip(*http.Request) (*http.Response, error) {
	response := &http.Response{Header: http.Header{"Date": {(*d)[0]}}}
	*d = (*d)[1:]
	return response, nil
}

// The time is that of the API server, however wrong the clock of this machine is; answers that come late and those
// without a date do not turn it back.
func TestServerClock(t *testing.T) {
	g := NewWithT(t)
	noon := time.Date(2020, 2, 20, 12, 0, 0, 0, time.UTC)
	server := &dated{noon.Format(http.TimeFormat), noon.Add(-time.Hour).Format(http.TimeFormat), "", noon.Add(time.Hour).Format(http.TimeFormat)}
	clock := &ServerClock{}
	through := clock.Wrap(server)
	g.Expect(clock.Now()).To(BeTemporally("~", time.Now(), time.Minute), "nothing is known yet")
	for _, want := range []time.Time{noon, noon, noon, noon.Add(time.Hour)} {
		_, err := through.RoundTrip(nil)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(clock.Now()).To(BeTemporally("~", want, 30*time.Second))
		g.Expect(clock.Now().Nanosecond()).To(BeZero())
	}
	wrapper, ok := through.(utilnet.RoundTripperWrapper)
	g.Expect(ok).To(BeTrue(), "client-go looks for what can cancel a request")
	g.Expect(wrapper.WrappedRoundTripper()).To(BeIdenticalTo(server))
}
