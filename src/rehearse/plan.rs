//! What is rehearsed: an estate, what happens to it, and the limits it is judged by.

use super::account::{Account, Line, Who};
use super::drive::{self, Ended};
use super::invent;
use super::measured;
use super::outside::Outside;
use super::scenario;
use crate::cli::args::RehearseArgs;
use cutover_core::Name;
use cutover_core::settings::{Settings, Track};
use cutover_core::time::Dur;
use cutover_sim::scenario::Scenario;
use cutover_sim::world::{self, World};
use std::sync::Arc;

/// The built-in estate.
const SHOP: &str = include_str!("shop.scn");

/// What is rehearsed.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The estate and what happens to it.
    pub(super) scenario: Arc<Scenario>,
    /// What the agent decides by.
    pub(super) settings: Arc<Settings>,
    /// Somebody wrote a scenario: it says itself when it is over and what it expects.
    pub(super) scripted: bool,
    /// How much longer than usual may pass before nothing is taken to move any more, in milliseconds.
    pub(super) patience: i64,
    /// What it is a rehearsal of, in words.
    pub(super) of: String,
    /// The migration it stands for, if there is one.
    pub(super) real: Option<Real>,
    /// What was invented because nobody said it.
    pub(super) assumptions: Vec<String>,
    /// What was taken from a recording of the real estate.
    pub(super) measured: Vec<String>,
}

/// The migration that a rehearsal stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Real {
    /// Its name.
    pub(super) migration: Name,
    /// Which attempt.
    pub(super) attempt: u32,
    /// The hash of its configuration.
    pub(super) config_hash: Name,
}

impl Plan {
    /// What the command line asks for.
    ///
    /// # Errors
    /// Everything that is wrong with the scenario or the configuration.
    pub(super) fn of(args: &RehearseArgs) -> Result<Plan, String> {
        let mut plan = match (&args.scenario, args.config.is_empty()) {
            (Some(file), _) => {
                let name = file.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                Plan::scripted(scenario::read(file)?, format!("scenario {name}"))
            }
            (None, true) => Plan::shop()?,
            (None, false) => {
                let config = crate::config(&args.config)?;
                let measured = args.measured.as_deref().map(|file| measured::read(file, &config.settings));
                invent::plan(&config, args.rate, measured.transpose()?.as_ref())?
            }
        };
        if let Some(seed) = args.seed {
            plan.seeded(seed);
        }
        Ok(plan)
    }

    /// The built-in estate.
    pub(super) fn shop() -> Result<Plan, String> {
        let scenario = scenario::parse("shop.scn", SHOP)?;
        let mut plan = Plan::scripted(scenario, "the built-in estate, a small shop".to_owned());
        plan.scripted = false;
        Arc::make_mut(&mut plan.settings).pace = Dur::mins(1);
        Ok(plan)
    }

    /// A scenario as it stands.
    pub(super) fn scripted(scenario: Scenario, of: String) -> Plan {
        let mut settings = world::settings(&scenario);
        settings.migration = "rehearsal".into();
        settings.config_hash = "simulated".into();
        Plan {
            scenario: Arc::new(scenario),
            settings: Arc::new(settings),
            scripted: true,
            patience: 0,
            of,
            real: None,
            assumptions: Vec::new(),
            measured: Vec::new(),
        }
    }

    /// With another seed.
    pub(super) fn seeded(&mut self, seed: u64) {
        Arc::make_mut(&mut self.scenario).seed = seed;
    }

    /// How long it takes, in milliseconds of its own time.
    pub(super) fn lasts(&self) -> i64 {
        self.silently().2.now
    }

    /// The whole rehearsal with nobody looking.
    pub(super) fn silently(&self) -> (Ended, Account, World) {
        let outside = Outside::silent(self);
        let mail = outside.mail();
        let mut world = drive::world(self, Some(outside));
        let mut account = Account::of(&world);
        let mut required = !self.settings.requirements_enforced;
        loop {
            match drive::ended(&world, self) {
                Err(ended) => return (ended, account, world),
                Ok(_) => world.step(),
            };
            drive::require(&mut world, &mut required);
            let facts = std::mem::take(&mut mail.borrow_mut().facts);
            account.look(&world, &facts);
        }
    }

    /// The first lines of the account.
    pub(super) fn opening(&self) -> Vec<Line> {
        let s = &self.scenario;
        let partitions: usize = s.topics.iter().map(|(_, n)| n).sum();
        let mut parts = Vec::new();
        if let Some(m) = s.mongo.as_ref().filter(|_| s.tracks.contains(&Track::Mongodb)) {
            parts.push(format!(
                "{} collections on two simulated MongoDB deployments, {} readers and writers, {} mirrors",
                m.collections.len(),
                m.services.len(),
                m.mirrors.len(),
            ));
        }
        if s.tracks.contains(&Track::Kafka) {
            parts.push(format!(
                "{} topics with {partitions} partitions on two simulated Kafka clusters, {} consumer groups, {} \
                 external producers",
                s.topics.len(),
                s.readers.len(),
                s.producers.len(),
            ));
        }
        if let Some(x) = &s.services {
            parts.push(format!("services that move, and {} probes", x.probes.len()));
        }
        let estate = format!("{}, seed {}: {}", self.of, s.seed, parts.join("; "));
        let line = |who, text| Line { at_ms: 0, who, step: None, verdict: None, code: None, text };
        let measured = self.measured.iter().map(|m| line(Who::Measured, m.clone()));
        let assumed = self.assumptions.iter().map(|a| line(Who::Assumed, a.clone()));
        std::iter::once(line(Who::Rehearsal, estate)).chain(measured).chain(assumed).collect()
    }
}
