//! Mutations: one rule of the sampler, the settings, the journal or the board's reader broken on purpose. The proof is
//! worth something only if it catches them.

use crate::sampler::{ORDER, Part};
use crate::sampler_mongodb::Part as MongoPart;
use cutover_core::estate::kafka::{Ends, GroupKind, KafkaSample};
use cutover_core::estate::mongodb::{MirrorStatus, Transactions, Ts};
use cutover_core::estate::{Content, Failure, Sample, Side, Target};
use cutover_core::facts::Fact;
use cutover_core::gate::board::{Answer, Board, Verdict};
use cutover_core::playbook::Use;
use cutover_core::reading::{Code, Tri};
use cutover_core::settings::{Settings, Track};
use cutover_core::time::{Dur, Now, Span};

/// A rule broken on purpose.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Mutation {
    /// A partition that did not answer is taken to end where it is empty.
    FailedIsEmpty,
    /// A commit that could not be read is left out and the group taken to have nothing to read.
    FailedGroupDropped,
    /// KIP-848 groups are not listed.
    DropNextGenGroups,
    /// Groups without members are not listed.
    DropEmptyGroups,
    /// Log ends are read first, commits last, and the spans say otherwise.
    OrderReversed,
    /// The last stable offset is taken for the high watermark.
    StableIsHigh,
    /// A failed sample is replaced by the one before, stamped as fresh.
    StaleRestamped,
    /// Brokers that did not list their groups are passed over in silence.
    UnlistedIgnored,
    /// Nothing dwells, and a session timeout is no time.
    NoDwell,
    /// Cadences are not kept to.
    NoCadence,
    /// The journal forgets pairs.
    ForgetPairs,
    /// The journal forgets the ends anchored at stop-consumers.
    ForgetAnchors,
    /// The journal forgets recorded starts.
    ForgetStarts,
    /// A reader of the board does not look at its validity.
    ValidityIgnored,
    /// Every tail is proven to be empty.
    EveryTailEmpty,
    /// Members of groups are not shown.
    MembersHidden,
    /// Topics and clusters are known by their names, whatever their ids.
    KeysByName,
    /// The wall clock is made to follow the monotonic one: a suspend is not noticed.
    JumpsUnseen,
    /// What is not known is taken for go.
    UnknownIsGo,
    /// The order of the steps is not kept.
    AnyOrder,
    /// A breached tripwire stops nothing.
    TripwiresIgnored,
    /// The way out of a downtime is not looked for.
    NoWayOut,
    /// Consumers that were started before their time stop nothing: three rules guard against them.
    EarlyStartsIgnored,
    /// A done step may be done again.
    DoneAgain,
    /// An open transaction is nothing.
    TransactionsIgnored,
    /// Offsets need not be seeded.
    UnseededIsFine,
    /// A group that lags is drained.
    LagIsFine,
    /// Records and commits of tests at the destination are nothing.
    LeftoversIgnored,
    /// Producers nobody declared are nothing.
    UndeclaredIgnored,
    /// Retention is not waited for.
    NoRetention,
    /// Every `for` is configured to be nothing: the floors must hold, and nothing may come of it. Not in [`ALL`]; not of
    /// `drained`, which has a floor only where there are replicas.
    NoSettings,
    /// An empty set proves everything.
    EmptyIsFine,
    /// What transactions wrote is not looked for in them.
    TransactionsPacked,
    /// The sampler of MongoDB reads the oplog first, and the span says otherwise.
    WritesFirst,
    /// Positions are compared by whole seconds.
    SecondsOnly,
    /// A mirror's position is taken to be the oplog's end: it is at 0 s.
    LagIsZero,
    /// A mirror's error is nothing while it carries.
    MirrorErrorIgnored,
    /// A mirror that starts or copies carries.
    StageIgnored,
    /// A mirror whose port refuses is gone.
    RefusingIsGone,
    /// Clients of secondaries are not asked for.
    SecondariesHidden,
    /// Readers and writers on the source are not shown any more after a while.
    ClientsHidden,
    /// The source's clock is told to be ahead of itself: every write looks older than it is.
    ClockAhead,
    /// A mirror that is behind is drained.
    BehindIgnored,
    /// What no mirror carries is nothing.
    UncoveredIgnored,
    /// Transactions across mirrors are nothing.
    SpanningIgnored,
    /// Different data are equal.
    DifferenceIgnored,
    /// A list of collections is replaced by the one before, stamped as fresh.
    CatalogsRestamped,
    /// Writes past their anchor are nothing.
    MovedIgnored,
    /// What is not committed by a majority is.
    CommitIgnored,
    /// A write block at the destination, and an index build, are nothing.
    BlockIgnored,
    /// Another track's downtime stops nothing.
    OtherDowntimeIgnored,
    /// What a step comes after stops nothing.
    AfterIgnored,
    /// Every step but the last counts as having been go a moment ago, so that any effect begins it.
    EverythingWasGo,
    /// Whoever runs at the source is nobody.
    SourceHomeIgnored,
    /// Who is not deployed at the destination is not missed.
    AbsentIgnored,
    /// Probes that do not pass are nothing.
    ProbesIgnored,
    /// Members of groups at the source are shown as those of the destination.
    HomesMistaken,
    /// Resolvers do not say for how long an answer may be kept.
    TtlHidden,
}

