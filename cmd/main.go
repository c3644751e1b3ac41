// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command manager is the operator: it keeps the status of every ComponentMapping and ClusterArchitecture true.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	architecturev1alpha1 "github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/controller"
	// +kubebuilder:scaffold:imports
)

const (
	leaderElectionID = "manager.archmap.dev"
	// gracefulShutdown is shorter than the pod's terminationGracePeriodSeconds, so that the lease is
	// given back before the pod is killed.
	gracefulShutdown = 8 * time.Second
	// renewDeadline is how long the manager tries to renew its lease, by its default: each request gives up in half of it.
	renewDeadline = 10 * time.Second
)

var (
	// version is set by the linker.
	version = "devel"

	scheme   = runtime.NewScheme()
	setupLog = ctrl.Log.WithName("setup")
)

func init() {
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(architecturev1alpha1.AddToScheme(scheme))
	// +kubebuilder:scaffold:scheme
}

type options struct {
	printVersion bool
	probeAddr    string

	leaderElect             bool
	leaderElectionNamespace string

	metricsAddr   string
	secureMetrics bool
	metricsCert   struct{ dir, name, key string }
	enableHTTP2   bool

	pprofAddr string

	log zap.Options
}

func main() {
	var o options
	o.addFlags(flag.CommandLine)
	flag.Parse()
	if o.printVersion {
		fmt.Println(version)
		return
	}

	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&o.log)))
	if err := run(ctrl.SetupSignalHandler(), &o); err != nil {
		setupLog.Error(err, "Failed to run the manager")
		os.Exit(1)
	}
}

func (o *options) addFlags(flags *flag.FlagSet) {
	flags.BoolVar(&o.printVersion, "version", false, "Print the version and exit.")
	flags.StringVar(&o.probeAddr, "health-probe-bind-address", ":8081",
		"The address that the health probes bind to.")
	flags.BoolVar(&o.leaderElect, "leader-elect", false,
		"Elect a leader, so that only one of several replicas writes.")
	flags.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", "",
		"The namespace of the leader election Lease. Default: the manager's namespace.")
	flags.StringVar(&o.metricsAddr, "metrics-bind-address", "0",
		"The address that the metrics endpoint binds to, such as :8443; 0 disables it.")
	flags.BoolVar(&o.secureMetrics, "metrics-secure", true,
		"Serve metrics over HTTPS, with authentication and authorization by the cluster.")
	flags.StringVar(&o.metricsCert.dir, "metrics-cert-path", "",
		"The directory of the metrics server's certificate. Default: a generated self-signed certificate.")
	flags.StringVar(&o.metricsCert.name, "metrics-cert-name", "tls.crt", "The file name of the certificate.")
	flags.StringVar(&o.metricsCert.key, "metrics-cert-key", "tls.key", "The file name of the certificate's key.")
	flags.BoolVar(&o.enableHTTP2, "enable-http2", false, "Allow HTTP/2 for the metrics endpoint.")
	flags.StringVar(&o.pprofAddr, "pprof-bind-address", "0",
		"The address that profiles bind to, such as 127.0.0.1:6060; anybody who reaches it may read them. 0 disables it.")
	o.log.BindFlags(flags)
}

func run(ctx context.Context, o *options) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("no cluster configured: %w; set --kubeconfig or KUBECONFIG", err)
	}
	// Of each watch a decompressor would be kept, and of each heartbeat the decompressed text.
	config.DisableCompression = true
	mgr, lease, err := newManager(rest.AddUserAgent(config, "archmap/"+version), o)
	if err != nil {
		return fmt.Errorf("creating the manager: %w", err)
	}

	if err := controller.Setup(mgr, controller.Options{Lease: lease}); err != nil {
		return fmt.Errorf("setting up the controllers: %w", err)
	}
	// +kubebuilder:scaffold:builder

	if err := mgr.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return fmt.Errorf("setting up the health check: %w", err)
	}
	if err := mgr.AddReadyzCheck("readyz", healthz.Ping); err != nil {
		return fmt.Errorf("setting up the readiness check: %w", err)
	}

	setupLog.Info("Starting the manager", "version", version)
	return mgr.Start(ctx)
}

// newManager returns the manager, and the lease of its leader election; nil if there is none.
func newManager(config *rest.Config, o *options) (ctrl.Manager, *controller.Lease, error) {
	shutdown := gracefulShutdown
	managerOptions := ctrl.Options{
		Scheme: scheme,
		// This cache holds the operator's own kinds, which the controllers ask for. A read of anything
		// else would quietly start to watch it in the whole cluster, so it fails instead.
		Cache: cache.Options{
			ReaderFailOnMissingInformer: true,
			DefaultTransform:            cache.TransformStripManagedFields(),
		},
		Metrics:                o.metrics(),
		HealthProbeBindAddress: o.probeAddr,
		PprofBindAddress:       o.pprofAddr,
		LeaderElection:         o.leaderElect,
		LeaderElectionID:       leaderElectionID, // names it in messages; the lock has it, too
		// Safe because the process ends as soon as the manager has stopped.
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &shutdown,
	}
	if !o.leaderElect {
		mgr, err := ctrl.NewManager(config, managerOptions)
		return mgr, nil, err
	}
	events := &electionEvents{}
	lock, err := leaderelection.NewResourceLock(leaseConfig(config), events, leaderelection.Options{
		LeaderElection: true, LeaderElectionID: leaderElectionID, LeaderElectionNamespace: o.leaderElectionNamespace, RenewDeadline: renewDeadline,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("leader election: %w", err)
	}
	lease := controller.NewLease(lock)
	managerOptions.LeaderElectionResourceLockInterface = lease
	mgr, err := ctrl.NewManager(config, managerOptions)
	if err != nil {
		return nil, nil, err
	}
	events.EventRecorder = mgr.GetEventRecorderFor(lock.Identity()) //nolint:staticcheck // the election knows no other
	return mgr, lease, nil
}

// electionEvents records the events of the election by the manager, which is made after the lock that needs it.
type electionEvents struct {
	recorder.Provider
	record.EventRecorder
}

// GetEventRecorderFor returns the recorder for the lock.
func (e *electionEvents) GetEventRecorderFor(string) record.EventRecorder { return e }

// leaseConfig is that of the client that renews the lease: with a rate limit and connections of its own, so that however much
// else is read and written, the lease is not lost for it.
func leaseConfig(config *rest.Config) *rest.Config {
	own := rest.CopyConfig(config)
	own.RateLimiter, own.QPS, own.Burst = nil, 5, 10
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	if own.Dial == nil {
		own.Dial = dialer.DialContext // connections are shared among configs with the same one
	}
	return own
}

func (o *options) metrics() metricsserver.Options {
	server := metricsserver.Options{
		BindAddress:   o.metricsAddr,
		SecureServing: o.secureMetrics,
		CertDir:       o.metricsCert.dir,
		CertName:      o.metricsCert.name,
		KeyName:       o.metricsCert.key,
	}
	if o.secureMetrics {
		server.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	if !o.enableHTTP2 {
		// HTTP/2 has been used to exhaust servers (CVE-2023-44487, CVE-2023-39325).
		server.TLSOpts = append(server.TLSOpts, func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} })
	}
	return server
}
