//! `run`: configuration, journal, samplers, main loop and HTTP put together; and taken apart in the right order.

use crate::agent::{Agent, Parts};
use crate::config::{Config, KafkaTarget, MongodbTarget, ProbeTarget};
use crate::journal_folder;
use crate::record::Recorder;
use crate::sample::probe::{Prober, Roots};
use crate::sample::{kafka, mirror, mongodb};
use crate::serve;
use cutover_core::Name;
use cutover_core::estate::{Sample, Side};
use cutover_core::journal::Record;
use cutover_core::playbook;
use cutover_core::reading::Demand;
use cutover_core::settings::Track;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long everything together may take to end after a signal.
const GRACE: Duration = Duration::from_secs(10);
/// Samples under way to the main loop.
const SAMPLES: usize = 64;

/// Runs the agent until SIGTERM or Ctrl-C.
///
/// # Errors
/// What kept it from starting, in a sentence that says what to do.
pub(crate) async fn run(config: Config, record: Option<&Path>, limit: u64) -> Result<(), String> {
    for w in &config.warnings {
        tracing::warn!("configuration: {w}");
    }
    let settings = Arc::new(config.settings.clone());
    // Before anything is written: where another agent answers, its journal is not to be touched.
    let listener = TcpListener::bind(config.agent.listen).await.map_err(|e| {
        format!("cannot listen on {} (agent.listen): {e}; free the port or choose another one", config.agent.listen)
    })?;
    let opened = journal_folder::open(&config)?;
    removed_tracks(&config, &opened.records)?;
    let no_token = config.agent.tokens.is_empty();
    let (samples, taken) = mpsc::channel(SAMPLES);
    let (demands, wanted) = watch::channel(BTreeSet::new());
    let (stop, stopped) = watch::channel(false);

    let hold_file = config.agent.hold_file.clone();
    let recorder = record.map(|file| Recorder::open(file, limit)).transpose()?;
    let parts = Parts { settings: settings.clone(), opened, samples: taken, demands, hold_file, recorder };
    let (agent, handle) = Agent::new(parts)?;
    let mut tasks = JoinSet::new();
    samplers(&config, &samples, &wanted).spawn(&mut tasks);
    for p in probers(&config, &samples) {
        p.spawn(&mut tasks);
    }
    let looping = tokio::spawn(agent.run(stopped.clone()));
    let serving = tokio::spawn(serve::serve(listener, handle, config.agent.tokens, stopped));
    tracing::info!(
        listen = %config.agent.listen,
        migration = %settings.migration,
        attempt = settings.attempt,
        config = %settings.config_hash,
        "cutover-agent {} answers",
        env!("CARGO_PKG_VERSION"),
    );
    if settings.faster > 1 {
        tracing::warn!("this is a rehearsal: every time is divided by {}", settings.faster);
    }
    if no_token {
        tracing::warn!("no token is configured (agent.tokens): nobody can begin, hold, confirm, adopt or withdraw");
    }

    let ended = ended(looping, &stop).await;
    // Readiness first: `stop` is true, the surfaces say so, then connections end, then the samplers.
    let rest = async {
        let _ = serving.await;
        tasks.shutdown().await;
    };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!("not everything ended within {} s", GRACE.as_secs());
    }
    ended
}

/// Waits for a signal, or for the main loop to end by itself, which it must not.
async fn ended(mut looping: tokio::task::JoinHandle<()>, stop: &watch::Sender<bool>) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("cannot listen for signals: {e}");
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
    let ended = tokio::select! {
        _ = term.recv() => Ok("SIGTERM"),
        _ = int.recv() => Ok("interrupted"),
        end = &mut looping => Err(match end {
            Ok(()) => "the main loop ended by itself: a defect, please report it".to_owned(),
            Err(e) => format!("the main loop ended by a defect ({e}); please report it"),
        }),
    };
    stop.send_replace(true);
    if let Ok(signal) = ended {
        tracing::info!("{signal}: going down");
        let _ = tokio::time::timeout(GRACE, looping).await;
    }
    ended.map(drop)
}

/// The samplers that a configuration asks for.
#[derive(Default)]
pub(crate) struct Samplers {
    /// Of Kafka clusters.
    pub(crate) kafka: Vec<kafka::Sampler>,
    /// Of MongoDB deployments.
    pub(crate) mongodb: Vec<mongodb::Sampler>,
    /// Of mirrors.
    pub(crate) mirrors: Vec<mirror::Sampler>,
}

