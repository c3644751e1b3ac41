// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	_ "embed"
	"encoding/base64"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

//go:embed webhooks-ca.pem
var webhooksCA []byte

// certify gives the webhooks of a configuration certificates, as their programs do: no manifest has any.
func certify(o *unstructured.Unstructured) {
	if !slices.Contains([]string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}, o.GetKind()) {
		return
	}
	webhooks, _ := o.Object["webhooks"].([]any)
	for _, w := range webhooks {
		webhook, _ := w.(map[string]any)
		if config, ok := webhook["clientConfig"].(map[string]any); ok && config["service"] != nil {
			config["caBundle"] = base64.StdEncoding.EncodeToString(webhooksCA)
		}
	}
}
