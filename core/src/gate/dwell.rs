//! How long a check has been true.

use crate::reading::{Reading, Tri};
use crate::time::{Dur, Mono};

/// How long a check has been true, without a gap, in samples.
#[derive(Clone, Debug, Default)]
pub struct Dwell {
    from: Option<Mono>,
    last: Option<Mono>,
    members: Vec<u64>,
    /// It was false once, and the samples since which it is not: true or not known.
    refuted: bool,
    not_false: Option<(Mono, Mono)>,
}

impl Dwell {
    /// Takes in what the check says of the newest samples.
    ///
    /// True extends it if the samples follow each other closely enough, and if the set looked at has gained nobody;
    /// false ends it; unknown neither feeds nor ends it, but the gap it leaves ages it.
    pub fn feed(&mut self, r: &Reading) {
        if let (true, true, Some(basis)) = (self.refuted, r.is != Tri::No, r.basis) {
            let gap = basis.until - basis.span.sent;
            let whole = self.not_false.filter(|(_, last)| basis.span.sent - *last <= gap);
            let from = whole.map_or(basis.span.received, |(from, _)| from);
            self.not_false = Some((from, basis.span.sent));
        }
        match r.is {
            Tri::No => *self = Dwell { refuted: true, ..Dwell::default() },
            Tri::Unknown => {}
            Tri::Yes => {
                let Some(basis) = r.basis else { return };
                let gap = basis.until - basis.span.sent;
                let torn = self.last.is_none_or(|l| basis.span.sent - l > gap);
                if self.from.is_none() || torn || gained(&self.members, &r.members) {
                    // The first sample proves nothing before its last answer: a dwell is never overstated.
                    self.from = Some(basis.span.received);
                    self.members.clone_from(&r.members);
                } else if self.members != r.members {
                    self.members.clone_from(&r.members);
                }
                self.last = Some(basis.span.sent);
            }
        }
    }

    /// For how long the check is proven to have been true, up to its newest true sample.
    pub fn held(&self) -> Dur {
        match (self.from, self.last) {
            (Some(f), Some(l)) => (l - f).max(Dur::ZERO),
            _ => Dur::ZERO,
        }
    }

    /// For how long it has not been false any more; `None` where it never was.
    pub fn unrefuted(&self) -> Option<Dur> {
        let held = self.not_false.map_or(Dur::ZERO, |(from, last)| (last - from).max(Dur::ZERO));
        self.refuted.then_some(held)
    }

    /// Forgets for how long anything has been so; not that it was false.
    pub fn forget(&mut self) {
        *self = Dwell { refuted: self.refuted, ..Dwell::default() };
    }

    /// Since when.
    pub fn since(&self) -> Option<Mono> {
        self.from
    }
}

