//! The configuration: files and environment, merged, then typed in one strict pass that collects everything wrong.
//!
//! `error` and `tree` say what there is, `yaml` and `merge` make one tree of the layers, `shape` compares it with the
//! table of keys in `schema`, and a file per section types it through the cursor of `read`. What cannot be wrong any
//! more comes out as [`Config`]; the core's own settings are part of it. Left out on purpose: the log (a matter of the
//! command line), reloading (a changed configuration is a restart), and connecting to anything.

mod agent;
mod common;
mod error;
mod explain;
mod identity;
mod kafka;
mod merge;
mod mongodb;
mod probes;
mod producers;
mod promql;
mod read;
mod rename;
mod schema;
mod secret;
mod shape;
mod steps;
#[cfg(test)]
mod tests;
mod tree;
mod typed;
mod values;
mod yaml;

pub(crate) use agent::AgentConfig;
pub(crate) use error::{ConfigErrors, Problem};
pub(crate) use kafka::{KafkaTarget, KafkaTargets};
pub(crate) use mongodb::{MirrorTarget, MongodbTarget, MongodbTargets};
pub(crate) use probes::{ProbeTarget, Question};
pub(crate) use promql::Expression;

use cutover_core::Name;
use cutover_core::settings::{Settings, Track};
use cutover_core::time::Dur;
use error::Place;
use explain::Effective;
use read::{At, Pass};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A configuration that holds together.
#[derive(Debug)]
pub(crate) struct Config {
    /// What the gate decides by.
    pub(crate) settings: Settings,
    /// The agent itself.
    pub(crate) agent: AgentConfig,
    /// The two Kafka clusters.
    pub(crate) kafka: Option<KafkaTargets>,
    /// The two MongoDB deployments and the mirrors.
    pub(crate) mongodb: Option<MongodbTargets>,
    /// How the probes are asked.
    pub(crate) probes: BTreeMap<Name, ProbeTarget>,
    /// How long a request to a target may take; below every interval.
    pub(crate) timeout: Dur,
    /// Tracks taken out of the configuration on purpose, though the journal may know of begun steps, and why.
    pub(crate) dropped: BTreeMap<Track, Name>,
    /// What is allowed but should be looked at.
    pub(crate) warnings: Vec<Problem>,
    effective: Effective,
}

impl Config {
    /// Every value in force as YAML, where it came from as a comment, secrets as `***`.
    pub(crate) fn explain(&self) -> String {
        self.effective.explain()
    }
}

/// Loads the layers: the files in their order, then the environment.
///
/// # Errors
/// Everything that is wrong, at once.
pub(crate) fn load(files: &[PathBuf], env: &BTreeMap<String, String>) -> Result<Config, ConfigErrors> {
    let mut problems = Vec::new();
    let mut texts = Vec::new();
    for (layer, file) in files.iter().enumerate() {
        let name: Arc<str> = file.display().to_string().into();
        match read_file(file) {
            Ok(text) => texts.push((name, text)),
            Err(what) => problems.push(Problem::new(Place::File { layer, name, line: 0, column: 0 }, "", what)),
        }
    }
    // A layer that is missing would make errors of everything it was to say.
    match ConfigErrors::of(problems) {
        Some(errors) => Err(errors),
        None => load_texts(&texts, env),
    }
}

/// Loads layers that were read already, each with its name.
fn load_texts(texts: &[(Arc<str>, String)], env: &BTreeMap<String, String>) -> Result<Config, ConfigErrors> {
    let mut problems = Vec::new();
    let parse = |(layer, (name, text)): (usize, &(Arc<str>, String))| yaml::parse(layer, name, text, &mut problems);
    let mut layers: Vec<_> = texts.iter().enumerate().filter_map(parse).collect();
    // Likewise for a file that could not be read to its end; the environment is looked at all the same.
    let unreadable = layers.len() < texts.len();
    layers.push(merge::environment(env, &mut problems));
    let tree = merge::merge(layers, &mut problems);
    if unreadable && let Some(errors) = ConfigErrors::of(std::mem::take(&mut problems)) {
        return Err(errors);
    }
    let pass = Pass {
        env,
        errors: RefCell::new(problems),
        warnings: RefCell::default(),
        relaxations: RefCell::default(),
        effective: RefCell::default(),
    };
    let parts = type_all(&At::root(&pass, &tree));
    let Pass { errors, warnings, relaxations, effective, .. } = pass;
    if let Some(errors) = ConfigErrors::of(errors.into_inner()) {
        return Err(errors);
    }
    let (mut relaxations, mut warnings) = (relaxations.into_inner(), warnings.into_inner());
    relaxations.sort();
    warnings.sort();
    let effective = effective.into_inner();
    let Parts { mut settings, agent, kafka, mongodb, probes, timeout, dropped } = parts;
    settings.config_hash = effective.hash();
    settings.relaxations = relaxations;
    Ok(Config { settings, agent, kafka, mongodb, probes, timeout, dropped, warnings, effective })
}

fn read_file(file: &Path) -> Result<String, String> {
    let bytes = std::fs::metadata(file).map_err(|e| format!("cannot be read: {e}"))?.len();
    if bytes > yaml::BYTES as u64 {
        return Err(format!("is longer than {} bytes: this is no configuration", yaml::BYTES));
    }
    std::fs::read_to_string(file).map_err(|e| format!("cannot be read: {e}"))
}

/// What one pass builds; worth nothing if it found anything wrong.
struct Parts {
    settings: Settings,
    agent: AgentConfig,
    kafka: Option<KafkaTargets>,
    mongodb: Option<MongodbTargets>,
    probes: BTreeMap<Name, ProbeTarget>,
    timeout: Dur,
    dropped: BTreeMap<Track, Name>,
}

fn type_all(root: &At<'_>) -> Parts {
    shape::check(root);
    let (agent, pulse) = agent::read(&root.get("agent"));
    let identity = identity::read(&root.get("identity"), root);
    let probes = probes::read(&root.get("probes"), pulse);
    let mut tracks = BTreeSet::new();
    if identity.tells_homes || probes.gated.iter().any(|step| step.track == Track::Services) {
        tracks.insert(Track::Services);
    }
    let mongodb = root.get("mongodb").given().then(|| {
        tracks.insert(Track::Mongodb);
        mongodb::read(root, identity.mongodb, pulse)
    });
    let (mongodb, mongodb_settings) = mongodb.map_or((None, None), |(targets, settings)| (targets, Some(settings)));
    let kafka = root.get("kafka").given().then(|| {
        tracks.insert(Track::Kafka);
        kafka::read(root, identity.homes, pulse)
    });
    let (targets, kafka_settings) = kafka.map_or((None, None), |(targets, settings)| (targets, Some(settings)));
    if kafka_settings.is_none() {
        common::without_kafka(root);
    }
    let dropped = common::dropped(root, &tracks);
    let common = common::read(root, &tracks);
    let steps = steps::read(&root.get("steps"), &tracks);
    let settings = Settings {
        migration: common.migration,
        attempt: common.attempt,
        config_hash: Name::from(""),
        faster: common.faster,
        tracks,
        skip: steps.skip,
        after: steps.after,
        pace: common.pace,
        joint: common.joint,
        dwell: steps.dwell,
        requirements_enforced: common.requirements_enforced,
        kafka: kafka_settings,
        mongodb: mongodb_settings,
        probes: probes.settings,
        relaxations: Vec::new(),
    };
    Parts { settings, agent, kafka: targets, mongodb, probes: probes.targets, timeout: pulse.timeout, dropped }
}
