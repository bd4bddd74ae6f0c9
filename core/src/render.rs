//! Findings in words: one line a person can act on. Rendered only when served.

use crate::Name;
use crate::gate::board::{Answer, CheckBoard, Verdict};
use crate::reading::{Code, Finding, Qty, Reading, Subject, Tri};
use crate::time::Wall;
use std::fmt::Write;

/// A finding in a sentence: what, where, measured against which limit.
pub fn sentence(f: &Finding) -> String {
    let mut s = said(f);
    if let Some(d) = &f.detail
        && !DETAIL_SAID.contains(&f.code)
    {
        let _ = write!(s, ": {d}");
    }
    s
}

/// Codes whose sentence holds the detail already.
const DETAIL_SAID: &[Code] = &[
    Code::EmptySet,
    Code::Predecessor,
    Code::SameCluster,
    Code::NotEmptyGroup,
    Code::StillWritten,
    Code::NotConfirmed,
    Code::Draining,
    Code::Attached,
];

fn said(f: &Finding) -> String {
    let at = subject(&f.at);
    let seen = f.observed.as_ref().map(quantity).unwrap_or_default();
    let limit = f.limit.as_ref().map(quantity).unwrap_or_default();
    let detail = f.detail.as_deref().unwrap_or_default();
    match f.code {
        Code::Ok if at.is_empty() => "holds".to_owned(),
        Code::Ok => format!("{at}: holds"),
        Code::Confirmed => format!("{at} confirmed by a person").trim_start().to_owned(),
        Code::Accepted => format!("{at}: taken off the list by accept-offset"),
        Code::Phantom => format!("{at}: only {seen} before the end, nothing left to read"),
        Code::Estimate => format!("{at} takes {seen}"),
        Code::Relaxed => format!("{at} relaxed by the configuration").trim_start().to_owned(),
        Code::NeverSampled => format!("{at} has not been sampled yet"),
        Code::Stale => format!("{at} is not measured now").trim_start().to_owned(),
        Code::Unreachable => format!("{at} cannot be reached"),
        Code::Timeout => format!("{at} does not answer in time"),
        Code::Tls => format!("{at}: TLS failed"),
        Code::Auth => format!("{at} does not accept the credentials"),
        Code::Privilege => format!("{at}: the agent is not allowed to read it"),
        Code::Protocol => format!("{at}: the answer could not be understood").trim_start_matches(": ").to_owned(),
        Code::Server => format!("{at} answered with an error"),
        Code::Partial => format!("{at}: part of the reading is missing").trim_start_matches(": ").to_owned(),
        Code::Order => format!("{at}: read in an order that could hide something"),
        Code::NotBuilt => format!("{at} is not measured by this version").trim_start().to_owned(),
        Code::OtherCluster => format!("{at} is another cluster than the one the migration began on"),
        Code::EmptySet => format!("there are no {detail}, so nothing is proven"),
        Code::NeverSeen if at.is_empty() => "never seen".to_owned(),
        Code::NeverSeen => format!("{at} was never seen"),
        Code::NoAnchor => format!("{at}: the value it is held against is missing"),
        Code::NotMeasured => format!("{at} is not measured").trim_start().to_owned(),
        Code::NotConfirmed => format!("{at} is not confirmed: {detail}"),
        Code::SameCluster => format!("source and destination are the same cluster, {detail}"),
        Code::BrokerUnreachable => format!("{at} does not answer at its advertised address"),
        Code::Hidden if matches!(f.at, Subject::Topic(..)) => {
            format!("{at} is not in the list of topics that the agent gets")
        }
        Code::Hidden => format!("{at} may hide groups from the agent: it lacks Describe on the cluster"),
        Code::MissingTopic => format!("{at} does not exist"),
        Code::PartitionsDiffer => format!("{at} has {seen} instead of {limit}"),
        Code::ConfigDiffers => format!("{at} is configured otherwise"),
        Code::RetentionShort => format!("{at} keeps records for {seen}, less than {limit}"),
        Code::NotEmpty => format!("{at} holds {seen}"),
        Code::LeftoverCommit => format!("{at} has an offset committed ({seen}) from before"),
        Code::Attached => format!("{at} is attached: member {detail}"),
        Code::Undeclared => format!("{at} was written by a producer that is not declared"),
        Code::Unclassified => format!("{at} grows and is of no class: who writes it is not known"),
        Code::StillWritten if seen.is_empty() => format!("{at} is still written: {detail}"),
        Code::StillWritten => format!("{at} was written {seen} ago by {detail}, must be silent for {limit}"),
        Code::OpenTransaction if seen.is_empty() => format!("{at} has an open transaction"),
        Code::OpenTransaction => format!("{at} has an open transaction ({seen})"),
        Code::CadenceUnknown => format!("how long {at} may be silent between two writes is not known"),
        Code::NotGrown => format!("{at} has not been written since the producers were switched"),
        Code::Draining if detail.is_empty() => format!("{at} is {seen}"),
        Code::Draining => format!("{at} is {seen}; {detail}"),
        Code::Stuck => format!("{at} is {seen} and not getting less"),
        Code::Abandoned => format!("{at} is {seen}, and nobody is there to read"),
        Code::NeverCommitted => format!("{at} has no committed offset, and there are {seen}"),
        Code::Lost => format!("{at}: {seen} expired unread"),
        Code::Recreated => format!("{at} was recreated since it was first seen"),
        Code::Vanished => format!("{at} is gone"),
        Code::NotRead => format!("{at} holds {seen} and is read by no group"),
        Code::Advancing => format!("{at} is being read"),
        Code::NotEmptyGroup => format!("{at} has no member but is {detail}, not Empty"),
        Code::NotSeeded => format!("{at} is not seeded"),
        Code::NotAttached => format!("{at} has nobody attached"),
        Code::CatchingUp => format!("{at} is at {seen}, to reach {limit}"),
        Code::Skipped => format!("{at} may have skipped records that lay there before it attached"),
        Code::Moved => format!("{at} moved: {seen}, {limit}"),
        Code::Trimmed => format!("{at} lost records from the recorded start on: {seen}, {limit}"),
        Code::Unexpired => format!("{at} holds {seen} that expire at {limit}"),
        Code::NeverExpires => format!("{at} never expires by itself"),
        Code::StillThere => format!("{at} is still there"),
        Code::NoPrimary => format!("{at} has no primary"),
        Code::UnsupportedVersion => format!("{seen} is outside what the mirror is made for ({limit})"),
        Code::NotCovered => format!("{at} is carried by no mirror"),
        Code::CoveredTwice => format!("{at} is carried by more than one mirror"),
        Code::SpanningTransaction => "a transaction wrote what is carried apart".to_owned(),
        Code::NotMirrorable => format!("{at} cannot be carried by the mirror"),
        Code::WindowShort => format!("the oplog window is {seen}, the copy may need {limit}"),
        Code::MirrorError => format!("{at} reports an error"),
        Code::MirrorStage => format!("{at} is in stage {seen}, must be in {limit}"),
        Code::Behind => format!("{at} is at {seen}, must be at {limit}"),
        Code::HeadroomShort => format!("{at} has {seen} left in the oplog, must have {limit}"),
        Code::ForeignPosition => format!("the position of {at} does not lie in the source's oplog"),
        Code::Writable => format!("{at} can be written by anybody with the right to"),
        Code::WriteBlocked => format!("{at} blocks user writes"),
        Code::Connected => format!("{at} is still connected"),
        Code::NotConnected => format!("{at} is not connected"),
        Code::UnmatchedClient => format!("{at} is connected, and no rule says what it is"),
        Code::NoWriterRules => "no rule says who writes".to_owned(),
        Code::RecentWrite => format!("{at} was written {seen} ago, must be silent for {limit}"),
        Code::Unwritable => format!("{at} could be written for only {seen}, must be silent for {limit}"),
        Code::Written => format!("{at} was written at {seen}"),
        Code::NotWritten => format!("{at} has not been written since {limit}"),
        Code::RolledBack => format!("{at} ends at {seen}, before {limit} that was anchored"),
        Code::NotCommitted => format!("{at} has a majority commit point at {seen}, must be at {limit}"),
        Code::Missing => format!("{at} does not exist"),
        Code::Seen => at,
        Code::ProbeFails => format!("{at} does not pass"),
        Code::NotDeployed => format!("{at} has not been seen with home destination within {limit}"),
        Code::SourceHome => format!("{at} still runs at the source"),
        Code::FallingBehind => format!("{at} is {seen} behind, must be less than {limit} or catching up"),
        Code::StillCached => format!("{at} has moved, and an old answer may be kept for another {seen}"),
        Code::Differs => format!("{at} is not the same on both sides"),
        Code::CountDiffers => format!("{at} holds {seen}, the source {limit}"),
        Code::IndexBuild => format!("{at}: an index is being built"),
        Code::NoMajority => format!("{at} has no majority of healthy members"),
        Code::OffsetAhead => format!("{at} begins at {limit}, and a projection stores offset {seen}"),
        Code::ChangesWaiting => format!("{seen} are NEW or IN_PROGRESS"),
        Code::Dwelling if at.is_empty() => format!("true for {seen}, must be for {limit}"),
        Code::Dwelling if seen.is_empty() => format!("{at} has been watched for too short a time"),
        Code::Dwelling => format!("{at} has been silent for {seen} as far as watched, must be for {limit}"),
        Code::Predecessor => format!("{at} comes before and is not done ({detail})"),
        Code::After => format!("{at} must be done first"),
        Code::Pace => format!("{at} was done only {seen} ago, the pace is {limit}"),
        Code::OtherDowntime => format!("the {at} track is in its downtime"),
        Code::WayOut => format!("the downtime could not be ended: {at}"),
        Code::Tripwire => format!("since {at} was done this must stay true and is not"),
        Code::Undone => format!("{at} was done and is no longer true"),
        Code::OutOfOrder => format!("the effect of {at} was seen, and it was not go"),
        Code::Unclaimed => format!(
            "{at} looks done, and nobody claimed it: it was not go shortly before, or another step could be meant as well"
        ),
        Code::Hold => format!("held by {at}"),
        Code::AlreadyDone if seen.is_empty() => format!("{at} is done"),
        Code::AlreadyDone => format!("{at} is done since {seen}"),
        Code::AlreadyBegun => format!("{at} was begun at {seen} and is begun only once"),
        Code::NotBegun => format!("{at} is not begun"),
        Code::Journal => "facts cannot be written to the journal".to_owned(),
        Code::Expired => "the last evaluation is too old to be believed".to_owned(),
    }
}

