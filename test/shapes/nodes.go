// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Provider of the machines that are nodes.
type Provider string

// The providers.
const (
	// AKS: Azure's managed service.
	AKS Provider = "AKS"
	// Azure: its machines, in a self-managed cluster.
	Azure Provider = "Azure"
	// GCP: the machines of Google Cloud.
	GCP Provider = "GCP"
	// NoProvider: machines of one's own.
	NoProvider Provider = "None"
)

// PoolType says what makes the nodes of a pool.
type PoolType string

// The types of pools.
const (
	ScaleSet         PoolType = "VirtualMachineScaleSets"
	VirtualMachines  PoolType = "VirtualMachines"
	AutoProvisioning PoolType = "AutoProvisioning"
)

// Network of the pods.
type Network string

// The networks.
const (
	// Routes: each node has a pod CIDR, and the cloud a route to it. kubenet on AKS.
	Routes Network = "Routes"
	// PodCIDR: each node has a pod CIDR, and a plugin of the cluster's owner makes use of it.
	PodCIDR Network = "PodCIDR"
	// NodeSubnet: addresses of the nodes' own subnet.
	NodeSubnet Network = "NodeSubnet"
	// Overlay: addresses of a private range, Azure CNI.
	Overlay Network = "Overlay"
	// PodSubnet: addresses of a subnet for pods, one by one.
	PodSubnet Network = "PodSubnet"
	// PodSubnetBlock: addresses of a subnet for pods, in blocks.
	PodSubnetBlock Network = "PodSubnetBlock"
)

// HasPodCIDR reports whether nodes have a pod CIDR.
func (n Network) HasPodCIDR() bool { return n == Routes || n == PodCIDR }

// podNetwork is where Azure's network controller takes the addresses of pods from.
type podNetwork struct {
	Type, Mode, PrimaryIP, Subnet, SubnetName string
	Addresses                                 int
}

const podSubnet, podSubnetRange = "podsubnet", "10.40.0.0/13"

var podNetworks = map[Network]*podNetwork{
	Overlay: {
		Type: "overlay", Mode: "static", PrimaryIP: "10.244.%d.0/24", Addresses: 256,
		SubnetName: "routingdomain_overlaysubnet", Subnet: "10.244.0.0/16",
	},
	PodSubnet:      {Type: "vnet", Mode: "dynamic", PrimaryIP: "10.40.%d.4", Addresses: 16, SubnetName: podSubnet, Subnet: podSubnetRange},
	PodSubnetBlock: {Type: "vnetblock", Mode: "static", PrimaryIP: "10.40.%d.0/28", Addresses: 255, SubnetName: podSubnet, Subnet: podSubnetRange},
}

// PodNetwork returns nil where Azure's network controller has no part in the network.
func (n Network) PodNetwork() *podNetwork { return podNetworks[n] }

// labels by which AKS marks the network of nodes.
func (n Network) labels() map[string]string {
	const prefix = "kubernetes.azure.com/"
	network := n.PodNetwork()
	switch {
	case network == nil:
		return nil
	case n == Overlay:
		return map[string]string{
			prefix + "azure-cni-overlay":     "true",
			prefix + "network-name":          "aks-vnet",
			prefix + "network-resourcegroup": "rg-demo",
			prefix + "network-subnet":        "aks-subnet",
			prefix + "network-subscription":  subscription,
			prefix + "nodenetwork-vnetguid":  vnet,
			prefix + "podnetwork-type":       network.Type,
		}
	}
	return map[string]string{
		prefix + "podnetwork-delegationguid": vnet,
		prefix + "podnetwork-name":           "aks-vnet",
		prefix + "podnetwork-resourcegroup":  "rg-demo",
		prefix + "podnetwork-subnet":         network.SubnetName,
		prefix + "podnetwork-subscription":   subscription,
		prefix + "podnetwork-type":           network.Type,
	}
}

// node is what node.yaml.tmpl is filled in with.
type node struct {
	Name string
	// Number in the cluster, and Index in its pool.
	Number, Index int
	Shape         *Shape
	Pool          NodePool
	Image         NodeImage
	// Drivers of volumes.
	Drivers []string
}

