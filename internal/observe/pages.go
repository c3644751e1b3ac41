// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

// paged lists page by page and trims each page as it comes. An API server that doesn't stream a first list answers an informer
// from its memory otherwise, with all objects at once, as they are.
func paged(watcher toolscache.ListerWatcher, need facts.Need) toolscache.ListerWatcher {
	from := toolscache.ToListerWatcherWithContext(watcher)
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return listPages(ctx, from, need, options)
		},
		WatchFuncWithContext: from.WatchWithContext,
	}
}

func listPages(
	ctx context.Context, from toolscache.ListerWatcherWithContext, need facts.Need, options metav1.ListOptions,
) (client.ObjectList, error) {
	var version string
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		page, err := from.ListWithContext(ctx, options)
		if list, ok := page.(metav1.ListInterface); ok && err == nil {
			version = list.GetResourceVersion() // that of all pages
		}
		return page, err
	})
	pages.PageSize, pages.PageBufferSize = pageSize, 0
	// The API server ignores limits where any version will do.
	options.ResourceVersion, options.ResourceVersionMatch, options.Limit = "", "", 0
	var items []runtime.Object
	if err := pages.EachListItem(ctx, options, func(o runtime.Object) error {
		item, err := trimmed(need, o)
		if item != nil {
			items = append(items, item)
		}
		return err
	}); err != nil {
		return nil, err
	}
	list := trim.NewList(need.Kind)
	list.SetResourceVersion(version)
	return list, meta.SetList(list, items)
}
