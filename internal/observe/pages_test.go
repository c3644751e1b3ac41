// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/archmap/archmap/internal/facts"
)

// bookcase serves lists in pages, of objects that it makes.
func bookcase(t *testing.T, n int, list func(from, until int) runtime.Object, fails error) (*toolscache.ListWatch, *[]metav1.ListOptions) {
	t.Helper()
	asked := &[]metav1.ListOptions{}
	return &toolscache.ListWatch{
		ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
			*asked = append(*asked, options)
			from, _ := strconv.Atoi(options.Continue)
			if from > 0 && fails != nil {
				return nil, fails
			}
			until := min(n, from+int(options.Limit))
			page := list(from, until)
			l := page.(metav1.ListInterface)
			l.SetResourceVersion("42")
			if until < n {
				l.SetContinue(strconv.Itoa(until))
			}
			return page, nil
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return nil, errors.New("watched") },
	}, asked
}

func nodePage(from, until int) runtime.Object {
	list := &corev1.NodeList{}
	for i := from; i < until; i++ {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%04d", i), ResourceVersion: "7", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}}}
		n.Status.Images = []corev1.ContainerImage{{Names: []string{"pause"}}}
		list.Items = append(list.Items, n)
	}
	return list
}

func widgetPage(from, until int) runtime.Object {
	list := &unstructured.UnstructuredList{}
	for i := from; i < until; i++ {
		u := unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": int64(i), "more": "text"}}}
		u.SetGroupVersionKind(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"})
		u.SetName(fmt.Sprintf("w%04d", i))
		list.Items = append(list.Items, u)
	}
	return list
}

// A first list is read in pages of what is kept of the objects, whatever version an informer asks for.
func TestFirstListsArePaged(t *testing.T) {
	g := NewWithT(t)
	from, asked := bookcase(t, 3*pageSize-1, nodePage, nil)
	lister := toolscache.ToListerWatcherWithContext(paged(from, facts.Nodes))
	list, err := lister.ListWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "0", Limit: 500, LabelSelector: "a=b"})
	g.Expect(err).NotTo(HaveOccurred())
	nodes := list.(*corev1.NodeList)
	g.Expect(nodes.ResourceVersion).To(Equal("42"))
	g.Expect(nodes.Continue).To(BeEmpty())
	g.Expect(nodes.Items).To(HaveLen(3*pageSize - 1))
	for i, n := range nodes.Items {
		g.Expect(n.Name).To(Equal(fmt.Sprintf("n%04d", i)))
		g.Expect(n.ResourceVersion).To(Equal("7"))
		g.Expect(n.ManagedFields).To(BeEmpty())
		g.Expect(n.Status.Images).To(BeEmpty())
	}
	g.Expect(*asked).To(HaveLen(3))
	for _, options := range *asked {
		g.Expect(options.Limit).To(BeEquivalentTo(pageSize))
		g.Expect(options.LabelSelector).To(Equal("a=b"))
		g.Expect(options.ResourceVersion).To(BeEmpty(), "or it would be answered at once")
	}
	_, err = lister.WatchWithContext(t.Context(), metav1.ListOptions{})
	g.Expect(err).To(MatchError("watched"))
}

// Of custom objects the fields are kept that checks read.
func TestFirstListsAreMasked(t *testing.T) {
	g := NewWithT(t)
	need := facts.Need{Kind: schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}, Mask: `{"spec":{"size":null}}`}
	from, _ := bookcase(t, 2, widgetPage, nil)
	list, err := toolscache.ToListerWatcherWithContext(paged(from, need)).ListWithContext(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	items, err := meta.ExtractList(list)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(items).To(HaveLen(2))
	g.Expect(items[1].(*unstructured.Unstructured).Object).To(Equal(map[string]any{"apiVersion": "example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"name": "w0001"}, "spec": map[string]any{"size": int64(1)}}))
}

// A list of which a page fails has failed: an informer begins anew.
func TestFirstListsThatFail(t *testing.T) {
	g := NewWithT(t)
	from, _ := bookcase(t, 2*pageSize, nodePage, errors.New("the second page fails"))
	_, err := toolscache.ToListerWatcherWithContext(paged(from, facts.Nodes)).ListWithContext(t.Context(), metav1.ListOptions{})
	g.Expect(err).To(MatchError("the second page fails"))
}
