// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/chromedp/chromedp"

	"github.com/archmap/archmap/internal/report"
)

var update = flag.Bool("update", false, "take the screenshots of the documentation anew")

var imageDir = filepath.Join("..", "..", "docs", "images")

// TestScreenshots takes the pictures that the documentation shows.
func TestScreenshots(t *testing.T) {
	for name, shot := range map[string]struct {
		picture  func(*testing.T) *report.Picture
		settings []step
	}{
		"report-overlay-cilium": {modern, nil},
		"report-documented":     {documented, nil},
		"report-faults":         {faulty, nil},
		"report-dark":           {faulty, []step{dark}},
		"report-phone":          {faulty, []step{phone}},
	} {
		t.Run(name, func(t *testing.T) {
			p := openReport(t, shot.picture(t), shot.settings...)
			image, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
			p.Expect(err).NotTo(HaveOccurred())
			p.Expect(os.WriteFile("/tmp/shots/"+name+".png", image, 0o600)).To(Succeed())
		})
	}
}
