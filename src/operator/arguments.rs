//! The command line of `tuning-operator`.

use super::check::{self, Check};
use super::lease;
use super::memory;
use super::prometheus_server::PrometheusServer;
use super::remove_checkpoints::{self, RemoveCheckpoints};
use super::scope::{self, Scope};
use super::secure_metrics::SecureMetrics;
use super::settings::Candidate;
use super::settings::Settings;
use crate::tuning::Retry;
use clap::{Parser, Subcommand};
use jiff::SignedDuration;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Looks after TuningJobs on a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "\
Examples:
  tuning-operator crds | kubectl apply -f -     install the CRDs
  tuning-operator run                           look after every namespace, with the current kubeconfig or in a pod
  tuning-operator run --namespace team-a,team-b look after two namespaces
  tuning-operator check                         are the CRDs there, and every right that it needs?"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look after TuningJobs until SIGTERM.
    Run(Box<Run>),
    /// Print the CRDs as YAML.
    Crds,
    Check(Check),
    /// Remove a job's checkpoints from a volume: what the operator starts in a pod of its own.
    RemoveCheckpoints(RemoveCheckpoints),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The operator's own image, in which it removes checkpoints from volumes.
    #[arg(long, value_name = "IMAGE", env = "TUNING_OPERATOR_IMAGE")]
    image: Option<String>,
    /// Image of the built-in fine-tuner, for jobs that name none and compute on CPUs.
    #[arg(long, value_name = "IMAGE", env = "TUNING_TRAINER_IMAGE")]
    trainer_image: Option<String>,
    /// The same for jobs whose trials ask for a GPU.
    #[arg(long, value_name = "IMAGE", env = "TUNING_TRAINER_IMAGE_CUDA")]
    trainer_image_cuda: Option<String>,
    /// Look after these namespaces only: names with commas between them, or the option again and again.
    #[arg(long, value_name = "NAME", env = "TUNING_NAMESPACE", value_delimiter = ',', value_parser = scope::namespace)]
    namespace: Vec<String>,
    /// Reconciliations at once.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Seconds between two readings of a trial's metrics.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    scrape_interval: u64,
    /// Seconds after which a pod that its node should have ended is taken away by force, and its trial started elsewhere.
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    lost_node_after: u32,
    /// Seconds for which a job whose trials can't run, for want of nodes or of an image, counts as waiting; then it is Stalled.
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    stalled_after: u32,
    /// Seconds before a trial is started again that a node would not run; each further pause is twice as long.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    retry_pause: u32,
    /// Address of a Prometheus server that scrapes the trials' pods, for spec.metrics.promQuery.
    #[arg(long, value_name = "URL", env = "TUNING_PROMETHEUS_URL")]
    prometheus_url: Option<reqwest::Url>,
    /// Certificates, as PEM, by which an https --prometheus-url is believed, instead of the system's. Read at the start.
    #[arg(
        long,
        value_name = "FILE",
        env = "TUNING_PROMETHEUS_CA_FILE",
        requires = "prometheus_url"
    )]
    prometheus_ca_file: Option<PathBuf>,
    /// A token for the Prometheus server, such as a service account's: read anew for each question, and sent over https or
    /// to this machine alone.
    #[arg(
        long,
        value_name = "FILE",
        env = "TUNING_PROMETHEUS_TOKEN_FILE",
        requires = "prometheus_url"
    )]
    prometheus_token_file: Option<PathBuf>,
    /// Where /metrics, /healthz and /readyz are served, in the clear.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Serve /metrics over HTTPS at this address, such as 0.0.0.0:8443, and no longer in the clear. Who asks needs a bearer token of
    /// the cluster, and the right to get the nonResourceURL /metrics; the operator, that to create TokenReviews and
    /// SubjectAccessReviews.
    #[arg(long, value_name = "ADDRESS", env = "TUNING_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
    /// A folder with tls.crt and tls.key for that, as a Secret of type kubernetes.io/tls is mounted; what is replaced there is
    /// taken up by itself. Without it a self-signed certificate is made at each start.
    #[arg(
        long,
        value_name = "FOLDER",
        env = "TUNING_METRICS_CERTIFICATES",
        requires = "metrics_listen"
    )]
    metrics_certificates: Option<PathBuf>,
    /// Hold a Lease in this namespace while at work, so that of several replicas one works.
    #[arg(long, value_name = "NAME", env = "TUNING_LEASE_NAMESPACE")]
    lease_namespace: Option<String>,
    /// Name of that Lease. Replicas of one release share it; a second release needs another, and namespaces of its own to look
    /// after.
    #[arg(long, value_name = "NAME", env = "TUNING_LEASE_NAME", default_value = lease::NAME)]
    lease_name: String,
    /// Seconds after which another replica takes over from one that is gone without a word.
    #[arg(long, value_name = "S", default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..=300))]
    lease_duration: u64,
}

