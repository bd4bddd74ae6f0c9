//! What is safe on all tracks at once, from what the lab itself did: each track's own oracle, the downtimes of the
//! others, and for the services where their instances run.

use super::site::Site;
use crate::watch::Truth;
use cutover_lab::{MongoOracle, MongoStep, Oracle, Side, Step};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The steps of the services track.
pub(crate) const SERVICES: [&str; 4] = ["deploy-services", "redirect-traffic", "stop-source-services", "switch-dns"];

/// Knows the whole estate. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) kafka: Oracle,
    pub(crate) mongo: MongoOracle,
    pub(crate) site: Arc<Site>,
    pub(crate) joint: bool,
    /// Services that were deployed at the destination. The agent believes a sighting for ten minutes, longer than any
    /// test lasts.
    pub(crate) deployed: Arc<Mutex<BTreeSet<String>>>,
    /// Everything was stopped at once, without a word to the agent: both downtimes are meant, and begin with its proof.
    pub(crate) stopped: Arc<AtomicBool>,
}

impl Whole {
    /// Tracks whose downtime the lab has opened and not ended.
    fn downtimes(&self) -> Vec<&'static str> {
        let (k, m) = (self.kafka.ledger(), self.mongo.ledger());
        let kafka = k.begun.contains(&Step::StopConsumers) && !k.done.contains(&Step::StartConsumers);
        let mongo = m.begun.contains(&MongoStep::StopWriters) && !m.done.contains(&MongoStep::StartWriters);
        [("kafka", kafka), ("mongodb", mongo)].into_iter().filter(|(_, open)| *open).map(|(t, _)| t).collect()
    }

    /// Services that run at the source and nowhere else.
    fn not_deployed(&self) -> Vec<String> {
        let deployed = self.deployed.lock().unwrap_or_else(PoisonError::into_inner);
        self.at_home(Side::Source).into_iter().filter(|s| !deployed.contains(s)).collect()
    }

    /// Services with an instance that runs on that infrastructure, whatever it is connected to.
    pub(crate) fn at_home(&self, home: Side) -> BTreeSet<String> {
        let (k, m) = (self.kafka.ledger(), self.mongo.ledger());
        let mark = format!("-{}-", home.short());
        let consumers = k.groups.values().flat_map(|g| g.members.keys()).filter_map(|c| c.split_once(&*mark));
        let clients = m.clients.values().filter(|c| c.home == home).map(|c| c.service.clone());
        consumers.map(|(service, _)| service.to_owned()).chain(clients).collect()
    }

    fn services(&self, step: &str) -> Vec<String> {
        let mut reasons: Vec<String> = Vec::new();
        let missing = self.not_deployed();
        match step {
            "redirect-traffic" => {
                if !self.site.is_healthy() {
                    reasons.push("the gateway of the destination is not well".to_owned());
                }
                reasons.extend(missing.iter().map(|s| format!("{s} was never deployed at the destination")));
            }
            "stop-source-services" => {
                reasons.extend(missing.iter().map(|s| format!("{s} runs at the source only")));
                if self.site.is_at_source() {
                    reasons.push("the traffic still reaches the source".to_owned());
                }
            }
            "switch-dns" => {
                if !self.site.is_open() {
                    reasons.push("the entry point of the destination refuses".to_owned());
                }
                reasons.extend(self.at_home(Side::Source).iter().map(|s| format!("{s} still runs at the source")));
            }
            _ => {}
        }
        reasons
    }
}

impl Truth for Whole {
    fn steps(&self) -> Vec<&'static str> {
        [SERVICES.to_vec(), Truth::steps(&self.mongo), Truth::steps(&self.kafka)].concat()
    }

    fn unsafe_reasons(&self, step: &str) -> Vec<String> {
        let track = track(step);
        let mut reasons = match track {
            "services" => self.services(step),
            "mongodb" => Truth::unsafe_reasons(&self.mongo, step),
            _ => Truth::unsafe_reasons(&self.kafka, step),
        };
        if self.stopped.load(Ordering::Relaxed) {
            reasons.retain(|r| !r.ends_with("was never begun"));
        }
        let shared = |other: &str| self.joint && track != "services" && other != "services";
        let others = self.downtimes().into_iter().filter(|t| *t != track && !shared(t));
        reasons.extend(others.map(|t| format!("the downtime of {t} is open")));
        // In a joint downtime neither side starts before both may.
        let other = match step {
            "start-writers" if !self.kafka.ledger().begun.contains(&Step::StartConsumers) => Some("start-consumers"),
            "start-consumers" if !self.mongo.ledger().begun.contains(&MongoStep::StartWriters) => Some("start-writers"),
            _ => None,
        };
        if let Some(other) = other.filter(|_| self.joint) {
            let why = match other {
                "start-writers" => Truth::unsafe_reasons(&self.mongo, other),
                _ => Truth::unsafe_reasons(&self.kafka, other),
            };
            reasons.extend(why.into_iter().map(|r| format!("{other} is not safe: {r}")));
        }
        reasons
    }

    fn note(&self, text: String) {
        self.kafka.note(text.clone());
        self.mongo.note(text);
    }

    fn timeline(&self) -> String {
        format!("--- kafka:\n{}\n--- mongodb:\n{}", self.kafka.timeline(), self.mongo.timeline())
    }
}

/// The track of a step.
pub(crate) fn track(step: &str) -> &'static str {
    match step {
        s if SERVICES.contains(&s) => "services",
        "start-mirror" | "switch-readers" | "stop-writers" | "stop-mirror" | "start-writers" => "mongodb",
        _ => "kafka",
    }
}