fn subject(s: &Subject) -> String {
    let parts = |ps: &[i32]| match ps {
        [] => String::new(),
        [p] => format!(" partition {p}"),
        ps => {
            let shown: Vec<String> = ps.iter().take(8).map(i32::to_string).collect();
            let more = if ps.len() > 8 { format!(" and {} more", ps.len() - 8) } else { String::new() };
            format!(" partitions {}{more}", shown.join(", "))
        }
    };
    match s {
        Subject::Whole => String::new(),
        Subject::Side(side) => format!("the {side} Kafka"),
        Subject::Step(step) => (*step).to_owned(),
        Subject::Topic(side, t) => format!("topic {t} ({side})"),
        Subject::Partitions(side, t, ps) => format!("topic {t}{} ({side})", parts(ps)),
        Subject::Group(side, g) => format!("group {g} ({side})"),
        Subject::Pair(side, g, t, ps) => format!("group {g} on {t}{} ({side})", parts(ps)),
        Subject::Producer(p) => format!("producer {p}"),
        Subject::Broker(side, a) => format!("broker {a} ({side})"),
        Subject::Mongodb(side) => format!("the {side} MongoDB"),
        Subject::Namespace(side, ns) => format!("{ns} ({side})"),
        Subject::MongoMember(side, host) => format!("MongoDB member {host} ({side})"),
        Subject::Mirror(m) => format!("mirror {m}"),
        Subject::Probe(p) => format!("probe {p}"),
        Subject::Client(side, c) => format!("client {c} ({side})"),
        Subject::Thing(t) => t.to_string(),
    }
}

