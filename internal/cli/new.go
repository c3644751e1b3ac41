// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/draft"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/internal/source"
)

// drafting is the command new.
type drafting struct {
	env      *env
	from     sourceFlags
	workload string
}

func newNewCommand(e *env) *cobra.Command {
	d := &drafting{env: e, from: sourceFlags{env: e, kind: sourceCluster}}
	command := &cobra.Command{
		Use:   "new NAME --from-workload [KIND/][NAMESPACE/]NAME",
		Short: "Draft a mapping from a running workload",
		Long: "Draft a mapping from a running workload and what belongs to it, and write it to standard output: the\n" +
			"other workloads of its release, the Services that select its pods, the webhooks and APIs that use them, the kinds\n" +
			"it installs, and the Leases its pods hold. Comments say what to review. If the operator lacks permissions for the\n" +
			"mapping, a ClusterRole follows. Nothing is written to the cluster, and Secrets are never read.\n\n" +
			"KIND may be Deployment, DaemonSet or StatefulSet and may be left out; NAMESPACE defaults to -n, or the context's.",
		Example: `  # From the Deployment cert-manager
  kubectl archmap new cert-manager --from-workload cert-manager/cert-manager > cert-manager.yaml

  # The same, named as in other kubectl commands
  kubectl archmap new cert-manager --from-workload deployment/cert-manager -n cert-manager

  # From a dump
  kubectl get -A -o yaml deploy,ds,sts,svc,lease,crd,apiservice,validatingwebhookconfiguration,mutatingwebhookconfiguration > dump.yaml
  kubectl archmap new cert-manager --from-workload cert-manager/cert-manager --from dump.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error { return d.run(command.Context(), args[0]) },
	}
	command.Flags().StringVar(&d.workload, "from-workload", "", "The workload: [KIND/][NAMESPACE/]NAME")
	d.from.addDumpFlags(command)
	return command
}

func (d *drafting) run(ctx context.Context, name string) error {
	if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
		return usagef("invalid mapping name %q: %s", name, strings.Join(wrong, "; "))
	}
	subject, err := d.subject()
	if err != nil {
		return err
	}
	if err := d.from.prepare(ctx); err != nil {
		return err
	}
	read, cluster, err := d.from.read(ctx, draft.Needs(subject.Namespace))
	if err != nil {
		return err
	}
	drafted, err := draft.New(read, name, cluster, subject)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(d.from.definitions.Mappings, func(m v1alpha1.ComponentMapping) bool { return m.Name == name }) {
		d.env.warn(fmt.Sprintf("the built-in catalog has a ComponentMapping %s; yours will replace it", name))
	}
	return drafted.Write(d.env.Out)
}

// workloadKinds are the kinds of workloads by what kubectl calls them.
var workloadKinds = map[string]v1alpha1.WorkloadKind{
	"deployment": v1alpha1.WorkloadDeployment, "deploy": v1alpha1.WorkloadDeployment,
	"daemonset": v1alpha1.WorkloadDaemonSet, "ds": v1alpha1.WorkloadDaemonSet,
	"statefulset": v1alpha1.WorkloadStatefulSet, "sts": v1alpha1.WorkloadStatefulSet,
}

// subject is the workload that --from-workload names.
func (d *drafting) subject() (draft.Subject, error) {
	parts := strings.Split(d.workload, "/")
	var s draft.Subject
	kind, _, _ := strings.Cut(strings.ToLower(parts[0]), ".") // deployments.apps
	kind = strings.TrimSuffix(kind, "s")
	if len(parts) > 1 {
		s.Kind = cmp.Or(workloadKinds[kind], workloadKinds[kind+"s"])
	}
	if s.Kind != "" {
		parts = parts[1:]
	}
	s.Name = parts[len(parts)-1]
	if len(parts) > 2 || slices.Contains(parts, "") {
		return s, usagef("--from-workload must be [KIND/][NAMESPACE/]NAME of a Deployment, DaemonSet or StatefulSet, not %q", d.workload)
	}
	given, fixed, err := d.env.flags.ToRawKubeConfigLoader().Namespace()
	switch {
	case len(parts) == 1 && err != nil && !d.from.isDump():
		return s, fmt.Errorf("no namespace: %w", err)
	case len(parts) == 1:
		s.Namespace = cmp.Or(given, "default")
	case fixed && given != parts[0]:
		return s, usagef("-n %s and --from-workload %s name different namespaces", given, d.workload)
	default:
		s.Namespace = parts[0]
	}
	return s, nil
}

// read reads what is needed from the source that the flags choose, and returns its name, too.
func (s *sourceFlags) read(ctx context.Context, needs []facts.Need) (*snapshot.Snapshot, string, error) {
	from, err := s.source()
	if err != nil {
		return nil, "", err
	}
	switch from := from.(type) {
	case *source.Dump:
		read, info, err := from.Read(ctx, needs, false)
		if err != nil {
			return nil, "", err
		}
		s.env.warn(info.Warnings...)
		return read, cmp.Or(info.Cluster, from.Path), nil
	case *source.Cluster:
		read, err := from.Read(ctx, needs)
		return read, from.Name, err
	}
	return nil, "", fmt.Errorf("%T cannot be read", from)
}
