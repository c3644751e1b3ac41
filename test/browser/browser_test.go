// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package browser tests the page in a real browser.
package browser

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/report"
)

// chromium is where Debian puts its browser.
const chromium = "/usr/bin/chromium"

// patience is how long anything may take that a page does.
const patience = 30 * time.Second

// browser is the one that all tests share; each has a context of its own in it, as a private window has.
var browser context.Context

// tools is a directory for the browser's profile and the program.
var tools string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if tools, err = os.MkdirTemp("", "archmap-browser"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(tools) }()
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(chromium), chromedp.UserDataDir(filepath.Join(tools, "profile"))}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "no-default-browser-check", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-extensions", "disable-dev-shm-usage", "no-proxy-server", "hide-scrollbars",
		"disable-domain-reliability", "metrics-recording-only", "no-pings",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var cancel context.CancelFunc
	browser, cancel = chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintf(os.Stderr, "The browser does not start: %s\nhack/install-chromium.sh installs it.\n", err)
		return 1
	}
	return m.Run()
}

// page is a tab, with what happened in it.
type page struct {
	Gomega
	t   *testing.T
	ctx context.Context
	// forgiven are console messages that are no fault, as what the browser says when a server is down.
	forgiven []string

	mu sync.Mutex
	// requests are those over a network, or to files.
	requests []string
	// faults are errors on the console, exceptions and what the page's policy did not allow.
	faults []string
}

// step is something that is done in a page.
type step = chromedp.Action[chromedp.Void]

// command is a step of the browser's own protocol.
func command[P any](c cdp.Command[P, cdp.Empty], params P) step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, c, params)
		return chromedp.Void{}, err
	}
}

func screen(width, height int64, scale float64, mobile bool) step {
	return command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: scale, Mobile: mobile,
	})
}

var (
	phone   = screen(390, 844, 2, true)
	desktop = screen(1280, 900, 1, false)
	dark    = prefers("prefers-color-scheme", "dark")
)

// prefers is a wish of the reader, such as prefers-color-scheme: dark.
func prefers(wish, value string) step {
	return command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: wish, Value: value}}})
}

// open opens an address in a tab of its own, with the settings. When the test ends, there must have been no faults.
func open(t *testing.T, address string, settings ...step) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &page{Gomega: NewWithT(t), t: t, ctx: ctx}
	p.Expect(chromedp.Listen(ctx, p.note)).To(Succeed())
	p.do(command(network.Enable, network.EnableParams{}), command(cdplog.Enable, cdp.Empty{}), command(cdpruntime.Enable, cdp.Empty{}), desktop)
	p.do(settings...)
	p.do(chromedp.Navigate(address))
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.Expect(p.faults).To(BeEmpty(), "errors on the console")
	})
	return p
}

// note keeps what happens.
func (p *page) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := func(text string) {
		if !slices.ContainsFunc(p.forgiven, func(f string) bool { return strings.Contains(text, f) }) {
			p.faults = append(p.faults, text)
		}
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") {
			p.requests = append(p.requests, e.Request.URL)
		}
	case *network.EventWebSocketCreated:
		p.requests = append(p.requests, e.URL)
	case *cdpruntime.EventExceptionThrown:
		fault(fmt.Sprintf("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			fault(fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *cdpruntime.EventConsoleAPICalled:
		fault(fmt.Sprintf("console.%s", e.Type))
	}
}

func (p *page) do(steps ...step) {
	p.t.Helper()
	p.Expect(chromedp.Do(p.ctx, steps...)).To(Succeed())
}

// js is what an expression comes to in the page.
func js[T any](p *page, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	p.Expect(err).NotTo(HaveOccurred(), expression)
	return value
}

// eventually is what an expression comes to in the page, in time.
func eventually[T any](p *page, expression string) AsyncAssertion {
	p.t.Helper()
	return p.Eventually(func() (T, error) {
		return chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	}, patience, 50*time.Millisecond)
}

// sent are the requests so far.
func (p *page) sent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// write writes a report to a file, and returns its address.
func write(t *testing.T, r *report.Report) string {
	t.Helper()
	g := NewWithT(t)
	var out bytes.Buffer
	g.Expect(report.HTML(&out, r, report.HTMLOptions{})).To(Succeed())
	file := filepath.Join(t.TempDir(), "report.html")
	g.Expect(os.WriteFile(file, out.Bytes(), 0o600)).To(Succeed())
	return (&url.URL{Scheme: "file", Path: file}).String()
}

// openReport opens a report.
func openReport(t *testing.T, r *report.Report, settings ...step) *page {
	t.Helper()
	return open(t, write(t, r), settings...)
}
