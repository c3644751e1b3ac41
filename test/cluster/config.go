// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/keyutil"
)

// KubeletLabel is on every node that has a simulated kubelet. Taking it away ends the kubelet: the node and
// its pods stay as they are, and nothing reports on them any more.
const (
	KubeletLabel = "simulator.archmap.dev/kubelet"
	KubeletValue = "running"
)

// CrashLoopLabel with the value "true" makes the containers of a running pod crash again and again.
const CrashLoopLabel = "simulator.archmap.dev/crash-loop"

//go:embed stages
var stages embed.FS

// writeFiles writes the certificates, kubeconfigs and component configurations.
func (c *Cluster) writeFiles() error {
	var err error
	if c.authority, err = newAuthority(); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("ca.crt"), c.authority.pem, 0o600); err != nil {
		return err
	}
	if err := c.authority.writeKeyPair(c.path("apiserver"), apiserver); err != nil {
		return err
	}
	if _, _, err := keyutil.LoadOrGenerateKeyFile(c.path("service-accounts.key")); err != nil {
		return err
	}
	if err := c.writeUsers(); err != nil {
		return err
	}

	stageDocuments, err := joinStages()
	if err != nil {
		return err
	}
	for file, text := range map[string]string{
		"stages.yaml":        stageDocuments,
		"scheduler.yaml":     fmt.Sprintf(schedulerConfiguration, c.path(scheduler+".kubeconfig")),
		"egress.yaml":        fmt.Sprintf(egressConfiguration, c.tunnelSocket()),
		"authorization.yaml": authorizationConfiguration(c.options.Opinion != "", c.path("authorizer.kubeconfig")),
	} {
		if err := os.WriteFile(c.path(file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) writeUsers() error {
	var err error
	if c.Config, err = c.authority.user(c.url, "admin", "system:masters"); err != nil {
		return err
	}
	c.Config.QPS, c.Config.Burst = 500, 1000
	c.Kubeconfig = c.path("kubeconfig")
	if err := writeKubeconfig(c.Kubeconfig, c.Config); err != nil {
		return err
	}
	for name, groups := range map[string][]string{
		controllerManager: nil,
		scheduler:         nil,
		kwok:              {"system:masters"}, // it speaks for all kubelets at once
	} {
		config, err := c.authority.user(c.url, "system:"+name, groups...)
		if err != nil {
			return err
		}
		if err := writeKubeconfig(c.path(name+".kubeconfig"), config); err != nil {
			return err
		}
	}
	return nil
}

// WriteServiceAccountKubeconfig writes a kubeconfig with a service account's own token, good for a day.
func (c *Cluster) WriteServiceAccountKubeconfig(ctx context.Context, path, namespace, name string) error {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: new(int64((24 * time.Hour).Seconds())),
	}}
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("get a token of service account %s/%s: %w", namespace, name, err)
	}
	return writeKubeconfig(path, &rest.Config{
		Host:            c.Config.Host,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.Config.CAData},
		BearerToken:     token.Status.Token,
	})
}

func joinStages() (string, error) {
	files, err := fs.Glob(stages, "stages/*.yaml")
	if err != nil {
		return "", err
	}
	var documents [][]byte
	for _, file := range files {
		text, err := stages.ReadFile(file)
		if err != nil {
			return "", err
		}
		documents = append(documents, text)
	}
	return string(bytes.Join(documents, []byte("\n---\n"))), nil
}

func etcdArgs(dir string, clientPort, peerPort int) []string {
	client, peer := "http://"+loopback(clientPort), "http://"+loopback(peerPort)
	return []string{
		"--data-dir", dir,
		"--unsafe-no-fsync",
		// Heartbeats of thousands of nodes write a gigabyte between two compactions.
		"--quota-backend-bytes", strconv.Itoa(8 << 30),
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default=" + peer,
	}
}

func (c *Cluster) apiserverArgs(etcdPort, port int) []string {
	issuer := c.options.Issuer
	if issuer == "" {
		issuer = "https://kubernetes.default.svc"
	}
	return []string{
		"--etcd-servers", "http://" + loopback(etcdPort),
		"--bind-address", "127.0.0.1",
		"--advertise-address", "127.0.0.1",
		"--secure-port", strconv.Itoa(port),
		// 127.0.0.1 is no valid endpoint of the Service "kubernetes".
		"--endpoint-reconciler-type", "none",
		"--service-cluster-ip-range", "10.0.0.0/16",
		"--tls-cert-file", c.path("apiserver.crt"), "--tls-private-key-file", c.path("apiserver.key"),
		"--client-ca-file", c.path("ca.crt"),
		"--authorization-config", c.path("authorization.yaml"),
		"--egress-selector-config-file", c.path("egress.yaml"),
		"--service-account-issuer", issuer,
		"--service-account-key-file", c.path("service-accounts.key"),
		"--service-account-signing-key-file", c.path("service-accounts.key"),
	}
}

func (c *Cluster) controllerManagerArgs() []string {
	return []string{
		"--kubeconfig", c.path(controllerManager + ".kubeconfig"),
		"--secure-port", "0",
		"--leader-elect=false",
		"--use-service-account-credentials",
		"--service-account-private-key-file", c.path("service-accounts.key"),
		"--root-ca-file", c.path("ca.crt"),
		"--node-monitor-period", "1s",
		"--node-monitor-grace-period", c.options.NodeMonitorGrace.String(),
		"--kube-api-qps", "500", "--kube-api-burst", "1000",
		// The default is a folder outside this cluster's.
		"--flex-volume-plugin-dir", c.path("flexvolume"),
	}
}

func (c *Cluster) kwokArgs() []string {
	return []string{
		"--kubeconfig", c.path(kwok + ".kubeconfig"),
		"--config", c.path("stages.yaml"),
		"--manage-nodes-with-label-selector", KubeletLabel + "=" + KubeletValue,
		"--cidr", "10.244.0.0/16",
		// kwok loses pods of nodes whose lease it does not hold yet; heartbeats alone are enough.
		"--node-lease-duration-seconds", "0",
	}
}

const schedulerConfiguration = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: %q, qps: 500, burst: 1000}
leaderElection: {leaderElect: false}
`
