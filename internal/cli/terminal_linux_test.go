// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	. "github.com/onsi/gomega"
)

// pty is a terminal of which somebody reads what is written.
type pty struct {
	// terminal is what a program writes to.
	terminal *os.File
	reader   *os.File

	mu   sync.Mutex
	text strings.Builder
}

func openTerminal(t *testing.T, rows, columns uint16) *pty {
	t.Helper()
	g := NewWithT(t)
	reader, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	g.Expect(err).NotTo(HaveOccurred())
	var unlock, number int32
	control(g, reader, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	control(g, reader, syscall.TIOCGPTN, unsafe.Pointer(&number))
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	g.Expect(err).NotTo(HaveOccurred())
	size := [4]uint16{rows, columns}
	control(g, terminal, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	p := &pty{terminal: terminal, reader: reader}
	var reading sync.WaitGroup
	reading.Go(p.read)
	t.Cleanup(func() {
		_ = terminal.Close()
		_ = reader.Close()
		reading.Wait()
	})
	return p
}

func control(g *WithT, file *os.File, request uintptr, argument unsafe.Pointer) {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(argument))
	g.Expect(errno).To(BeZero())
}

func (p *pty) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := p.reader.Read(buffer)
		p.mu.Lock()
		p.text.Write(buffer[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// shown returns all that was written.
func (p *pty) shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func TestColorsOnTerminalsOnly(t *testing.T) {
	terminal := openTerminal(t, 24, 80).terminal
	file, err := os.CreateTemp(t.TempDir(), "")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, c := range map[string]struct {
		file   *os.File
		env    map[string]string
		wanted bool
	}{
		"a terminal":                {terminal, map[string]string{"TERM": "xterm"}, true},
		"a file":                    {file, map[string]string{"TERM": "xterm"}, false},
		"a terminal without colors": {terminal, map[string]string{"TERM": "dumb"}, false},
		"a reader who wants none":   {terminal, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			if _, unwanted := c.env["NO_COLOR"]; !unwanted {
				g.Expect(os.Unsetenv("NO_COLOR")).To(Succeed())
			}
			g.Expect(colors(c.file)).To(Equal(c.wanted))
		})
	}
}

// On a terminal, each report takes the place of the one before, is as high as the terminal, and at the end the terminal
// is as it was, with the last report below.
func TestFollowOnTerminal(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("TERM", "xterm")
	p := openTerminal(t, 12, 80)
	f := &follower{env: testEnv(p.terminal), output: &format{}, fail: &failOn{}, stale: func() string { return "" }, terminal: true}
	g.Expect(f.run(t.Context(), reports{manyComponents(30), manyComponents(30)})).To(Succeed())
	g.Eventually(p.shown).Should(ContainSubstring(firstScreen))
	drawn, after, _ := strings.Cut(p.shown(), firstScreen)
	g.Expect(drawn).To(HavePrefix(otherScreen))
	screens := strings.Split(drawn, toTop)[1:]
	g.Expect(screens).To(HaveLen(2))
	for _, s := range screens {
		g.Expect(strings.Count(s, "\n")).To(BeNumerically("<", 12))
		g.Expect(s).To(ContainSubstring("more lines"))
	}
	g.Eventually(func() string { return after + p.shown() }).Should(ContainSubstring("component-29"))
}