/// A name that no other replica has, nor this one had before it was started again.
fn identity() -> String {
    let pod = std::env::var("POD_NAME").or_else(|_| std::env::var("HOSTNAME"));
    let since = jiff::Timestamp::now().as_nanosecond();
    format!("{}_{:x}_{:x}", pod.unwrap_or_default(), std::process::id(), since)
}

/// The program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Of the two TLS providers that may be linked one has to be named.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match arguments.command {
        Command::Crds => print_crds(),
        Command::Run(run) => start(*run),
        Command::Check(check) => look(&check),
        Command::RemoveCheckpoints(arguments) => remove_checkpoints::main(&arguments),
    }
}

fn print_crds() -> ExitCode {
    use std::io::Write;
    let mut out = std::io::stdout();
    for crd in super::crds() {
        let text = serde_saphyr::to_string(&crd).unwrap_or_default();
        // Whoever closes the pipe has seen enough.
        if write!(out, "---\n{text}").is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

fn start(run: Run) -> ExitCode {
    memory::be_frugal();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error),
    };
    let settings = match settings(run) {
        Ok(settings) => settings,
        Err(why) => return refuse(&why),
    };
    runtime.block_on(async {
        let config = match kube::Config::infer().await {
            Ok(config) => config,
            Err(error) => return refuse(&error),
        };
        let connect = Arc::new(move || kube::Client::try_from(config.clone()));
        match super::run(connect, settings, stopped()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&error),
        }
    })
}

fn look(arguments: &Check) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error),
    };
    runtime.block_on(async {
        match kube::Client::try_default().await {
            Ok(client) => check::run(&client, arguments).await,
            Err(error) => refuse(&error),
        }
    })
}

fn settings(run: Run) -> Result<Settings, String> {
    let default = Settings::default();
    let server =
        |url| PrometheusServer::new(url, run.prometheus_ca_file.as_deref(), run.prometheus_token_file);
    let scope = Scope::of(run.namespace);
    let secure = |listen| SecureMetrics::new(listen, run.metrics_certificates);
    Ok(Settings {
        image: run.image.unwrap_or(default.image),
        trainer_image: run.trainer_image.unwrap_or(default.trainer_image),
        trainer_image_cuda: run.trainer_image_cuda.unwrap_or(default.trainer_image_cuda),
        scope: scope.clone(),
        concurrency: run.concurrency,
        scrape_interval: Duration::from_secs(run.scrape_interval),
        prometheus: run.prometheus_url.map(server).transpose()?,
        lost_node_after: SignedDuration::from_secs(run.lost_node_after.into()),
        stalled_after: SignedDuration::from_secs(run.stalled_after.into()),
        retry: Retry {
            pause: SignedDuration::from_secs(run.retry_pause.into()),
            ..Retry::default()
        },
        listen: Some(run.listen),
        secure_metrics: run.metrics_listen.map(secure).transpose()?,
        candidate: run.lease_namespace.map(|namespace| Candidate {
            namespace,
            name: run.lease_name,
            scope,
            identity: identity(),
            duration: Duration::from_secs(run.lease_duration),
        }),
        cleanup_patience: default.cleanup_patience,
    })
}

fn refuse(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("tuning-operator: {error}");
    ExitCode::from(2)
}

/// SIGTERM or Ctrl-C.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
