// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
)

// chart shows figures as curves.
type chart struct {
	// name of its file; title and about are what it shows, about in a sentence for those who do not see it.
	name, title, about string
	// x is what the horizontal axis counts, on a logarithmic scale.
	x, unit string
	// logY has the vertical axis logarithmic, too.
	logY   bool
	curves []curve
}

// curve is a line of a chart. Those of one color belong together.
type curve struct {
	label  string
	color  int
	dashed bool
	points []point
}

type point struct{ x, y float64 }

// Size of a chart, and of what is around its plot.
const (
	chartWidth, chartHeight                  = 720.0, 400.0
	plotLeft, plotRight, plotTop, plotBottom = 64.0, 520.0, 48.0, 348.0
)

// chartStyle is for light and for dark: a picture in a page does not know the colors around it, so it has a ground of its own.
const chartStyle = `
.ground{fill:#ffffff}.grid{stroke:#d0d7de}text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}
polyline{fill:none;stroke-width:2}.dashed{stroke-dasharray:6 4}
.c0{stroke:#0969da}.c1{stroke:#9a6700}.c2{stroke:#8250df}circle{stroke-width:2;fill:#ffffff}
@media (prefers-color-scheme:dark){.ground{fill:#0d1117}.grid{stroke:#3d444d}text{fill:#f0f6fc}
.c0{stroke:#4493f8}.c1{stroke:#d29922}.c2{stroke:#ab7df8}circle{fill:#0d1117}}
`

const logarithmic = " (logarithmic)"

// svg draws the chart.
func (c *chart) svg() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-labelledby="title about">`+"\n",
		chartWidth, chartHeight, chartWidth, chartHeight)
	fmt.Fprintf(&out, "<title id=\"title\">%s</title>\n<desc id=\"about\">%s</desc>\n<style>%s</style>\n", escaped(c.title), escaped(c.description()), chartStyle)
	fmt.Fprintf(&out, "<rect class=\"ground\" width=\"%g\" height=\"%g\"/>\n", chartWidth, chartHeight)
	write := func(x, y float64, anchor, class, text string) {
		fmt.Fprintf(&out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">%s</text>\n", x, y, anchor, class, escaped(text))
	}
	scaled := ""
	if c.logY {
		scaled = logarithmic
	}
	write(plotLeft, 26, "start", "title", c.title+", "+c.unit+scaled)
	across, up := c.scales()
	for _, tick := range up.ticks {
		y := up.at(tick)
		fmt.Fprintf(&out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", plotLeft, plotRight, y, y)
		write(plotLeft-8, y+4, "end", "", number(tick))
	}
	for _, tick := range across.ticks {
		x := across.at(tick)
		fmt.Fprintf(&out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x, x, plotTop, plotBottom)
		write(x, plotBottom+20, "middle", "", number(tick))
	}
	write((plotLeft+plotRight)/2, plotBottom+42, "middle", "", c.x+logarithmic)
	for i := range c.curves {
		c.curves[i].draw(&out, across, up)
		y := plotTop + 20*float64(i)
		fmt.Fprintf(&out, "<polyline class=\"%s\" points=\"%.1f,%.1f %.1f,%.1f\"/>\n", c.curves[i].class(), plotRight+16, y-4, plotRight+44, y-4)
		write(plotRight+50, y, "start", "", c.curves[i].label)
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func (v *curve) class() string {
	class := fmt.Sprintf("c%d", v.color)
	if v.dashed {
		class += " dashed"
	}
	return class
}

func (v *curve) draw(out *bytes.Buffer, across, up scale) {
	var points []string
	for _, p := range v.points {
		points = append(points, fmt.Sprintf("%.1f,%.1f", across.at(p.x), up.at(p.y)))
	}
	fmt.Fprintf(out, "<polyline class=\"%s\" points=\"%s\"/>\n", v.class(), strings.Join(points, " "))
	for _, p := range v.points {
		fmt.Fprintf(out, "<circle class=\"c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>\n", v.color, across.at(p.x), up.at(p.y))
	}
}

// description tells the figures to those who do not see the curves.
func (c *chart) description() string {
	sentences := []string{c.about}
	for i := range c.curves {
		var figures []string
		for _, p := range c.curves[i].points {
			figures = append(figures, fmt.Sprintf("%s at %s", withUnit(p.y, c.unit), number(p.x)))
		}
		sentences = append(sentences, fmt.Sprintf("%s: %s.", c.curves[i].label, strings.Join(figures, ", ")))
	}
	return strings.Join(sentences, " ")
}

// scale places values between two ends of the plot.
type scale struct {
	low, high, from, to float64
	logarithmic         bool
	ticks               []float64
}

func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	if s.logarithmic {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	if high == low {
		return (s.from + s.to) / 2
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// scales are those of both axes. The horizontal one has a tick for each size.
func (c *chart) scales() (across, up scale) {
	var xs, ys []float64
	for i := range c.curves {
		for _, p := range c.curves[i].points {
			xs, ys = append(xs, p.x), append(ys, p.y)
		}
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	across = scale{low: xs[0], high: xs[len(xs)-1], from: plotLeft + 24, to: plotRight - 24, logarithmic: true, ticks: xs}
	up = scale{from: plotBottom, to: plotTop, logarithmic: c.logY}
	if c.logY {
		for tick := power(slices.Min(ys)); tick < 10*slices.Max(ys); tick *= 10 {
			up.ticks = append(up.ticks, tick)
		}
	} else {
		step := niceStep(slices.Max(ys) / 5)
		for i := 0; float64(i-1)*step < slices.Max(ys); i++ {
			up.ticks = append(up.ticks, float64(i)*step)
		}
	}
	up.low, up.high = up.ticks[0], up.ticks[len(up.ticks)-1]
	return across, up
}

// power is the power of ten at or below x.
func power(x float64) float64 { return math.Pow(10, math.Floor(math.Log10(x))) }

// niceStep is 1, 2 or 5 times a power of ten, and not below x.
func niceStep(x float64) float64 {
	if x <= 0 {
		return 1
	}
	for _, digit := range []float64{1, 2, 5} {
		if step := digit * power(x); step >= x {
			return step
		}
	}
	return 10 * power(x)
}

func escaped(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // a buffer takes everything
	return out.String()
}