impl Samplers {
    fn spawn(self, tasks: &mut JoinSet<()>) {
        self.kafka.into_iter().for_each(|s| s.spawn(tasks));
        self.mongodb.into_iter().for_each(|s| s.spawn(tasks));
        self.mirrors.into_iter().for_each(|s| s.spawn(tasks));
    }
}

/// The samplers that a configuration asks for.
pub(crate) fn samplers(
    config: &Config,
    samples: &mpsc::Sender<Sample>,
    demands: &watch::Receiver<BTreeSet<Demand>>,
) -> Samplers {
    let mut all = Samplers::default();
    if let (Some(targets), Some(settings)) = (&config.kafka, &config.settings.kafka) {
        let settings = Arc::new(settings.clone());
        let of = |(side, target): (Side, &KafkaTarget)| kafka::Sampler {
            side,
            client: target.client.clone(),
            settings: settings.clone(),
            timeout: config.timeout,
            samples: samples.clone(),
            demands: demands.clone(),
        };
        let sides = [(Side::Source, &targets.source), (Side::Destination, &targets.destination)];
        all.kafka = sides.into_iter().map(of).collect();
    }
    if let (Some(targets), Some(settings)) = (&config.mongodb, &config.settings.mongodb) {
        let settings = Arc::new(settings.clone());
        let of = |(side, target): (Side, &MongodbTarget)| mongodb::Sampler {
            side,
            target: target.clone(),
            offset_field: targets.offset_field.clone(),
            settings: settings.clone(),
            timeout: config.timeout,
            samples: samples.clone(),
            demands: demands.clone(),
            shared: mongodb::Shared::default(),
        };
        let sides = [(Side::Source, &targets.source), (Side::Destination, &targets.destination)];
        all.mongodb = sides.into_iter().map(of).collect();
        let read = targets.mirrors.iter().filter(|(_, target)| mirror::Sampler::reads(target.kind));
        let mirrors = read.map(|(name, target)| mirror::Sampler {
            name: name.clone(),
            target: target.clone(),
            interval: settings.interval,
            timeout: config.timeout,
            samples: samples.clone(),
        });
        all.mirrors = mirrors.collect();
    }
    all
}

/// The samplers of the probes.
pub(crate) fn probers(config: &Config, samples: &mpsc::Sender<Sample>) -> Vec<Prober> {
    let roots = Arc::new(Roots::default());
    let prober = |(name, target): (&Name, &ProbeTarget)| {
        let settings = config.settings.probes.get(name)?;
        Some(Prober {
            name: name.clone(),
            kind: settings.kind,
            interval: settings.interval,
            target: target.clone(),
            roots: roots.clone(),
            samples: samples.clone(),
        })
    };
    config.probes.iter().filter_map(prober).collect()
}

/// A track with journaled begins cannot be removed without a word.
fn removed_tracks(config: &Config, records: &[Record]) -> Result<(), String> {
    for track in [Track::Services, Track::Mongodb, Track::Kafka] {
        if config.settings.tracks.contains(&track) || config.dropped.contains_key(&track) {
            continue;
        }
        let begun = playbook::steps(track).iter().find(|s| {
            let step = format!("\"step\":\"{}\"", s.id);
            records.iter().any(|r| r.payload.contains("\"fact\":\"begun\"") && r.payload.contains(&step))
        });
        if let Some(step) = begun {
            return Err(format!(
                "the configuration has no {track} track, but the journal says that {} was begun: put its section back, \
                 or say why it is gone: dropped: {{ {track}: \"<reason>\" }}",
                step.id
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_found_before_anything_is_written() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (file, data) = (dir.path().join("c.yaml"), dir.path().join("data"));
        for side in ["a", "b"] {
            std::fs::write(dir.path().join(side), format!("bootstrap.servers={side}.example:9092")).unwrap();
        }
        let text = format!(
            "migration: shop\nscope: shop\nagent: {{ listen: \"{}\", data_dir: {} }}\nkafka:\n  source: {{ properties_file: \
             {} }}\n  destination: {{ properties_file: {} }}\nproducers: {{ crm: {{ topics: [\"*\"] }} }}\n",
            taken.local_addr().unwrap(),
            data.display(),
            dir.path().join("a").display(),
            dir.path().join("b").display(),
        );
        std::fs::write(&file, text).unwrap();
        let config = crate::config::load(&[file], &std::collections::BTreeMap::new()).unwrap_or_else(|e| panic!("{e}"));
        let said = run(config, None, 0).await.unwrap_err();
        assert!(said.contains("cannot listen") && said.contains("agent.listen"), "{said}");
        assert!(!data.exists(), "no journal was begun");
    }
}