const (
	subscription = "00000000-0000-4000-8000-000000000001"
	vnet         = "a7c05e91-0000-4000-8000-0000000007e7"
)

func (s *Shape) addNodes(files fs.FS) error {
	const file = "parts/node.yaml.tmpl"
	text, err := fs.ReadFile(files, file)
	if err != nil {
		return err
	}
	t, err := template.New(file).Funcs(template.FuncMap{
		"add": func(a, b int) int { return a + b }, "quote": strconv.Quote,
	}).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return err
	}
	if err := s.validate(); err != nil {
		return err
	}
	number, drivers := 0, s.drivers()
	for p := range s.NodePools {
		pool := &s.NodePools[p]
		pool.Count = cmp.Or(pool.Count, len(pool.NodeNames))
		for i := range pool.Count {
			number++
			n := node{
				Name: pool.NodeName(i), Number: number, Index: i, Shape: s, Pool: *pool, Drivers: drivers,
				Image: *cmp.Or(pool.Image, &s.NodeImage),
			}
			if err := s.addNode(t, n); err != nil {
				return fmt.Errorf("node %s: %w", n.Name, err)
			}
		}
	}
	return nil
}

// NodeName of the pool's node with the given index.
func (p *NodePool) NodeName(index int) string {
	if len(p.NodeNames) > 0 {
		return p.NodeNames[index]
	}
	return fmt.Sprintf("%s%06d", p.NodePrefix, index)
}

func (s *Shape) addNode(t *template.Template, n node) error {
	var filled bytes.Buffer
	if err := t.Execute(&filled, n); err != nil {
		return err
	}
	objects, err := documents(filled.Bytes())
	if err != nil {
		return err
	}
	s.Objects = append(s.Objects, objects...)
	return s.addConditions(objects[0])
}

// addConditions that the shape names to those of the template, of which each stays that is of another type.
func (s *Shape) addConditions(node *unstructured.Unstructured) error {
	if len(s.NodeConditions) == 0 {
		return nil
	}
	usual, _, err := unstructured.NestedSlice(node.Object, "status", "conditions")
	if err != nil {
		return err
	}
	conditions := slices.DeleteFunc(usual, func(c any) bool {
		return slices.ContainsFunc(s.NodeConditions, func(own corev1.NodeCondition) bool {
			return string(own.Type) == c.(map[string]any)["type"]
		})
	})
	for _, own := range s.NodeConditions {
		conditions = append(conditions, map[string]any{
			"type": string(own.Type), "status": string(own.Status), "reason": own.Reason, "message": own.Message,
		})
	}
	return unstructured.SetNestedSlice(node.Object, conditions, "status", "conditions")
}

// validate refuses words that mean nothing.
func (s *Shape) validate() error {
	if !slices.Contains([]Provider{AKS, Azure, GCP, NoProvider}, s.Provider) {
		return fmt.Errorf("provider %q is unknown", s.Provider)
	}
	if !slices.Contains([]Network{Routes, PodCIDR, NodeSubnet, Overlay, PodSubnet, PodSubnetBlock}, s.Network) {
		return fmt.Errorf("network %q is unknown", s.Network)
	}
	for i := range s.NodePools {
		pool := &s.NodePools[i]
		pool.Type = cmp.Or(pool.Type, ScaleSet)
		if !slices.Contains([]PoolType{ScaleSet, VirtualMachines, AutoProvisioning}, pool.Type) {
			return fmt.Errorf("type %q of pool %s is unknown", pool.Type, pool.Name)
		}
	}
	return nil
}

// drivers of volumes that the shape's parts bring.
func (s *Shape) drivers() []string {
	var names []string
	for _, driver := range s.Of(schema.GroupKind{Group: "storage.k8s.io", Kind: "CSIDriver"}) {
		names = append(names, driver.GetName())
	}
	slices.Sort(names)
	return names
}

