// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"maps"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
)

// paint is how a box looks: the color inside, that of its edge, the width of the edge and its dashes.
type paint struct{ Fill, Stroke, Width, Dashes string }

const (
	thin, thick                = "1.25px", "3px"
	solid, dashed, fine string = "none", "6px, 4px", "3px, 3px"
)

// paints are the colors of each state, by day and by night.
var paints = map[string]map[catalog.State]paint{
	"light": {
		catalog.Healthy:       {"rgb(240, 251, 243)", "rgb(116, 196, 138)", thin, solid},
		catalog.Progressing:   {"rgb(221, 244, 255)", "rgb(84, 160, 240)", thin, solid},
		catalog.Unhealthy:     {"rgb(255, 235, 233)", "rgb(207, 34, 46)", thick, solid},
		catalog.Missing:       {"rgb(255, 235, 233)", "rgb(207, 34, 46)", thick, dashed},
		catalog.HealthUnknown: {"rgb(255, 248, 214)", "rgb(191, 135, 0)", thin, solid},
		catalog.Unknown:       {"rgb(255, 248, 214)", "rgb(191, 135, 0)", thin, dashed},
		catalog.Absent:        {"rgb(255, 255, 255)", "rgb(175, 184, 193)", thin, fine},
	},
	"dark": {
		catalog.Healthy:       {"rgb(15, 32, 21)", "rgb(42, 107, 55)", thin, solid},
		catalog.Progressing:   {"rgb(12, 34, 54)", "rgb(42, 108, 176)", thin, solid},
		catalog.Unhealthy:     {"rgb(58, 19, 21)", "rgb(248, 81, 73)", thick, solid},
		catalog.Missing:       {"rgb(58, 19, 21)", "rgb(248, 81, 73)", thick, dashed},
		catalog.HealthUnknown: {"rgb(39, 32, 8)", "rgb(158, 106, 3)", thin, solid},
		catalog.Unknown:       {"rgb(39, 32, 8)", "rgb(158, 106, 3)", thin, dashed},
		catalog.Absent:        {"rgb(13, 17, 23)", "rgb(76, 85, 97)", thin, fine},
	},
}

// drawn is a box as the browser draws it.
type drawn struct {
	Name, Text    string
	Paint         paint
	Width, Height float64
}

const drawnBoxes = `[...document.querySelectorAll("#scroll-drawing [data-component]")].map((box) => {
  const rect = box.querySelector("rect"), style = getComputedStyle(rect), size = rect.getBoundingClientRect();
  return {
    Name: box.dataset.component, Text: box.textContent, Width: size.width, Height: size.height,
    Paint: { Fill: style.fill, Stroke: style.stroke, Width: style.strokeWidth, Dashes: style.strokeDasharray },
  };
})`

// TestDrawing: every component is drawn, in the colors and with the word of its state.
func TestDrawing(t *testing.T) {
	g := NewWithT(t)
	for scheme := range paints {
		g.Expect(slices.Sorted(maps.Keys(paints[scheme]))).To(ConsistOf(catalog.States), "a color for every state")
	}
	for name, load := range map[string]func(*testing.T) *report.Report{"documented": documented, "overlay-cilium": modern, "every state": everyState} {
		for scheme, colors := range paints {
			t.Run(name+", "+scheme, func(t *testing.T) {
				shown := load(t)
				p := openReport(t, shown, prefers("prefers-color-scheme", scheme))
				boxes := map[string][]drawn{}
				for _, box := range js[[]drawn](p, drawnBoxes) {
					boxes[box.Name] = append(boxes[box.Name], box)
				}
				for i := range shown.Mappings {
					m := &shown.Mappings[i]
					state := catalog.StateOf(m)
					p.Expect(boxes[m.Name]).NotTo(BeEmpty(), m.Name)
					for _, box := range boxes[m.Name] {
						p.Expect(box.Paint).To(Equal(colors[state]), "%s is %s", m.Name, state)
						p.Expect(box.Text).To(ContainSubstring(state.Word()), m.Name)
						p.Expect(min(box.Width, box.Height)).To(BeNumerically(">", 30), m.Name)
					}
				}
				p.Expect(boxes).To(HaveLen(len(shown.Mappings)), "and nothing else is")
			})
		}
	}
}

// TestDrawingLeads: a box leads to the evidence of its component, by mouse and by keyboard.
func TestDrawingLeads(t *testing.T) {
	p := openReport(t, modern(t))
	const where = `document.activeElement.closest("details")?.id + " " + document.activeElement.closest("details")?.open`
	js[any](p, `document.querySelector('.architecture [data-component="kubelet"] rect').dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}))`)
	p.Expect(js[string](p, where)).To(Equal("component-kubelet true"))
	js[any](p, `document.querySelector('.architecture a[href="#component-coredns"]').focus()`)
	p.press(enter)
	p.Expect(js[string](p, where)).To(Equal("component-coredns true"))
}