/// Whether `new` has a member that `old` lacks; both sorted.
fn gained(old: &[u64], new: &[u64]) -> bool {
    new.iter().any(|m| old.binary_search(m).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Basis, Code, Finding, IfEmpty, Subject, each};
    use crate::time::Span;

    /// A reading of a sample sent at `t` seconds and answered a second later, over `members`.
    fn read(t: i64, is: Tri, members: &[u32]) -> Reading {
        let span = Span { sent: Mono(t * 1000), received: Mono((t + 1) * 1000) };
        let basis = Some(Basis { span, until: span.sent + Dur::secs(15) });
        each(basis, members.iter().map(|m| (*m, *m)), IfEmpty::Unknown("m"), |_| {
            Ok(match is {
                Tri::Yes => Finding::yes(Code::Ok, Subject::Whole),
                Tri::No => Finding::no(Code::Draining, Subject::Whole),
                Tri::Unknown => Finding::unknown(Code::Stale, Subject::Whole),
            })
        })
    }

    fn held(readings: &[Reading]) -> i64 {
        let mut d = Dwell::default();
        readings.iter().for_each(|r| d.feed(r));
        d.held().0 / 1000
    }

    #[test]
    fn it_counts_from_the_first_answer_to_the_newest_request() {
        assert_eq!(held(&[read(0, Tri::Yes, &[1])]), 0);
        assert_eq!(held(&[read(0, Tri::Yes, &[1]), read(5, Tri::Yes, &[1]), read(10, Tri::Yes, &[1])]), 9);
    }

    #[test]
    fn what_cannot_be_measured_any_more_was_false_a_while_ago() {
        let mut d = Dwell::default();
        let mut told = |readings: &[Reading]| {
            readings.iter().for_each(|r| d.feed(r));
            d.unrefuted().map(|d| d.0 / 1000)
        };
        let u = |t| read(t, Tri::Unknown, &[1]);
        assert_eq!(told(&[read(0, Tri::Yes, &[1]), u(5)]), None, "never false");
        assert_eq!(told(&[read(10, Tri::No, &[1])]), Some(0));
        assert_eq!(told(&[u(15), u(20), read(25, Tri::Yes, &[1])]), Some(9), "from an answer to a request");
        assert_eq!(told(&[u(41)]), Some(0), "nothing was looked at for longer than a sample is believed");
        assert_eq!(told(&[read(50, Tri::No, &[1]), u(55)]), Some(0));
        d.forget();
        assert_eq!(d.unrefuted(), Some(Dur::ZERO));
    }

    #[test]
    fn a_false_ends_it_and_an_unknown_only_ages_it() {
        let y = |t| read(t, Tri::Yes, &[1]);
        assert_eq!(held(&[y(0), read(5, Tri::No, &[1]), y(10), y(15)]), 4);
        assert_eq!(held(&[y(0), read(5, Tri::Unknown, &[1]), y(10)]), 9);
        let u = |t| read(t, Tri::Unknown, &[1]);
        assert_eq!(
            held(&[y(0), u(5), u(10), u(15), y(20), y(25)]),
            4,
            "more than three intervals without a true sample"
        );
    }

    proptest::proptest! {
        /// Against the rule told again in the plainest way: the longest run back from the newest true sample in which
        /// no sample is false and no two true ones are further apart than three intervals.
        #[test]
        fn a_dwell_is_never_longer_than_what_was_seen(
            seen in proptest::collection::vec((1i64..20, 0u8..8), 1..40)
        ) {
            let mut t = 0;
            let samples: Vec<(i64, Tri)> = seen.into_iter().map(|(gap, k)| {
                t += gap;
                (t, match k { 0 => Tri::No, 1 => Tri::Unknown, _ => Tri::Yes })
            }).collect();
            let told = held(&samples.iter().map(|(t, is)| read(*t, *is, &[1])).collect::<Vec<_>>());
            let since_false = samples.iter().rposition(|(_, is)| *is == Tri::No).map_or(0, |i| i + 1);
            let yes: Vec<i64> = samples[since_false..].iter().filter(|s| s.1 == Tri::Yes).map(|s| s.0).collect();
            let mut from = yes.last().copied().unwrap_or(0);
            for pair in yes.windows(2).rev() {
                if pair[1] - pair[0] > 15 { break; }
                from = pair[0];
            }
            let most = yes.last().map_or(0, |last| (last - from - 1).max(0));
            proptest::prop_assert_eq!(told, most);
        }
    }

    #[test]
    fn a_set_that_gains_a_member_starts_it_again_and_one_that_loses_one_does_not() {
        let a = |t, m: &[u32]| read(t, Tri::Yes, m);
        assert_eq!(held(&[a(0, &[1]), a(5, &[1, 2]), a(10, &[1, 2])]), 4);
        assert_eq!(held(&[a(0, &[1, 2]), a(5, &[1]), a(10, &[1])]), 9);
    }

    #[test]
    fn who_was_gone_and_comes_back_starts_it_again() {
        let a = |t, m: &[u32]| read(t, Tri::Yes, m);
        assert_eq!(held(&[a(0, &[1, 2]), a(5, &[1]), a(10, &[1, 2]), a(15, &[1, 2])]), 4);
    }
}
