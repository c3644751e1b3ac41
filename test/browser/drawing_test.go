// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
)

// paint is how a box looks: the color inside, that of its left edge, the style of its other edges, and whether it is framed.
type paint struct {
	Fill, Edge, Style string
	Framed            bool
}

const (
	solid, dashed = "solid", "dashed"
	white, black  = "rgb(255, 255, 255)", "rgb(13, 17, 23)"
)

// paints are the colors of each state that is drawn as a box, by day and by night.
var paints = map[string]map[catalog.State]paint{
	"light": {
		catalog.Healthy:       {white, "rgb(116, 196, 138)", solid, false},
		catalog.Progressing:   {"rgb(221, 244, 255)", "rgb(84, 160, 240)", solid, false},
		catalog.Unhealthy:     {"rgb(255, 235, 233)", "rgb(207, 34, 46)", solid, true},
		catalog.Missing:       {"rgb(255, 235, 233)", "rgb(207, 34, 46)", dashed, true},
		catalog.HealthUnknown: {white, "rgb(191, 135, 0)", solid, false},
		catalog.Unknown:       {"rgb(255, 248, 214)", "rgb(191, 135, 0)", dashed, false},
	},
	"dark": {
		catalog.Healthy:       {black, "rgb(42, 107, 55)", solid, false},
		catalog.Progressing:   {"rgb(12, 34, 54)", "rgb(42, 108, 176)", solid, false},
		catalog.Unhealthy:     {"rgb(58, 19, 21)", "rgb(248, 81, 73)", solid, true},
		catalog.Missing:       {"rgb(58, 19, 21)", "rgb(248, 81, 73)", dashed, true},
		catalog.HealthUnknown: {black, "rgb(158, 106, 3)", solid, false},
		catalog.Unknown:       {"rgb(39, 32, 8)", "rgb(158, 106, 3)", dashed, false},
	},
}

// drawn is a box as the browser draws it.
type drawn struct {
	Name, Text           string
	Paint                paint
	Light, Folded        bool
	Left, Right          float64
	Width, Height, Small float64
}

const drawnBoxes = `[...document.querySelectorAll(".drawing .box")].map((box) => {
  const style = getComputedStyle(box), size = box.getBoundingClientRect();
  return {
    Name: box.dataset.component ?? "", Text: box.textContent, Light: box.classList.contains("light"), Folded: box.closest("details") !== null,
    Left: size.left, Right: size.right, Width: size.width, Height: size.height,
    Small: Math.min(...[box, ...box.querySelectorAll("*")].map((e) => parseFloat(getComputedStyle(e).fontSize))),
    Paint: { Fill: style.backgroundColor, Edge: style.borderLeftColor, Style: style.borderTopStyle, Framed: style.boxShadow !== "none" },
  };
})`

// TestDrawing: every component is drawn, in the colors and with the word of its state. What is not installed is folded.
func TestDrawing(t *testing.T) {
	g := NewWithT(t)
	for scheme := range paints {
		g.Expect(append(slices.Collect(maps.Keys(paints[scheme])), catalog.Absent)).To(ConsistOf(catalog.States), "a color for every state")
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
						p.Expect(box.Text).To(ContainSubstring(state.Word()), m.Name)
						p.Expect(box.Folded).To(Equal(state == catalog.Absent), m.Name)
						if !box.Folded {
							p.Expect(box.Paint).To(Equal(colors[state]), "%s is %s", m.Name, state)
							p.Expect(min(box.Width, box.Height)).To(BeNumerically(">", 30), m.Name)
						}
					}
				}
				delete(boxes, "") // pools and the cloud's API
				p.Expect(boxes).To(HaveLen(len(shown.Mappings)), "and nothing else is")
			})
		}
	}
}

// TestOneCauseOneMark: a dead node does not paint the drawing red. Its pool stands out, and what it affects is marked lightly,
// and in words.
func TestOneCauseOneMark(t *testing.T) {
	p := openReport(t, deadNode(t))
	var loud, light, affected []string
	for _, box := range js[[]drawn](p, drawnBoxes) {
		switch {
		case box.Paint.Framed:
			loud = append(loud, box.Text)
		case box.Light:
			light = append(light, box.Name)
			p.Expect(box.Paint.Fill).To(Equal(white), box.Name)
			p.Expect(box.Paint.Edge).To(Equal(paints["light"][catalog.Unhealthy].Edge), box.Name)
			p.Expect(box.Text).To(SatisfyAll(ContainSubstring("✗ unhealthy"), ContainSubstring("affected by NodeFault")))
		case strings.Contains(box.Text, "affected by NodeFault"):
			affected = append(affected, box.Name)
			p.Expect(box.Paint).To(Equal(paints["light"][catalog.Healthy]), box.Name)
		}
	}
	p.Expect(loud).To(ConsistOf(SatisfyAll(HavePrefix("user (user, linux)"), ContainSubstring("NodeFault"))))
	p.Expect(light).To(ConsistOf("kubelet"))
	p.Expect(affected).To(ContainElements("kube-proxy", "azure-cni"))
}

// TestDrawingFits: on every screen all of the drawing is there and can be read, without scrolling sideways.
func TestDrawingFits(t *testing.T) {
	for name, size := range map[string]step{
		"narrow phone": screen(320, 568, 2, true), "phone": phone, "tablet": screen(768, 1024, 2, true), "desktop": desktop, "wide": screen(2560, 1440, 1, false),
	} {
		for shape, load := range map[string]func(*testing.T) *report.Report{"a dead node": deadNode, "hostile": hostile} {
			t.Run(name+", "+shape, func(t *testing.T) {
				p := openReport(t, load(t), size)
				js[any](p, openAll)
				p.Expect(js[int](p, tooWide)).To(BeNumerically("<=", 0))
				edge := js[float64](p, `innerWidth`)
				boxes := js[[]drawn](p, drawnBoxes)
				p.Expect(boxes).NotTo(BeEmpty())
				for _, box := range boxes {
					p.Expect(box.Left).To(BeNumerically(">=", 0), box.Name)
					p.Expect(box.Right).To(BeNumerically("<=", edge), box.Name)
					p.Expect(box.Small).To(BeNumerically(">=", 12), "%s: letters of %v px", box.Name, box.Small)
				}
				p.Expect(js[[]string](p, `[...document.querySelectorAll(".drawing *")].filter((e) => !e.matches(".word, .away") && e.scrollWidth > e.clientWidth + 1 && e.clientWidth).map((e) => e.outerHTML.slice(0, 90))`)).
					To(BeEmpty(), "something is cropped")
			})
		}
	}
}

// TestDrawingLeads: a box leads to the evidence of its component, by mouse and by keyboard.
func TestDrawingLeads(t *testing.T) {
	p := openReport(t, modern(t))
	const where = `document.activeElement.closest("details")?.id + " " + document.activeElement.closest("details")?.open`
	js[any](p, `document.querySelector('.drawing [data-component="kubelet"] .line').dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}))`)
	p.Expect(js[string](p, where)).To(Equal("component-kubelet true"))
	js[any](p, `document.querySelector('.drawing a[href="#component-coredns"]').focus()`)
	p.press(enter)
	p.Expect(js[string](p, where)).To(Equal("component-coredns true"))
}
