//! The agent against the real estate: the lab plays the operator, its oracle knows what is safe.
//!
//! One pair of clusters is shared by the tests, each with its own prefix, data directory and agent; a test that stops or
//! pauses a broker has a pair of its own. Any go that the oracle calls unsafe fails the test with the whole timeline.

mod agent;
mod asked;
mod claims;
mod mongo_claims;
mod mongo_polling;
mod mongo_rights;
mod poller;
mod rights;
mod silence;
mod watch;
mod whole;

use cutover_lab::Pair;
use libtest_mimic::{Arguments, Failed, Trial};
use std::sync::{Arc, OnceLock};

/// What a test needs of the estate that all share.
#[derive(Clone, Default)]
pub(crate) struct Estate(Arc<OnceLock<Result<Arc<Pair>, String>>>);

impl Estate {
    /// The pair, started by whoever asks first.
    pub(crate) fn pair(&self) -> Result<Arc<Pair>, String> {
        self.0
            .get_or_init(|| Pair::start().map(Arc::new).map_err(|e| format!("the estate does not start: {e}")))
            .clone()
    }
}

fn main() -> std::process::ExitCode {
    // The lab starts this very program wherever it needs a mirror.
    if let Some(code) = cutover_lab::mirror_if_asked() {
        return code;
    }
    let mut args = Arguments::from_args();
    // Two at a time: each runs an agent and a dozen clients on a small machine.
    args.test_threads = args.test_threads.or(Some(2));
    let estate = Estate::default();
    let test = |name: &str, run: fn(&Estate) -> Result<(), String>| {
        let estate = estate.clone();
        Trial::test(name, move || run(&estate).map_err(Failed::from))
    };
    let trials = vec![
        test("kafka_by_claims", claims::run),
        test("kafka_by_polling", poller::run),
        test("kafka_source_falls_silent", silence::run),
        test("kafka_rights_and_connections", rights::run),
        test("mongodb_rights", mongo_rights::run),
        test("mongodb_by_claims", mongo_claims::run),
        test("mongodb_by_polling_and_elections", mongo_polling::run),
        test("whole_services_mongodb_kafka", whole::services_first),
        test("whole_kafka_mongodb_services", whole::services_last),
        test("whole_joint_second_attempt", whole::joint),
    ];
    let conclusion = libtest_mimic::run(&args, trials);
    // Dropping the estate stops its servers.
    drop(estate);
    conclusion.exit_code()
}
