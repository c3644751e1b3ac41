// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/report"
)

var update = flag.Bool("update", false, "take the screenshots of the documentation anew")

// maxImage is how large a screenshot may be, in bytes.
const maxImage = 300 << 10

// TestScreenshots: the documentation shows the page. With -update it shows it as it is now.
func TestScreenshots(t *testing.T) {
	const toTable = `document.getElementById("table").getBoundingClientRect().top - 24`
	for name, shot := range map[string]struct {
		report   func(*testing.T) *report.Report
		settings []step
		// height of the part that is shown, as an expression.
		height string
	}{
		"report-overlay-cilium": {modern, nil, toTable},
		"report-documented":     {documented, nil, toTable},
		"report-faults":         {faulty, nil, toTable},
		"report-dark":           {faulty, []step{dark}, toTable},
		"report-phone":          {faulty, []step{phone}, "844"},
	} {
		t.Run(name, func(t *testing.T) {
			g, file := NewWithT(t), filepath.Join("..", "..", "docs", "images", name+".png")
			if *update {
				p := openReport(t, shot.report(t), shot.settings...)
				g.Expect(os.WriteFile(file, p.shoot(js[float64](p, shot.height)), 0o644)).To(Succeed()) //nolint:gosec // it is published
			}
			data, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred(), "make screenshots takes it")
			g.Expect(len(data)).To(BeNumerically("<", maxImage))
			shown, err := png.DecodeConfig(bytes.NewReader(data))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(shown.Width).To(BeElementOf(1280, 780))
		})
	}
}

// shoot takes a picture of the upper part of the page, small enough to be kept.
func (p *page) shoot(height float64) []byte {
	p.t.Helper()
	size := js[[]float64](p, `[innerWidth, scrollY]`)
	taken, err := chromedp.Call(p.ctx, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{
		Clip: &cdppage.Viewport{Width: size[0], Height: height, Scale: 1}, CaptureBeyondViewport: new(true),
	})
	p.Expect(err).NotTo(HaveOccurred())
	full, err := png.Decode(bytes.NewReader(taken.Data))
	p.Expect(err).NotTo(HaveOccurred())
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	p.Expect(encoder.Encode(&out, fewColors(full))).To(Succeed())
	return out.Bytes()
}

// fewColors is the picture in the 256 colors that it has most.
func fewColors(full image.Image) image.Image {
	counts := map[color.RGBA]int{}
	bounds := full.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	palette := make(color.Palette, 0, 256)
	for _, c := range colors[:min(256, len(colors))] {
		palette = append(palette, c)
	}
	small := image.NewPaletted(bounds, palette)
	draw.Draw(small, bounds, full, bounds.Min, draw.Src)
	return small
}
