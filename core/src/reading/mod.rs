//! What a check says: three values, findings that name what and where, and the span of the samples behind them.
//!
//! There are few ways to build a [`Reading`], and each handles emptiness: [`each`] (an empty set is unknown),
//! [`none_of`] (a complete listing proves that there is none), [`Reading::unknown`]. `?` on a [`Known`] *is* "unknown,
//! because".

mod finding;

pub use crate::code::Code;
pub use finding::{Demand, Finding, Gap, Qty, Subject};

use crate::Name;
use crate::time::{Mono, Span};
use serde::Serialize;

/// Yes, no, or not known. Unknown is a value of its own and is never go.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tri {
    /// Measured true.
    Yes,
    /// Measured false.
    No,
    /// Not measured, or not to be believed.
    Unknown,
}

impl Tri {
    /// Both: no wins over unknown, unknown over yes.
    pub fn and(self, o: Tri) -> Tri {
        match (self, o) {
            (Tri::No, _) | (_, Tri::No) => Tri::No,
            (Tri::Unknown, _) | (_, Tri::Unknown) => Tri::Unknown,
            _ => Tri::Yes,
        }
    }
}

/// Measured, or why not.
pub type Known<T> = Result<T, Gap>;

/// The samples a reading rests on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Basis {
    /// Oldest request out, newest answer in, of the regular samples.
    pub span: Span,
    /// The instant until which all of them may be believed.
    pub until: Mono,
}

impl Basis {
    /// The basis of two readings together.
    pub fn merge(self, o: Basis) -> Basis {
        Basis { span: self.span.merge(o.span), until: self.until.min(o.until) }
    }

    /// Both, where either may be missing.
    pub fn join(a: Option<Basis>, b: Option<Basis>) -> Option<Basis> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.merge(b)),
            (a, b) => a.or(b),
        }
    }
}

/// Findings kept per reading; the rest is counted.
pub const WORST: usize = 12;

/// What a check says of the newest samples.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    /// Yes, no or unknown.
    pub is: Tri,
    /// The findings that are not yes, worst first, at most [`WORST`]; where there are none, a few notes.
    pub worst: Vec<Finding>,
    /// How many findings were not yes.
    pub bad: usize,
    /// How many members were looked at.
    pub of: usize,
    /// Hashes of the members looked at, sorted: a dwell starts again when the set gains one.
    pub members: Vec<u64>,
    /// The samples behind it; `None` where it rests on none.
    pub basis: Option<Basis>,
    /// Demands of all findings, bounded.
    pub wants: Vec<Demand>,
}

impl Reading {
    /// Unknown, because of one gap.
    pub fn unknown(gap: Gap) -> Reading {
        Reading::of(gap.into(), None)
    }

    /// One finding over a basis.
    pub fn of(f: Finding, basis: Option<Basis>) -> Reading {
        let mut r = Reading::empty(basis);
        r.add(0, f);
        r
    }

    fn empty(basis: Option<Basis>) -> Reading {
        Reading { is: Tri::Yes, worst: Vec::new(), bad: 0, of: 0, members: Vec::new(), basis, wants: Vec::new() }
    }

    fn add(&mut self, member: u64, f: Finding) {
        self.of += 1;
        self.members.push(member);
        self.is = self.is.and(f.is);
        if let Some(w) = &f.want
            && self.wants.len() < 64
        {
            self.wants.push(w.clone());
        }
        let note = f.is == Tri::Yes;
        if !note {
            self.bad += 1;
        } else if f.code == Code::Ok {
            return;
        }
        // No before unknown before notes; the first of a kind stay.
        let rank = |t: Tri| match t {
            Tri::No => 0,
            Tri::Unknown => 1,
            Tri::Yes => 2,
        };
        let at = self.worst.partition_point(|w| rank(w.is) <= rank(f.is));
        if at < WORST {
            self.worst.insert(at, f);
            self.worst.truncate(WORST);
        }
    }

