//! The agent itself: its pulse, where it listens, what it keeps, who may speak to it.

use super::error::quoted;
use super::read::At;
use super::secret::{self, Secret};
use super::values::duration_text;
use cutover_core::Name;
use cutover_core::time::Dur;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The agent itself.
#[derive(Debug)]
pub(crate) struct AgentConfig {
    /// Where it answers.
    pub(crate) listen: SocketAddr,
    /// Where its journal is.
    pub(crate) data_dir: PathBuf,
    /// A file whose presence holds every step.
    pub(crate) hold_file: Option<PathBuf>,
    /// Who may begin, hold, confirm and so on; the name is the author.
    pub(crate) tokens: BTreeMap<Name, Secret>,
}

/// How often a target is asked, and how long it may take.
#[derive(Copy, Clone, Debug)]
pub(super) struct Pulse {
    /// Between two samples of a target.
    pub(super) interval: Dur,
    /// For one request.
    pub(super) timeout: Dur,
}

impl Pulse {
    /// The interval of one kind of target: its own, or the agent's.
    pub(super) fn interval(self, at: &At<'_>) -> Dur {
        match at.duration(SHORTEST..=LONGEST) {
            Some(own) => {
                self.check(at, own);
                own
            }
            None => {
                if !at.given() {
                    at.hold_from(duration_text(self.interval), "agent.interval");
                }
                self.interval
            }
        }
    }

    fn check(self, at: &At<'_>, interval: Dur) {
        if self.timeout >= interval {
            let (timeout, interval) = (duration_text(self.timeout), duration_text(interval));
            at.fail(format!("is {interval}, but must be longer than a request may take: `agent.timeout` is {timeout}"));
        }
    }
}

const SHORTEST: Dur = Dur(500);
const LONGEST: Dur = Dur::mins(5);

/// Reads the section.
pub(super) fn read(at: &At<'_>) -> (AgentConfig, Pulse) {
    let interval = at.get("interval").duration(SHORTEST..=LONGEST);
    let timeout = at.get("timeout").duration(Dur(100)..=LONGEST);
    if let (Some(interval), Some(timeout)) = (interval, timeout)
        && timeout >= interval
    {
        let (t, i) = (duration_text(timeout), duration_text(interval));
        if at.get("timeout").given() {
            at.get("timeout").fail(format!("is {t}, but must be shorter than `agent.interval`, which is {i}"));
        } else {
            at.get("interval").fail(format!("is {i}, but must be longer than `agent.timeout`, which is {t}"));
        }
    }
    let listen = at.get("listen");
    let parse = |text: &str| {
        text.parse::<SocketAddr>().map_err(|_| {
            format!("came {}; expected an address and a port, as in 127.0.0.1:9820 or [::]:9820", quoted(text))
        })
    };
    let text = listen.checked(|text| parse(text).map(|_| ()));
    let agent = AgentConfig {
        listen: text.and_then(|text| parse(&text).ok()).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 9820))),
        data_dir: at.get("data_dir").text().map_or_else(PathBuf::new, |text| PathBuf::from(&*text)),
        hold_file: at.get("hold_file").text().map(|text| PathBuf::from(&*text)),
        tokens: secret::tokens(&at.get("tokens")),
    };
    // A wrong pulse contradicts nothing else, so that one mistake is one error.
    let pulse = match (interval, timeout) {
        (Some(interval), Some(timeout)) if timeout < interval => Pulse { interval, timeout },
        _ => Pulse { interval: Dur::ZERO, timeout: Dur::ZERO },
    };
    (agent, pulse)
}
