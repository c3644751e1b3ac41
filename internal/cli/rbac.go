// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/manifest"
	"github.com/archmap/archmap/internal/rbac"
)

// granting is the flags of rbac.
type granting struct {
	files      []string
	onlyFiles  bool
	reader     string
	name       string
	namespaced bool
	subjects   []string
	output     format
}

func newRBACCommand(e *env) *cobra.Command {
	o := &granting{}
	command := &cobra.Command{
		Use:   "rbac [FILE...]",
		Short: "Print the minimal ClusterRole that mappings need",
		Long: "Print the minimal ClusterRole to read everything that mappings name, and which mapping needs each rule.\n" +
			"Without files, print it for the built-in catalog. No cluster is needed, and nothing is applied.\n\n" +
			"For the operator, it has the label that adds it to the operator's permissions: apply it, and nothing else\n" +
			"is needed. For a user, it is what check, collect and the other one-time commands need, and so it covers the\n" +
			"built-in catalog as well, unless --only-mine is set; bind it with --subject.\n" +
			"serve watches, like the operator; if an operator runs, permission to read archmap's own two kinds is enough.\n\n" +
			"The resource name in a rule is derived from the kind. Where that is wrong, put the\n" +
			"CustomResourceDefinition among the files.",
		Example: `  # Let the operator read what these mappings name
  kubectl archmap rbac mappings/ | kubectl apply -f -

  # Let a group use the plugin with the built-in catalog
  kubectl archmap rbac --for user --subject group:sre | kubectl apply -f -

  # The same, with these mappings added
  kubectl archmap rbac mappings/ --for user --subject group:sre

  # Only in the namespaces that are needed, instead of a ClusterRole
  kubectl archmap rbac mappings/ --namespaced`,
		RunE: func(_ *cobra.Command, args []string) error {
			o.files = append(args, o.files...)
			return e.rbac(o)
		},
	}
	flags := command.Flags()
	addFilenames(command, &o.files)
	addOnlyMine(flags, &o.onlyFiles)
	flags.StringVar(&o.reader, "for", string(rbac.Operator), "Who reads: operator, which watches, or user, who reads once")
	_ = command.RegisterFlagCompletionFunc("for",
		cobra.FixedCompletions([]string{string(rbac.Operator), string(rbac.User)}, cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&o.name, "name", "",
		"Name of the roles (default archmap-observer-MAPPING, archmap-observer-extra for several mappings, or archmap-reader for a user)")
	flags.BoolVar(&o.namespaced, "namespaced", false, "Print a Role per namespace, and a ClusterRole only where needed")
	flags.StringArrayVar(&o.subjects, "subject", nil,
		"Bind the roles to user:NAME, group:NAME or serviceaccount:NAMESPACE:NAME (default for the operator's Roles: its service account)")
	o.output.addFlag(command, formatYAML, formatJSON)
	return command
}

func (e *env) rbac(o *granting) error {
	switch err := o.output.validate(); {
	case err != nil:
		return err
	case o.onlyFiles && len(o.files) == 0:
		return errNoFiles
	}
	options, err := o.options()
	if err != nil {
		return err
	}
	needs, err := e.needs(o.files, o.onlyFiles, options.Reader)
	if err != nil {
		return err
	}
	if only := needs.Only(); o.name == "" && only != "" && options.Reader == rbac.Operator {
		options.Name = "archmap-observer-" + only // so that the roles of two mappings do not replace each other
	}
	rules := needs.ClusterRules()
	if o.namespaced {
		rules = needs.NamespacedRules()
	}
	roles := rbac.NewRoles(rules, options)
	if o.output.chosen == formatJSON {
		return roles.JSON(e.Out)
	}
	return roles.YAML(e.Out)
}

// needs returns those of the mappings of the files, or of the built-in catalog. A user evaluates both, unless onlyFiles is
// set; the operator has the rights for the catalog already.
func (e *env) needs(files []string, onlyFiles bool, reader rbac.Reader) (*rbac.Needs, error) {
	set := &manifest.Set{}
	if len(files) > 0 {
		var err error
		if set, err = e.readMappings(files); err != nil {
			return nil, err
		}
	}
	needs, err := needsOf(set, reader)
	if err != nil || len(files) > 0 && (onlyFiles || reader == rbac.Operator) {
		return needs, err
	}
	return needs, addCatalog(needs)
}

func addCatalog(needs *rbac.Needs) error {
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		return err
	}
	for i := range loaded.Mappings {
		if err := needs.AddMapping(&loaded.Mappings[i]); err != nil {
			return err
		}
	}
	for i := range loaded.Architectures {
		if err := needs.AddArchitecture(&loaded.Architectures[i]); err != nil {
			return err
		}
	}
	return nil
}

func (o *granting) options() (rbac.Options, error) {
	options := rbac.Options{Reader: rbac.Reader(o.reader)}
	for _, text := range o.subjects {
		subject, err := parseSubject(text)
		if err != nil {
			return options, err
		}
		options.Subjects = append(options.Subjects, subject)
	}
	switch options.Reader {
	case rbac.Operator:
		options.Name = cmp.Or(o.name, "archmap-observer-extra")
		if len(options.Subjects) == 0 {
			options.Subjects = []rbacv1.Subject{rbac.OperatorAccount}
		}
	case rbac.User:
		options.Name = cmp.Or(o.name, "archmap-reader")
	default:
		return options, usagef("--for must be operator or user, not %q", o.reader)
	}
	return options, nil
}

func parseSubject(text string) (rbacv1.Subject, error) {
	kind, name, _ := strings.Cut(text, ":")
	switch {
	case kind == "user" && name != "":
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}, nil
	case kind == "group" && name != "":
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}, nil
	case kind == "serviceaccount":
		if namespace, account, ok := strings.Cut(name, ":"); ok && namespace != "" && account != "" {
			return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}, nil
		}
	}
	return rbacv1.Subject{}, usagef("--subject must be user:NAME, group:NAME or serviceaccount:NAMESPACE:NAME, not %q", text)
}

// needsOf returns what the mappings and architectures of files need. What is wrong with one of them is an error.
func needsOf(set *manifest.Set, reader rbac.Reader) (*rbac.Needs, error) {
	if err := set.Err(); err != nil {
		return nil, usageError{fmt.Errorf("%w\nrun kubectl archmap lint for details", err)}
	}
	var definitions []*apiextensionsv1.CustomResourceDefinition
	for _, d := range set.Definitions {
		definitions = append(definitions, d.Value)
	}
	needs := rbac.NewNeeds(reader, rbac.NewPlurals(definitions...))
	for _, m := range set.Mappings {
		if err := needs.AddMapping(m.Value); err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", m.At(""), err)}
		}
	}
	for _, a := range set.Architectures {
		if err := needs.AddArchitecture(a.Value); err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", a.At(""), err)}
		}
	}
	return needs, nil
}