/// What is counted, in units that may say more than that: `records behind`, `when the consumers were stopped`.
const COUNTED: &[&str] = &["bytes", "changes", "documents", "markers", "members", "partitions", "producers", "records"];

/// A quantity with its unit.
pub fn quantity(q: &Qty) -> String {
    match q {
        Qty::Count(n, "") => grouped(*n),
        Qty::Count(1, unit) => {
            let one = |word| if COUNTED.contains(&word) { word.trim_end_matches('s') } else { word };
            format!("1 {}", unit.split(' ').map(one).collect::<Vec<_>>().join(" "))
        }
        Qty::Count(n, unit) => format!("{} {unit}", grouped(*n)),
        Qty::Time(d) => d.to_string(),
        Qty::At(w) => instant(*w),
        Qty::Words(w) => w.to_string(),
    }
}

/// Thousands apart by a thin gap: `1 204`.
fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    if n < 0 { format!("-{out}") } else { out }
}

/// An instant as RFC 3339 in UTC, whole seconds.
pub fn instant(w: Wall) -> String {
    jiff::Timestamp::from_second(w.0.div_euclid(1000))
        .map_or_else(|_| "an impossible instant".to_owned(), |t| t.to_string())
}

/// The finding that speaks for an answer: no before unknown, the order of steps before their checks.
pub fn chief(a: &Answer) -> Option<Finding> {
    // Of the unknown ones a check says more than what follows from it.
    let rank = |is: Tri, of_check: u8| if is == Tri::No { of_check } else { 3 - of_check };
    let blockers = a.blockers.iter().filter(|f| f.is != Tri::Yes).min_by_key(|f| rank(f.is, 0));
    let check = a.missing().min_by_key(|c| rank(c.chief_is(), 1));
    match (blockers, check) {
        (Some(f), Some(c)) if rank(f.is, 0) > rank(c.chief_is(), 1) => Some(c.chief()),
        (Some(f), _) => Some(f.clone()),
        (None, c) => c.map(CheckBoard::chief),
    }
}

