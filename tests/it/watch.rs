//! Two who never look away: one asks the agent for every step, the other asks the oracle what is safe. A go for a step
//! not begun yet that the oracle has called unsafe for longer than a sample may be old is a false go.

use crate::agent;
use cutover_lab::{MongoOracle, MongoStep, Oracle, Step, now};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How old a sample behind a go may be under the tests' configuration (three intervals of 2 s), and a second for the
/// watcher's own rounds.
const BELIEVED: Duration = Duration::from_millis(3 * 2000 + 1000);

/// Whoever knows what is safe, without asking the agent.
pub(crate) trait Truth: Clone + Send + 'static {
    /// The steps it knows.
    fn steps(&self) -> Vec<&'static str>;
    /// Why a step is not safe now; empty where it is.
    fn unsafe_reasons(&self, step: &str) -> Vec<String>;
    /// Writes into its timeline.
    fn note(&self, text: String);
    /// What happened so far.
    fn timeline(&self) -> String;
}

impl Truth for Oracle {
    fn steps(&self) -> Vec<&'static str> {
        KAFKA.iter().map(|(name, _)| *name).collect()
    }

    fn unsafe_reasons(&self, step: &str) -> Vec<String> {
        KAFKA.iter().filter(|(name, _)| *name == step).flat_map(|(_, s)| Oracle::unsafe_reasons(self, *s)).collect()
    }

    fn note(&self, text: String) {
        Oracle::note(self, text);
    }

    fn timeline(&self) -> String {
        Oracle::timeline(self).to_string()
    }
}

impl Truth for MongoOracle {
    fn steps(&self) -> Vec<&'static str> {
        MONGODB.iter().map(|(name, _)| *name).collect()
    }

    fn unsafe_reasons(&self, step: &str) -> Vec<String> {
        let of = |s: &MongoStep| MongoOracle::unsafe_reasons(self, *s);
        MONGODB.iter().filter(|(name, _)| *name == step).flat_map(|(_, s)| of(s)).collect()
    }

    fn note(&self, text: String) {
        MongoOracle::note(self, text);
    }

    fn timeline(&self) -> String {
        MongoOracle::timeline(self).to_string()
    }
}

const KAFKA: [(&str, Step); 4] = [
    ("switch-producers", Step::SwitchProducers),
    ("stop-consumers", Step::StopConsumers),
    ("start-consumers", Step::StartConsumers),
    ("retire-source", Step::RetireSource),
];
const MONGODB: [(&str, MongoStep); 5] = [
    ("start-mirror", MongoStep::StartMirror),
    ("switch-readers", MongoStep::SwitchReaders),
    ("stop-writers", MongoStep::StopWriters),
    ("stop-mirror", MongoStep::StopMirror),
    ("start-writers", MongoStep::StartWriters),
];

/// The watchers; stop them with [`Watch::finish`].
pub(crate) struct Watch<T: Truth> {
    stop: Arc<AtomicBool>,
    found: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<BTreeMap<&'static str, (u64, u64)>>>,
    thread: Option<JoinHandle<()>>,
    oracle: T,
}

impl<T: Truth> Watch<T> {
    /// Starts watching the agent at `url`.
    pub(crate) fn start(url: &str, oracle: &T) -> Watch<T> {
        let stop = Arc::new(AtomicBool::new(false));
        let found = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let (s, f, a, o, url) = (stop.clone(), found.clone(), asked.clone(), oracle.clone(), url.to_owned());
        let thread = std::thread::spawn(move || watch(&url, &o, &s, &f, &a));
        Watch { stop, found, asked, thread: Some(thread), oracle: oracle.clone() }
    }

    /// Ends it: an error with the whole timeline if there was a false go, or if nothing was watched.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(t) = self.thread.take() {
            t.join().map_err(|_| "the watcher panicked".to_owned())?;
        }
        let found = self.found.lock().map_err(|e| e.to_string())?;
        let asked = self.asked.lock().map_err(|e| e.to_string())?;
        println!("asked and go while pending: {asked:?}");
        // A claim follows a go so closely that the watcher may miss some of them, but not all.
        if asked.len() < 4 || asked.values().map(|(_, go)| go).sum::<u64>() == 0 {
            return Err(format!("a step was never watched, or no go was seen: {asked:?}\n{}", self.oracle.timeline()));
        }
        if found.is_empty() { Ok(()) } else { Err(format!("{}\n{}", found.join("\n"), self.oracle.timeline())) }
    }
}

impl<T: Truth> Drop for Watch<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A reason without its numbers, which may change while it stands.
fn kind(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn watch(
    url: &str,
    oracle: &impl Truth,
    stop: &AtomicBool,
    found: &Mutex<Vec<String>>,
    asked: &Mutex<BTreeMap<&'static str, (u64, u64)>>,
) {
    let steps = oracle.steps();
    // Since when each reason has been there: one that comes as another goes has its own time to be seen.
    let mut unsafe_since: BTreeMap<&'static str, BTreeMap<String, Instant>> = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        for &step in &steps {
            let reasons = oracle.unsafe_reasons(step);
            let kinds: BTreeSet<String> = reasons.iter().map(|r| kind(r)).collect();
            let since = unsafe_since.entry(step).or_default();
            since.retain(|kind, _| kinds.contains(kind));
            for kind in kinds {
                since.entry(kind).or_insert_with(now);
            }
            let since = since.values().min().copied();
            // The agent may be down: some tests kill it.
            let Ok(a) = agent::ask(url, "ready", step) else { continue };
            let pending_go = a.is_go() && matches!(a.life(), "pending" | "out-of-order");
            if let Ok(mut asked) = asked.lock() {
                let n = asked.entry(step).or_insert((0, 0));
                *n = (n.0 + 1, n.1 + u64::from(pending_go));
            }
            let late = since.is_some_and(|s| now() - s > BELIEVED);
            if pending_go && late {
                oracle.note(format!("FALSE GO for {}: {}", step, reasons.join("; ")));
                if let Ok(mut f) = found.lock() {
                    f.push(format!("false go for {}: {}\n{:#}", step, reasons.join("; "), a.body));
                }
            }
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}