    /// This reading and another, both needed.
    pub fn and(mut self, o: Reading) -> Reading {
        self.basis = Basis::join(self.basis, o.basis);
        self.of += o.of;
        self.members.extend(o.members);
        self.members.sort_unstable();
        self.members.dedup();
        self.wants.extend(o.wants);
        self.wants.truncate(64);
        let notes = self.bad + o.bad;
        self.is = self.is.and(o.is);
        let (a, b) = (std::mem::take(&mut self.worst), o.worst);
        let (of, bad) = (self.of, notes);
        for f in a.into_iter().chain(b) {
            let members = std::mem::take(&mut self.members);
            let wants = std::mem::take(&mut self.wants);
            self.add(0, f);
            self.members = members;
            self.wants = wants;
        }
        self.of = of;
        self.bad = bad;
        self
    }

    /// The finding that speaks for the whole.
    pub fn chief(&self) -> Option<&Finding> {
        self.worst.first()
    }
}

/// What a set without members says.
#[derive(Clone, Debug)]
pub enum IfEmpty {
    /// Nothing is proven: unknown, with what the set should hold.
    Unknown(&'static str),
    /// Nothing is proven, since none was ever seen.
    Never(&'static str),
    /// A person said why there is none.
    Expected(Name),
}

/// Every member of a set must hold; an empty set is unknown unless it is expected to be empty.
pub fn each<T, M: std::hash::Hash>(
    basis: Option<Basis>,
    set: impl IntoIterator<Item = (M, T)>,
    empty: IfEmpty,
    mut judge: impl FnMut(T) -> Known<Finding>,
) -> Reading {
    let mut r = Reading::empty(basis);
    for (member, item) in set {
        r.add(hash(&member), judge(item).unwrap_or_else(Finding::from));
    }
    if r.of == 0 {
        let f = match empty {
            IfEmpty::Unknown(what) => Finding::unknown(Code::EmptySet, Subject::Whole).detail(what),
            IfEmpty::Never(what) => Finding::unknown(Code::NeverSeen, Subject::Whole).detail(what),
            IfEmpty::Expected(why) => Finding::yes(Code::Relaxed, Subject::Whole).detail(why),
        };
        r.add(0, f);
    }
    r.members.sort_unstable();
    r.members.dedup();
    r
}

/// A complete listing in which nothing offends: `offenders` are the findings against it. Only for listings known to
/// hide nothing; absence of what *was* there needs a witness besides.
pub fn none_of(basis: Option<Basis>, offenders: impl IntoIterator<Item = Finding>) -> Reading {
    let mut r = Reading::empty(basis);
    for f in offenders {
        r.add(0, f);
    }
    r.members.clear();
    r
}

fn hash(m: &impl std::hash::Hash) -> u64 {
    use std::hash::BuildHasher;
    std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().hash_one(m)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yes(_: i32) -> Known<Finding> {
        Ok(Finding::yes(Code::Ok, Subject::Whole))
    }

    #[test]
    fn an_empty_set_proves_nothing() {
        assert_eq!(each(None, Vec::<(i32, i32)>::new(), IfEmpty::Unknown("x"), yes).is, Tri::Unknown);
        assert_eq!(each(None, Vec::<(i32, i32)>::new(), IfEmpty::Expected("no".into()), yes).is, Tri::Yes);
        assert_eq!(each(None, [(1, 1)], IfEmpty::Unknown("x"), yes).is, Tri::Yes);
    }

    #[test]
    fn one_gap_makes_the_whole_unknown_and_one_no_makes_it_no() {
        let judge = |i: i32| match i {
            0 => Err(Gap::new(Code::Stale, Subject::Whole)),
            1 => Ok(Finding::no(Code::Draining, Subject::Whole)),
            _ => yes(i),
        };
        assert_eq!(each(None, [(2, 2), (0, 0)], IfEmpty::Unknown("x"), judge).is, Tri::Unknown);
        let r = each(None, [(2, 2), (0, 0), (1, 1)], IfEmpty::Unknown("x"), judge);
        assert_eq!((r.is, r.bad, r.of), (Tri::No, 2, 3));
        assert_eq!(r.chief().map(|f| f.code), Some(Code::Draining));
    }

    #[test]
    fn and_adds_up_without_losing_a_finding() {
        let a = Reading::of(Finding::unknown(Code::Stale, Subject::Whole), None);
        let b = Reading::of(Finding::no(Code::Draining, Subject::Whole), None);
        let r = a.and(b);
        assert_eq!((r.is, r.bad, r.of, r.worst.len()), (Tri::No, 2, 2, 2));
    }
}
