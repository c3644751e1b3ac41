// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/archmap/archmap/internal/facts"
)

// What comes through is trimmed where it is protobuf, and as it was sent where it is not.
func TestAnswersAreTrimmed(t *testing.T) {
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	node.GetObjectKind().SetGroupVersionKind(facts.Nodes.Kind)
	lean := encoded(t, &node)
	node.Status.Images = []corev1.ContainerImage{{Names: []string{"mcr.microsoft.com/pause:3.9"}}}
	whole := encoded(t, &node)
	event := func(node []byte) []byte {
		text, err := (&metav1.WatchEvent{Type: "MODIFIED", Object: runtime.RawExtension{Raw: node}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	}
	events := func(node []byte) []byte { return bytes.Repeat(event(node), 3) }
	const proto, watch = "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf;stream=watch"
	for name, c := range map[string]struct {
		status         int
		kind, encoding string
		sent, want     []byte
		err            error
	}{
		"a node":                   {200, proto, "", whole, lean, nil},
		"events":                   {200, watch, "", events(whole), events(lean), nil},
		"no events":                {200, watch, "", nil, nil, nil},
		"JSON":                     {200, "application/json", "", []byte(`{"kind":"Node"}`), []byte(`{"kind":"Node"}`), nil},
		"compressed":               {200, proto, "br", whole, whole, nil},
		"an error":                 {404, proto, "", whole, whole, nil},
		"a node that is cut":       {200, proto, "", whole[:len(whole)-1], whole[:len(whole)-1], nil},
		"an event that is cut":     {200, watch, "", append(event(whole), event(whole)[:9]...), event(lean), io.ErrUnexpectedEOF},
		"a length that is cut":     {200, watch, "", append(event(whole), 0, 0), event(lean), io.ErrUnexpectedEOF},
		"an event that is garbage": {200, watch, "", []byte{0, 0, 0, 2, 0xff, 0xff}, []byte{0, 0, 0, 2, 0xff, 0xff}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				if c.encoding != "" {
					w.Header().Set("Content-Encoding", c.encoding)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write(c.sent)
			}))
			defer server.Close()
			response, err := trimming(server.Client()).Get(server.URL)
			g.Expect(err).NotTo(HaveOccurred())
			got, err := io.ReadAll(response.Body)
			g.Expect(response.Body.Close()).To(Succeed())
			if c.err == nil {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(c.err))
			}
			g.Expect(string(got)).To(Equal(string(c.want)))
		})
	}
}

func encoded(t *testing.T, o runtime.Object) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(o, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