/// All mutations that migrations catch. `OrderReversed` and `WritesFirst` lie about their spans by milliseconds, and
/// only timelines show it.
pub const ALL: [Mutation; 55] = [
    Mutation::FailedIsEmpty,
    Mutation::FailedGroupDropped,
    Mutation::DropNextGenGroups,
    Mutation::DropEmptyGroups,
    Mutation::StableIsHigh,
    Mutation::StaleRestamped,
    Mutation::UnlistedIgnored,
    Mutation::NoDwell,
    Mutation::NoCadence,
    Mutation::ForgetPairs,
    Mutation::ForgetAnchors,
    Mutation::ForgetStarts,
    Mutation::ValidityIgnored,
    Mutation::EveryTailEmpty,
    Mutation::MembersHidden,
    Mutation::KeysByName,
    Mutation::JumpsUnseen,
    Mutation::UnknownIsGo,
    Mutation::AnyOrder,
    Mutation::TripwiresIgnored,
    Mutation::NoWayOut,
    Mutation::EarlyStartsIgnored,
    Mutation::DoneAgain,
    Mutation::TransactionsIgnored,
    Mutation::UnseededIsFine,
    Mutation::LagIsFine,
    Mutation::LeftoversIgnored,
    Mutation::UndeclaredIgnored,
    Mutation::NoRetention,
    Mutation::EmptyIsFine,
    Mutation::EverythingWasGo,
    Mutation::TransactionsPacked,
    Mutation::SecondsOnly,
    Mutation::LagIsZero,
    Mutation::MirrorErrorIgnored,
    Mutation::StageIgnored,
    Mutation::RefusingIsGone,
    Mutation::SecondariesHidden,
    Mutation::ClientsHidden,
    Mutation::ClockAhead,
    Mutation::BehindIgnored,
    Mutation::UncoveredIgnored,
    Mutation::SpanningIgnored,
    Mutation::DifferenceIgnored,
    Mutation::CatalogsRestamped,
    Mutation::MovedIgnored,
    Mutation::CommitIgnored,
    Mutation::BlockIgnored,
    Mutation::OtherDowntimeIgnored,
    Mutation::AfterIgnored,
    Mutation::SourceHomeIgnored,
    Mutation::AbsentIgnored,
    Mutation::ProbesIgnored,
    Mutation::HomesMistaken,
    Mutation::TtlHidden,
];

impl Mutation {
    /// Whether only migrations with the services track can show it.
    pub fn is_of_services(self) -> bool {
        use Mutation::{AbsentIgnored, HomesMistaken, ProbesIgnored, SourceHomeIgnored, TtlHidden};
        matches!(self, SourceHomeIgnored | AbsentIgnored | ProbesIgnored | HomesMistaken | TtlHidden)
    }

