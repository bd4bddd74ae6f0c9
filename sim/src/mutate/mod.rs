//! Mutations: one rule of the sampler, the settings, the journal, the gate or the board's reader broken on purpose. The
//! proof is worth something only if it catches them.

mod all;
mod reader;
mod samples;

pub use all::{ALL, APART, Mutation};
pub use samples::Around;

use crate::sampler::{ORDER, Part};
use crate::sampler_mongodb::Part as MongoPart;
use cutover_core::facts::Fact;
use cutover_core::playbook::{Step, Use};
use cutover_core::settings::{Settings, Track};
use cutover_core::time::Dur;

impl Mutation {
    /// Whether nothing unsafe can come of it: what forgets what was anchored leaves the checks that rest on it unknown
    /// (`no-anchor`), and the migration gets stuck. Being stuck is a catch of these only.
    pub fn fails_safe(self) -> bool {
        matches!(self, Mutation::ForgetAnchors | Mutation::ForgetStarts)
    }

    /// Whether only migrations with the services track can show it.
    pub fn is_of_services(self) -> bool {
        use Mutation::{AbsentIgnored, CachedIgnored, FallingBehindIgnored, HomesMistaken, ProbesIgnored};
        use Mutation::{SourceHomeIgnored, TtlHidden, UndoneIgnored};
        let of_homes = matches!(self, SourceHomeIgnored | AbsentIgnored | HomesMistaken | FallingBehindIgnored);
        of_homes || matches!(self, ProbesIgnored | TtlHidden | CachedIgnored | UndoneIgnored)
    }

    /// The order in which the parts of a sample are read.
    pub fn order(self) -> [Part; 8] {
        match self {
            Mutation::OrderReversed => [
                Part::Metadata,
                Part::Producers,
                Part::Low,
                Part::High,
                Part::Stable,
                Part::List,
                Part::Describe,
                Part::Commits,
            ],
            _ => ORDER,
        }
    }

    /// The order in which the parts of a sample of MongoDB are read.
    pub fn order_of_mongodb(self) -> [MongoPart; 5] {
        use MongoPart::{Clients, Ends, Status, Topology, Writes};
        match self {
            Mutation::WritesFirst => [Topology, Ends, Writes, Clients, Status],
            _ => crate::sampler_mongodb::ORDER,
        }
    }

    /// Breaks the settings.
    pub fn settings(self, s: &mut Settings) {
        match self {
            Mutation::NoDwell => {
                // A rehearsal may be faster: everything is divided, cadences are not.
                s.faster = 1_000;
                if let Some(k) = s.kafka.as_mut() {
                    k.session_timeout = Dur::ZERO;
                    k.producers.values_mut().for_each(|p| p.cadence = p.cadence.map(|c| Dur(c.0 * 1_000)));
                }
            }
            Mutation::NoSettings | Mutation::NoFloors => nothing_dwells(s),
            Mutation::NoCadence => {
                let producers = s.kafka.iter_mut().flat_map(|k| k.producers.values_mut());
                producers.for_each(|p| p.cadence = Some(Dur::ZERO));
            }
            Mutation::StaleBelieved => {
                let longer = |d: &mut Dur| *d = Dur(d.0 * 10);
                s.kafka.iter_mut().for_each(|k| longer(&mut k.interval));
                s.mongodb.iter_mut().for_each(|m| longer(&mut m.interval));
                s.probes.values_mut().for_each(|p| longer(&mut p.interval));
            }
            _ => {}
        }
    }

    /// Whether the journal loses a fact.
    pub fn forgets(self, f: &Fact) -> bool {
        match self {
            Mutation::ForgetPairs => matches!(f, Fact::Pair { .. }),
            Mutation::ForgetAnchors => matches!(f, Fact::SourceEnd { .. } | Fact::LastWrite { .. }),
            Mutation::ForgetStarts => matches!(f, Fact::RecordedStart { .. } | Fact::Empty { .. }),
            _ => false,
        }
    }
}

/// Every `for` is configured to be nothing.
fn nothing_dwells(s: &mut Settings) {
    let mut all = |track: Track, counts: fn(&Step, &Use) -> bool| {
        for step in cutover_core::playbook::steps(track) {
            let uses = step.ready.iter().chain(step.done).filter(|u| counts(step, u));
            s.dwell.extend(uses.map(|u| ((step.id.into(), u.check.id.into()), Dur::ZERO)));
        }
    };
    // When the writers have started for long enough is a matter of taste.
    all(Track::Mongodb, |step, u| !step.way_back && u.check.id != "writers-started");
    all(Track::Kafka, |_, u| u.check.id != "drained");
}
