// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// What is in the way is asked once for a read that is refused, and before the next ones until one succeeds.
func TestOutlook(t *testing.T) {
	g := NewWithT(t)
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "widgets"}, "", nil)
	o := newOutlook(widgetsNeed)
	learn := func(read bool, err error, ask, doubtful bool, why string) {
		t.Helper()
		g.Expect(o.learn(read, err)).To(Equal(ask), why)
		g.Expect(o.doubtful).To(Equal(doubtful), why)
	}
	learn(false, errors.New("the network is down"), false, false, "that passes")
	learn(false, forbidden, true, true, "a refusal")
	learn(false, forbidden, false, true, "it was asked before")
	learn(false, errors.New("the network is down"), false, true, "nothing was read")
	learn(true, nil, false, false, "a read")
	learn(true, errLost, true, true, "what was read for long is refused now")
	learn(true, errWidened, false, false, "it was read again meanwhile")
}
