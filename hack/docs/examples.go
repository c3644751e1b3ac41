// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/archmap/archmap/internal/cli"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// example is a cluster of which the plugin's commands are shown.
type example struct {
	// Name of the folder in docs/examples, and of the bundle.
	name, shape string
	// faults of the cluster.
	faults func(*world.World) error
	// keep the bundle beside the folder, for those who have no cluster at hand.
	keep bool
	// commands by the file that shows what they print; that of a .txt is shown as in a terminal.
	commands map[string]string
}

const (
	modern     = "overlay-cilium"
	documented = "documented"
)

var examples = []example{
	{name: modern, shape: modern, commands: everything},
	{name: documented, shape: documented, commands: everything},
	{name: "faulty", shape: modern, faults: breakSome, keep: true, commands: map[string]string{
		"check.txt":           "check",
		"explain-coredns.txt": "explain coredns",
		"explain-kubelet.txt": "explain kubelet",
		"diagram.txt":         "diagram --omit-absent",
	}},
}

var everything = map[string]string{
	"check.txt":           "check",
	"check.md":            "check -o markdown",
	"explain-coredns.txt": "explain coredns",
	"explain-disk.txt":    "explain azuredisk-csi-driver",
	"diff.txt":            "diff",
	"diagram.txt":         "diagram -o ascii",
	"diagram.mmd":         "diagram -o mermaid",
	"diagram.svg":         "diagram -o svg",
	"table.md":            "table --mermaid",
}

// faultAge is how long ago the faults were when the bundle is collected.
const faultAge = 10 * time.Minute

// breakSome lets CoreDNS crash and a node go down.
func breakSome(w *world.World) error {
	node, err := w.NodeName("user/0")
	if err != nil {
		return err
	}
	dns := world.Ref{Kind: "Deployment", Namespace: "kube-system", Name: "coredns"}
	return errors.Join(w.SetNode(node, world.NodeDown), w.SetPods(dns, world.Pods{State: world.CrashLooping, ExitCode: 1, Restarts: 12}))
}

// writeExamples writes docs/examples anew. Every command is run on a bundle of the cluster.
func writeExamples() error {
	root := filepath.Join("docs", "examples")
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	bundles, err := os.MkdirTemp("", "archmap-docs-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(bundles) }()
	for _, x := range examples {
		if err := x.write(root, bundles); err != nil {
			return fmt.Errorf("example %s: %w", x.name, err)
		}
	}
	text, err := transcript("diff --from documented.tar.gz --to overlay-cilium.tar.gz", bundles)
	if err != nil {
		return err
	}
	return save(filepath.Join(root, "documented-to-overlay-cilium.txt"), text)
}

func (x *example) write(root, bundles string) error {
	bundle, err := x.collect()
	if err != nil {
		return err
	}
	file := x.name + ".tar.gz"
	if err := save(filepath.Join(bundles, file), bundle); err != nil {
		return err
	}
	if x.keep {
		if err := save(filepath.Join(root, file), bundle); err != nil {
			return err
		}
	}
	for page, command := range x.commands {
		show := output
		if strings.HasSuffix(page, ".txt") {
			show = transcript
		}
		text, err := show(command+" --from "+file, bundles)
		if err != nil {
			return err
		}
		if err := save(filepath.Join(root, x.name, page), text); err != nil {
			return err
		}
	}
	return nil
}

// collect returns a bundle of the cluster, ten minutes after the faults.
func (x *example) collect() ([]byte, error) {
	shape, err := shapes.Load(x.shape)
	if err != nil {
		return nil, err
	}
	w, err := world.New(shape)
	if err != nil {
		return nil, err
	}
	if x.faults != nil {
		if err := x.faults(w); err != nil {
			return nil, err
		}
	}
	w.Advance(faultAge)
	var bundle bytes.Buffer
	err = w.Bundle(&bundle)
	return bundle.Bytes(), err
}

// transcript returns a command as in a terminal: how it is called, what it prints, and its exit code.
func transcript(command, bundles string) ([]byte, error) {
	text, code, err := run(command, bundles)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "$ kubectl archmap %s\n%s(exit code %d)\n", command, text, code), nil
}

// output returns what a command prints.
func output(command, bundles string) ([]byte, error) {
	text, _, err := run(command, bundles)
	return text, err
}

// run runs a command of the plugin in the folder of the bundles.
func run(command, bundles string) ([]byte, int, error) {
	args := strings.Fields(command)
	for i, arg := range args {
		if strings.HasSuffix(arg, ".tar.gz") {
			args[i] = filepath.Join(bundles, arg)
		}
	}
	var out, complaints bytes.Buffer
	code := cli.Run(args, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &complaints}, "devel")
	if code > 1 {
		return nil, code, fmt.Errorf("kubectl archmap %s: exit code %d: %s", command, code, complaints.String())
	}
	return bytes.Join([][]byte{complaints.Bytes(), out.Bytes()}, nil), code, nil
}

func save(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644) //nolint:gosec // a page that everybody may read
}
