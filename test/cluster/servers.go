// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// The API server reaches what runs inside the cluster through a proxy, as on a cluster with konnectivity.
const egressConfiguration = `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport: {uds: {udsName: %q}}
`

// server answers requests of the API server until it is stopped.
type server struct {
	http.Server
	done chan error
}

func serve(listener net.Listener, handler http.HandlerFunc) *server {
	s := &server{Server: http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}, done: make(chan error, 1)}
	go func() { s.done <- s.Serve(listener) }()
	return s
}

func (s *server) stop() error {
	err := s.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// serve starts what the API server calls: the tunnel into the cluster and, if asked for, the authorizer.
func (c *Cluster) serve() error {
	tunnel, err := net.Listen("unix", c.tunnelSocket())
	if err != nil {
		return fmt.Errorf("listen for the API server's connections into the cluster: %w", err)
	}
	c.servers = append(c.servers, serve(tunnel, c.connect))
	if c.options.Opinion == "" {
		return nil
	}

	authorizer, err := net.Listen("tcp", loopback(0))
	if err != nil {
		return fmt.Errorf("listen for access reviews: %w", err)
	}
	c.servers = append(c.servers, serve(authorizer, c.review))
	return writeKubeconfig(c.path("authorizer.kubeconfig"), &rest.Config{Host: "http://" + authorizer.Addr().String()})
}

func (c *Cluster) tunnelSocket() string { return c.path("tunnel.sock") }

// connect answers CONNECT: it joins the caller with what runs under the address in the cluster.
func (c *Cluster) connect(w http.ResponseWriter, r *http.Request) {
	inside, err := c.options.Dial(r.Context(), r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = inside.Close() }()
	outside, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = outside.Close() }()
	if _, err := outside.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
		return
	}

	ended := make(chan struct{}, 2)
	copyAll := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from) // either side may hang up at any time
		ended <- struct{}{}
	}
	go copyAll(inside, buffered)
	go copyAll(outside, inside)
	<-ended
}

// review answers a SubjectAccessReview as an authorizer that does not know the user: it neither allows nor
// denies, and says so.
func (c *Cluster) review(w http.ResponseWriter, r *http.Request) {
	var review authorizationv1.SubjectAccessReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	review.Status = authorizationv1.SubjectAccessReviewStatus{Reason: c.options.Opinion}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // the caller is gone, nobody to tell
}

func authorizationConfiguration(webhook bool, kubeconfig string) string {
	text := `apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- {type: Node, name: node}
- {type: RBAC, name: rbac}
`
	if !webhook {
		return text
	}
	return text + fmt.Sprintf(`- type: Webhook
  name: webhook
  webhook:
    timeout: 3s
    failurePolicy: NoOpinion
    authorizedTTL: 5m
    unauthorizedTTL: 30s
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: %q}
`, kubeconfig)
}