    /// Findings that stop nothing any more.
    fn ignored(self) -> &'static [Code] {
        match self {
            Mutation::AnyOrder => &[Code::Predecessor],
            Mutation::TripwiresIgnored => &[Code::Tripwire],
            Mutation::NoWayOut => &[Code::WayOut],
            Mutation::EarlyStartsIgnored => &[Code::OutOfOrder, Code::WayOut, Code::Attached],
            Mutation::DoneAgain => &[Code::AlreadyDone, Code::AlreadyBegun],
            Mutation::TransactionsIgnored => &[Code::OpenTransaction],
            Mutation::UnseededIsFine => &[Code::NotSeeded, Code::WayOut],
            Mutation::LagIsFine => &[Code::Draining, Code::Stuck, Code::Abandoned],
            Mutation::LeftoversIgnored => &[Code::NotEmpty, Code::LeftoverCommit],
            Mutation::UndeclaredIgnored => &[Code::Undeclared],
            Mutation::NoRetention => &[Code::Unexpired],
            Mutation::EmptyIsFine => &[Code::EmptySet, Code::NeverSeen],
            Mutation::BehindIgnored => &[Code::Behind],
            Mutation::UncoveredIgnored => &[Code::NotCovered, Code::CoveredTwice],
            Mutation::SpanningIgnored => &[Code::SpanningTransaction],
            Mutation::DifferenceIgnored => {
                &[Code::Differs, Code::Missing, Code::CountDiffers, Code::Partial, Code::WayOut]
            }
            Mutation::MovedIgnored => &[Code::Moved, Code::Tripwire],
            Mutation::BlockIgnored => &[Code::WriteBlocked, Code::IndexBuild],
            Mutation::OtherDowntimeIgnored => &[Code::OtherDowntime],
            Mutation::AfterIgnored => &[Code::After],
            Mutation::SourceHomeIgnored => &[Code::SourceHome],
            Mutation::AbsentIgnored => &[Code::NotDeployed, Code::NotConnected],
            Mutation::ProbesIgnored => &[Code::ProbeFails],
            _ => &[],
        }
    }

    /// What somebody reads on the board.
    pub fn verdict(self, board: &Board, answer: &Answer, now: Now) -> Verdict {
        let said = board.verdict(answer, now);
        let again = self == Mutation::DoneAgain;
        match self {
            Mutation::ValidityIgnored => return answer.verdict,
            Mutation::UnknownIsGo if said == Verdict::Unknown => return Verdict::Go,
            _ if self.ignored().is_empty() || board.expired(answer, now) => return said,
            _ if answer.settled.is_some() && !again => return said,
            _ => {}
        }
        let nothing = |c: Code| self.ignored().contains(&c);
        let checks = answer.checks.iter().filter(|c| !c.advisory && (!c.left_out || again));
        let held = answer.blockers.iter().all(|f| f.is == Tri::Yes || nothing(f.code))
            && checks.into_iter().all(|c| c.is == Tri::Yes || nothing(c.chief().code));
        if held { Verdict::Go } else { said }
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
        if self == Mutation::NoDwell {
            // A rehearsal may be faster: everything is divided, cadences are not.
            s.faster = 1_000;
        }
        if self == Mutation::NoSettings && s.mongodb.is_some() {
            for step in cutover_core::playbook::steps(Track::Mongodb) {
                // When the writers have started for long enough is a matter of taste.
                let counts = |u: &&Use| !step.way_back && u.check.id != "writers-started";
                let uses = step.ready.iter().chain(step.done).filter(counts);
                s.dwell.extend(uses.map(|u| ((step.id.into(), u.check.id.into()), Dur::ZERO)));
            }
        }
        let Some(k) = s.kafka.as_mut() else { return };
        match self {
            Mutation::NoDwell => {
                k.session_timeout = Dur::ZERO;
                k.producers.values_mut().for_each(|p| p.cadence = p.cadence.map(|c| Dur(c.0 * 1_000)));
            }
            Mutation::NoSettings => {
                for step in cutover_core::playbook::steps(Track::Kafka) {
                    let uses = step.ready.iter().chain(step.done).filter(|u| u.check.id != "drained");
                    s.dwell.extend(uses.map(|u| ((step.id.into(), u.check.id.into()), Dur::ZERO)));
                }
            }
            Mutation::NoCadence => k.producers.values_mut().for_each(|p| p.cadence = Some(Dur::ZERO)),
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

    /// Breaks a sample on its way in; `last` is the last good one of that target and kind.
    pub fn sample(self, sample: &mut Sample, last: Option<&(Span, Result<Content, Failure>)>) {
        match (self, &sample.outcome, last) {
            (Mutation::StaleRestamped, Err(_), Some((_, old))) => {
                sample.outcome = old.clone();
                return restamp(sample);
            }
            (Mutation::CatalogsRestamped, Ok(Content::MongoCatalog(_)), Some((_, old))) => {
                sample.outcome = old.clone();
                return;
            }
            _ => {}
        }
        let side = match &sample.target {
            Target::Kafka(s) => *s,
            _ => return self.mongodb(sample),
        };
        match &mut sample.outcome {
            Ok(Content::Kafka(k)) => self.regular(side, k),
            Ok(Content::KafkaTails(t)) if self == Mutation::EveryTailEmpty => {
                t.tails.iter_mut().for_each(|t| t.records = Ok(0));
            }
            _ => {}
        }
    }

    fn mongodb(self, sample: &mut Sample) {
        let span = sample.span;
        let source = sample.target == Target::Mongodb(Side::Source);
        match &mut sample.outcome {
            Ok(Content::Probe(p)) if self == Mutation::TtlHidden => {
                p.names.values_mut().flatten().for_each(|a| a.ttl = Dur::ZERO);
            }
            Ok(Content::Mirror(m)) => {
                for MirrorStatus::Mongomirror(s) in m.instances.iter_mut().flatten() {
                    match self {
                        Mutation::SecondsOnly => s.position = s.position.map(|p| Ts(p.0 | 0xffff_ffff)),
                        Mutation::LagIsZero => {
                            let now = u32::try_from((crate::EPOCH + span.received.0) / 1000).unwrap_or(0);
                            s.position = s.position.map(|_| Ts::new(now, 1));
                        }
                        Mutation::MirrorErrorIgnored => s.error = None,
                        Mutation::StageIgnored => {
                            s.stage = "oplog sync".into();
                            s.position = s.position.or(Some(Ts::new(1_790_000_000, 1)));
                        }
                        _ => {}
                    }
                }
            }
            Ok(Content::Mongodb(m)) => match self {
                Mutation::SecondariesHidden => {
                    let seconds = m.members.values_mut().filter(|x| &*x.state == "SECONDARY");
                    seconds.for_each(|x| x.clients = Ok(Vec::new()));
                }
                Mutation::ClientsHidden if source && m.clock.0 > crate::EPOCH + 350_000 => {
                    for x in m.members.values_mut() {
                        if let Ok(clients) = &mut x.clients {
                            clients.retain(|c| !(c.app_name.starts_with("svc-") || c.app_name.starts_with("crud-")));
                        }
                    }
                }
                Mutation::ClockAhead if source => m.clock.0 += 600_000,
                Mutation::CommitIgnored => m.committed = m.oplog.as_ref().map(|o| o.last).map_err(Clone::clone),
                Mutation::TransactionsIgnored => m.transactions = Ok(Transactions::default()),
                Mutation::WritesFirst => m.scanned = Some(Span { sent: span.received, received: span.received }),
                _ => {}
            },
            _ => {}
        }
    }

    fn regular(self, side: Side, k: &mut KafkaSample) {
        match self {
            Mutation::FailedIsEmpty => {
                for p in k.topics.values_mut().flat_map(|t| t.partitions.values_mut()) {
                    if p.ends.is_err() {
                        p.ends = Ok(Ends { low: 0, high: 0, stable: 0, epoch: 1 });
                    }
                    if p.producers.is_err() {
                        p.producers = Ok(Vec::new());
                    }
                }
            }
            Mutation::FailedGroupDropped => {
                for g in k.groups.values_mut() {
                    if g.commits.is_err() || g.members.is_err() {
                        g.state = "Empty".into();
                        g.members = Ok(Vec::new());
                        if g.commits.is_err() {
                            g.commits = Ok(std::collections::BTreeMap::new());
                        }
                    }
                }
            }
            Mutation::DropNextGenGroups => k.groups.retain(|_, g| g.kind != GroupKind::Consumer),
            Mutation::DropEmptyGroups => k.groups.retain(|_, g| !g.members.as_ref().is_ok_and(Vec::is_empty)),
            Mutation::StableIsHigh => {
                for p in k.topics.values_mut().flat_map(|t| t.partitions.values_mut()) {
                    if let Ok(e) = &mut p.ends {
                        e.high = e.stable.max(e.low);
                    }
                    if let Ok(ps) = &mut p.producers {
                        ps.iter_mut().for_each(|p| p.in_transaction = false);
                    }
                }
            }
            Mutation::UnlistedIgnored => {
                k.unlisted.clear();
                k.brokers.values_mut().for_each(|b| b.reached = Ok(()));
                k.may_describe = Ok(true);
            }
            Mutation::OrderReversed => {
                if let (Some(c), Some(e)) = (k.committed, k.ended) {
                    let from = e.sent.min(c.sent);
                    k.committed = Some(Span { sent: from, received: from });
                    k.ended = Some(Span { sent: from, received: c.received.max(e.received) });
                }
            }
            Mutation::KeysByName => {
                k.cluster_id = if side == Side::Source { "old".into() } else { "new".into() };
                k.topics.values_mut().for_each(|t| t.id = uuid::Uuid::nil());
            }
            Mutation::HomesMistaken => {
                for m in k.groups.values_mut().filter_map(|g| g.members.as_mut().ok()).flatten() {
                    m.client_id = m.client_id.replace("-src-", "-dst-").into();
                }
            }
            Mutation::MembersHidden if side == Side::Source => {
                for g in k.groups.values_mut() {
                    if g.members.is_ok() {
                        g.members = Ok(Vec::new());
                        g.state = "Empty".into();
                    }
                }
            }
            _ => {}
        }
    }
}

/// Makes what was read before look as if it had been read now.
fn restamp(sample: &mut Sample) {
    let span = sample.span;
    match &mut sample.outcome {
        Ok(Content::Kafka(k)) => {
            k.listed = Some(span);
            k.committed = Some(Span { sent: span.sent, received: span.sent });
            k.ended = Some(span);
        }
        Ok(Content::Mongodb(m)) => (m.listed, m.scanned) = (Some(span), Some(span)),
        _ => {}
    }
}
