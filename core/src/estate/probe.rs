//! What a probe came back with, and what is remembered of its answers.

use super::Failure;
use crate::Name;
use crate::time::{Dur, Mono, Span};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One look of a probe. A failure to connect is an answer of a TCP or HTTP probe (it does not pass), and a failure of
/// the sample only where nothing was learned of what it asks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProbeSample {
    /// What it asks holds.
    pub pass: bool,
    /// What came back, in a few words.
    pub said: Name,
    /// Whole days until the certificate that was shown expires.
    pub certificate_days: Option<i64>,
    /// What each resolver answers, for a probe of names.
    pub names: BTreeMap<Name, Result<NameAnswer, Failure>>,
}

/// What a resolver answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NameAnswer {
    /// The addresses.
    pub addresses: BTreeSet<Name>,
    /// How long the answer may be kept from now on.
    pub ttl: Dur,
    /// All of them are expected ones.
    pub expected: bool,
}

/// What is remembered of a probe.
#[derive(Clone, Debug, Default)]
pub struct ProbeMemory {
    /// The newest good sample.
    pub(crate) last: Option<(Span, ProbeSample)>,
    /// The longest any resolver has ever let its answer be kept.
    pub(crate) longest: Dur,
    /// Since when every resolver has given expected addresses only.
    pub(crate) since: Option<Mono>,
    /// When the newest sample in which all of them did was asked for.
    pub(crate) all: Option<Mono>,
    /// Gaps between two such samples and when each was over, the longest first: nobody knows what was answered in them.
    /// One that an equally long one followed matters no more.
    pub(crate) gaps: Vec<(Dur, Mono)>,
}

impl ProbeMemory {
    /// The newest good sample and its span.
    pub fn last(&self) -> Option<(Span, &ProbeSample)> {
        self.last.as_ref().map(|(s, p)| (*s, p))
    }

    /// How long an answer given before the names moved can still be kept, counted from `now`, where one was ever allowed to
    /// be kept for `longest`; `None` while not every resolver answers with the expected addresses. After a gap longer than
    /// `believed`, in which not all of them were heard, it counts anew.
    pub fn cached_for(&self, now: Mono, longest: Dur, believed: Dur) -> Option<Dur> {
        let torn = self.gaps.iter().rev().find(|(gap, _)| *gap > believed).map(|(_, over)| *over);
        let since = self.since.map(|s| torn.map_or(s, |t| t.max(s)));
        since.map(|s| (self.longest.max(longest) - (now - s)).max(Dur::ZERO))
    }

    pub(super) fn apply(&mut self, span: Span, sample: ProbeSample) {
        if self.last.as_ref().is_some_and(|(s, _)| span.sent < s.received) {
            return;
        }
        let answers = || sample.names.values().filter_map(|a| a.as_ref().ok());
        self.longest = answers().map(|a| a.ttl).chain([self.longest]).max().unwrap_or_default();
        // A resolver that did not answer neither proves nor disproves anything of what it gave before.
        if answers().any(|a| !a.expected) {
            self.forget_spans();
        } else if !sample.names.is_empty() && sample.names.values().all(Result::is_ok) {
            self.since.get_or_insert(span.received);
            if let Some(before) = self.all.replace(span.sent) {
                let gap = span.sent - before;
                self.gaps.retain(|(longer, _)| *longer > gap);
                self.gaps.push((gap, span.received));
            }
        }
        self.last = Some((span, sample));
    }

    pub(super) fn forget_spans(&mut self) {
        (self.since, self.all) = (None, None);
        self.gaps.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(expected: &[bool], ttl: i64) -> ProbeSample {
        let answer = |e: bool| NameAnswer { addresses: BTreeSet::new(), ttl: Dur::secs(ttl), expected: e };
        ProbeSample {
            pass: expected.iter().all(|e| *e),
            said: "".into(),
            certificate_days: None,
            names: expected.iter().enumerate().map(|(i, e)| (format!("r{i}").into(), Ok(answer(*e)))).collect(),
        }
    }

    fn at(t: i64) -> Span {
        Span { sent: Mono(t * 1000), received: Mono(t * 1000 + 10) }
    }

    #[test]
    fn an_old_answer_may_be_kept_for_the_longest_time_ever_given() {
        let mut m = ProbeMemory::default();
        m.apply(at(0), look(&[false, true], 300));
        let believed = Dur::hours(1);
        assert_eq!(m.cached_for(Mono(0), Dur::ZERO, believed), None);
        m.apply(at(10), look(&[true, true], 20));
        assert_eq!(m.cached_for(Mono(10_010), Dur::ZERO, believed), Some(Dur::secs(300)));
        assert_eq!(m.cached_for(Mono(400_000), Dur::ZERO, believed), Some(Dur::ZERO));
        m.apply(at(500), look(&[true, false], 20));
        assert_eq!(m.cached_for(Mono(900_000), Dur::ZERO, believed), None);
    }

    #[test]
    fn names_have_moved_when_every_resolver_says_so_and_there_is_one() {
        let since = |looks: Vec<(i64, ProbeSample)>| {
            let mut m = ProbeMemory::default();
            looks.into_iter().for_each(|(sent, l)| m.apply(Span { sent: Mono(sent), received: Mono(sent + 10) }, l));
            m.since.map(|t| t.0)
        };
        assert_eq!(since(vec![(0, look(&[], 0))]), None, "no resolver at all");
        let mut one_failed = look(&[true, true], 20);
        let failed = crate::estate::Failure::new(crate::estate::FailureKind::Timeout, "no answer");
        one_failed.names.insert("r1".into(), Err(failed));
        assert_eq!(since(vec![(0, one_failed.clone())]), None, "one of them was not heard");
        assert_eq!(since(vec![(0, one_failed), (1_000, look(&[true, true], 20))]), Some(1_010));
        // What was asked for before the newest had come in says nothing.
        let newer = || (5_000, look(&[true], 20));
        assert_eq!(since(vec![newer(), (5_009, look(&[false], 20))]), Some(5_010));
        assert_eq!(since(vec![newer(), (5_010, look(&[false], 20))]), None);
    }

    #[test]
    fn what_was_answered_while_nobody_was_heard_is_unknown() {
        let mut m = ProbeMemory::default();
        for t in [0, 10, 20, 100, 110, 135, 145] {
            m.apply(at(t), look(&[true, true], 300));
        }
        let left = |believed| m.cached_for(Mono(150_000), Dur::ZERO, Dur::secs(believed)).map(|d| d.0 / 1000);
        // Since the gap of 80 s, the gap of 25 s, and the beginning.
        assert_eq!((left(30), left(15), left(90)), (Some(250), Some(285), Some(150)));
        assert_eq!(m.gaps.len(), 3);
    }
}