// Zone of the node, as Azure and Google name them.
func (n node) Zone() string {
	if n.Shape.Zones == 0 {
		return "0"
	}
	zone := n.Index % n.Shape.Zones
	if n.Shape.Provider == GCP {
		return n.Shape.Region + "-" + string(rune('a'+zone))
	}
	return fmt.Sprintf("%s-%d", n.Shape.Region, zone+1)
}

// ProviderID returns how the provider names the machine.
func (n node) ProviderID() string {
	machines := fmt.Sprintf("azure:///subscriptions/%s/resourceGroups/%%s/providers/Microsoft.Compute/", subscription)
	switch {
	case n.Shape.Provider == GCP:
		return fmt.Sprintf("gce://demo/%s/%s", n.Zone(), n.Name)
	case n.Shape.Provider == Azure:
		return fmt.Sprintf(machines, "rg-demo") + "virtualMachines/" + n.Name
	case n.Shape.Provider != AKS:
		return ""
	case n.Pool.Type != ScaleSet:
		return fmt.Sprintf(machines, "mc_rg-demo_aks-demo_"+n.Shape.Region) + "virtualMachines/" + n.Name
	}
	scaleSet := fmt.Sprintf("virtualMachineScaleSets/%s/virtualMachines/%d", n.Pool.NodePrefix, n.Index)
	return fmt.Sprintf(machines, "mc_rg-demo_aks-demo_"+n.Shape.Region) + scaleSet
}

// Labels of the node. Later ones win: those of the pool may say otherwise than the rule.
func (n node) Labels() map[string]string {
	labels := map[string]string{
		"beta.kubernetes.io/arch": "amd64",
		"beta.kubernetes.io/os":   n.Image.OS,
		"kubernetes.io/arch":      "amd64",
		"kubernetes.io/hostname":  n.Name,
		"kubernetes.io/os":        n.Image.OS,
	}
	if n.Shape.Provider != NoProvider {
		maps.Copy(labels, n.cloudLabels())
	}
	if n.Shape.Provider == AKS {
		maps.Copy(labels, n.aksLabels())
		maps.Copy(labels, n.Shape.Network.labels())
	}
	for _, more := range []map[string]string{n.Image.Labels, n.Shape.NodeLabels, n.Pool.Labels} {
		maps.Copy(labels, more)
	}
	return labels
}

// cloudLabels returns those that the cloud controller gives.
func (n node) cloudLabels() map[string]string {
	machine := "Standard_D4s_v5"
	if n.Shape.Provider == GCP {
		machine = "e2-standard-4"
	}
	return map[string]string{
		"beta.kubernetes.io/instance-type":         machine,
		"failure-domain.beta.kubernetes.io/region": n.Shape.Region,
		"failure-domain.beta.kubernetes.io/zone":   n.Zone(),
		"node.kubernetes.io/instance-type":         machine,
		"topology.kubernetes.io/region":            n.Shape.Region,
		"topology.kubernetes.io/zone":              n.Zone(),
	}
}

func (n node) aksLabels() map[string]string {
	const prefix = "kubernetes.azure.com/"
	labels := map[string]string{
		"agentpool":                        n.Pool.Name,
		prefix + "agentpool":               n.Pool.Name,
		prefix + "cluster":                 "MC_rg-demo_aks-demo_" + n.Shape.Region,
		prefix + "role":                    "agent",
		"topology.disk.csi.azure.com/zone": n.Zone(),
	}
	if n.Shape.Zones == 0 {
		labels["topology.disk.csi.azure.com/zone"] = ""
	}
	if n.Pool.Type == AutoProvisioning {
		return labels
	}
	maps.Copy(labels, map[string]string{
		prefix + "consolidated-additional-properties": "0b8d41c2-0000-4000-8000-00000000add1",
		prefix + "kubelet-identity-client-id":         "6e3f9d52-0000-4000-8000-0000000c11e7",
		prefix + "nodepool-type":                      string(n.Pool.Type),
		prefix + "storageprofile":                     "managed",
		prefix + "storagetier":                        "Premium_LRS",
	})
	return labels
}