/// A word as a person gives it: its name, then what it is about.
pub fn word(name: &str, subject: &[Name]) -> String {
    subject.iter().fold(name.to_owned(), |o, s| format!("{o} {s}"))
}

/// The chief finding in a sentence; one about a check as a whole names the check.
fn chief_sentence(a: &Answer, f: &Finding) -> String {
    let said = sentence(f);
    let of = a.checks.iter().find(|c| f.at == Subject::Whole && !c.left_out && c.is != Tri::Yes && c.chief() == *f);
    of.map_or_else(|| said.clone(), |c| format!("{}: {said}", c.check.id))
}

/// An answer in one line: `no-go (draining): group … is 1 204 records behind`.
pub fn answer(a: &Answer) -> String {
    match chief(a) {
        // What is done stays done, whatever its checks say later.
        Some(f) if a.verdict != Verdict::Go => {
            format!("{} ({}): {}", a.verdict.as_str(), f.code.as_str(), chief_sentence(a, &f))
        }
        _ => a.verdict.as_str().to_owned(),
    }
}

/// A reading in one line, with how many more findings there are.
pub fn reading(r: &Reading) -> String {
    let Some(f) = r.chief() else { return format!("holds for all {}", r.of) };
    let more = if r.bad > 1 { format!(" (and {} more)", r.bad - 1) } else { String::new() };
    format!("{}{more}", sentence(f))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::Side;

    #[test]
    fn instants_read_as_rfc_3339() {
        assert_eq!(instant(Wall(0)), "1970-01-01T00:00:00Z");
        assert_eq!(instant(Wall(1_795_377_599_999)), "2026-11-22T19:59:59Z");
        assert_eq!(instant(Wall(951_782_400_000)), "2000-02-29T00:00:00Z");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(1_204), "1 204");
        assert_eq!(grouped(-12), "-12");
        assert_eq!(grouped(1_000_000), "1 000 000");
    }

    #[test]
    fn the_sentence_of_a_drain_says_what_where_and_how_far() {
        let f = Finding::no(
            Code::Draining,
            Subject::Pair(crate::estate::Side::Source, "shop.rtu".into(), "shop.crm.ingestion".into(), vec![0, 3]),
        )
        .seen(Qty::Count(1204, "records behind"))
        .detail("falling 310/s, zero in about 4 s");
        assert_eq!(
            sentence(&f),
            "group shop.rtu on shop.crm.ingestion partitions 0, 3 (source) is 1 204 records behind; falling 310/s, \
             zero in about 4 s"
        );
    }

    fn readings(findings: Vec<Finding>) -> Reading {
        let each = findings.into_iter().map(|f| Reading::of(f, None));
        each.reduce(Reading::and).expect("one at least")
    }

    #[test]
    fn a_reading_says_its_chief_finding_and_how_many_more_there_are() {
        let no = |topic: &str| Finding::no(Code::MissingTopic, Subject::Topic(Side::Source, topic.into()));
        let yes = || Finding::yes(Code::Ok, Subject::Whole);
        assert_eq!(reading(&readings(vec![yes(), yes()])), "holds for all 2");
        assert_eq!(reading(&readings(vec![no("a")])), "topic a (source) does not exist");
        assert_eq!(reading(&readings(vec![no("a"), no("b"), yes()])), "topic a (source) does not exist (and 1 more)");
    }

    #[test]
    fn eight_partitions_are_named_and_the_rest_counted() {
        let of = |n: i32| subject(&Subject::Partitions(Side::Source, "t".into(), (0..n).collect()));
        assert_eq!(of(1), "topic t partition 0 (source)");
        assert_eq!(of(8), "topic t partitions 0, 1, 2, 3, 4, 5, 6, 7 (source)");
        assert_eq!(of(9), "topic t partitions 0, 1, 2, 3, 4, 5, 6, 7 and 1 more (source)");
    }

    #[test]
    fn what_holds_is_said_of_something_or_of_nothing() {
        assert_eq!(sentence(&Finding::yes(Code::Ok, Subject::Whole)), "holds");
        assert_eq!(sentence(&Finding::yes(Code::Ok, Subject::Step("stop-mirror"))), "stop-mirror: holds");
    }

    #[test]
    fn one_of_anything_is_said_in_the_singular() {
        let one = |unit| quantity(&Qty::Count(1, unit));
        assert_eq!([one("records behind"), one("documents")], ["1 record behind", "1 document"]);
        assert_eq!(one("markers or aborted records"), "1 marker or aborted record");
        assert_eq!(
            one("when the consumers were stopped"),
            "1 when the consumers were stopped",
            "an offset, not a number"
        );
        assert_eq!(quantity(&Qty::Count(2, "records")), "2 records");
    }

    #[test]
    fn what_is_not_measured_is_not_said() {
        let at = || Subject::Topic(Side::Source, "t".into());
        let said = |f: Finding| sentence(&f);
        let seen = Qty::Count(2, "producers");
        assert_eq!(said(Finding::no(Code::OpenTransaction, at())), "topic t (source) has an open transaction");
        assert_eq!(
            said(Finding::no(Code::OpenTransaction, at()).seen(seen)),
            "topic t (source) has an open transaction (2 producers)"
        );
        assert_eq!(
            said(Finding::no(Code::StillWritten, at()).detail("crm-cdc")),
            "topic t (source) is still written: crm-cdc"
        );
        let step = || Finding::no(Code::AlreadyDone, Subject::Step("stop-mirror"));
        assert_eq!(said(step()), "stop-mirror is done");
        assert_eq!(said(step().seen(Qty::At(Wall(0)))), "stop-mirror is done since 1970-01-01T00:00:00Z");
    }
}
