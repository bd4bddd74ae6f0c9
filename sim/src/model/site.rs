//! What probes look at: gateways and entry points, where the traffic goes, and what resolvers answer for the names.

use cutover_core::Name;
use cutover_core::estate::Side;

/// What a probe looks at.
#[derive(Clone, Debug)]
pub enum Looks {
    /// A gateway or an entry point of a side: by TCP, TLS or HTTP.
    Door {
        /// The word for it: `tcp`, `tls` or `http`.
        by: Name,
        /// It lets people in.
        open: bool,
    },
    /// The share of the traffic that reaches the destination.
    Traffic,
    /// A name, as several resolvers answer it.
    Names(Names),
}

/// A probe and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its name.
    pub name: Name,
    /// What it looks at.
    pub looks: Looks,
    /// The side it speaks of.
    pub side: Side,
    /// Steps that it gates.
    pub gates: Vec<Name>,
    /// It does not answer the agent.
    pub silent: bool,
    /// Its expression gives nothing at all.
    pub empty: bool,
    /// Its answers take this much longer, in milliseconds.
    pub slow: i64,
}

/// What a name says, and who answers for it.
#[derive(Clone, Debug)]
pub struct Names {
    /// How long an answer may be kept, in milliseconds.
    pub ttl: i64,
    /// The name is set to the destination.
    pub moved: bool,
    /// Who answers.
    pub resolvers: Vec<Resolver>,
    /// Until when somebody may keep an old answer that was given where it could be seen.
    pub kept: i64,
}

/// A resolver.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    /// It keeps answers itself and says how long they may still be kept; otherwise it answers afresh.
    pub caches: bool,
    /// It gives the old answer, whatever the name is set to.
    pub stale: bool,
    /// It does not answer the agent.
    pub mute: bool,
    /// What it keeps: whether that is the new answer, and until when.
    held: Option<(bool, i64)>,
    /// Since when it has given old answers.
    old: Option<i64>,
}

/// A resolver that gives an old answer lets it be kept for this long, in milliseconds.
const STALE: i64 = 30_000;

impl Names {
    /// A name that is set to the source.
    pub fn new(ttl: i64, resolvers: usize, caches: bool) -> Names {
        let one = Resolver { caches, ..Resolver::default() };
        Names { ttl, moved: false, resolvers: vec![one; resolvers], kept: 0 }
    }

    /// What a resolver answers at this instant: whether it is the new answer, and how long it may be kept.
    pub fn answer(&self, resolver: usize, now: i64) -> (bool, i64) {
        let r = &self.resolvers[resolver];
        match r.held {
            _ if r.stale => (false, STALE),
            Some((new, until)) if r.caches => (new, (until - now).max(0)),
            _ => (self.moved, self.ttl),
        }
    }

    /// Whether some resolver gives the new answer at this instant: it may keep one that was taken back.
    pub fn tells_new(&self, now: i64) -> bool {
        (0..self.resolvers.len()).any(|i| {
            let (new, left) = self.answer(i, now);
            // What has run out is asked for again.
            new && (self.moved || left > 0)
        })
    }

    /// Lets time pass up to this instant, before anything is changed: what was kept long enough is asked for again, and what
    /// was old for as long as `seen` may still be kept by somebody.
    pub fn advance(&mut self, now: i64, seen: i64) {
        for i in 0..self.resolvers.len() {
            let (ttl, moved) = (self.ttl.max(1_000), self.moved);
            let r = &mut self.resolvers[i];
            if r.caches {
                let (mut new, mut until) = r.held.unwrap_or((moved, now + ttl));
                while until <= now {
                    (new, until) = (moved, until + ttl);
                }
                r.held = Some((new, until));
            }
            let (new, left) = self.answer(i, now);
            let r = &mut self.resolvers[i];
            if new {
                r.old = None;
            } else if now - *r.old.get_or_insert(now) >= seen {
                self.kept = self.kept.max(now + left);
            }
        }
    }
}

/// Everything probes look at.
#[derive(Clone, Debug)]
pub struct Site {
    /// The probes.
    pub probes: Vec<Probe>,
    /// Where the traffic goes.
    pub traffic: Side,
    /// An old answer that was given for so long is seen, in milliseconds.
    pub seen: i64,
}

impl Default for Site {
    fn default() -> Site {
        Site { probes: Vec::new(), traffic: Side::Source, seen: 0 }
    }
}

impl Site {
    /// The probe of that name.
    pub fn probe(&self, name: &str) -> Option<usize> {
        self.probes.iter().position(|p| &*p.name == name)
    }

    /// Lets time pass for every name.
    pub fn advance(&mut self, now: i64) {
        let seen = self.seen;
        self.names_mut().for_each(|n| n.advance(now, seen));
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &Names> {
        self.probes.iter().filter_map(|p| match &p.looks {
            Looks::Names(n) => Some(n),
            _ => None,
        })
    }

    /// The names, to be changed.
    pub fn names_mut(&mut self) -> impl Iterator<Item = &mut Names> {
        self.probes.iter_mut().filter_map(|p| match &mut p.looks {
            Looks::Names(n) => Some(n),
            _ => None,
        })
    }

    /// Sets every name to the destination, or back; people who answer for names do both.
    pub fn set_names(&mut self, moved: bool, now: i64) {
        self.advance(now);
        self.names_mut().for_each(|n| n.moved = moved);
        self.advance(now);
    }

    /// Some probe or resolver cannot be asked at the moment.
    pub fn is_ill(&self) -> bool {
        let mute = |l: &Looks| matches!(l, Looks::Names(n) if n.resolvers.iter().any(|r| r.mute));
        self.probes.iter().any(|p| p.silent || p.empty || p.slow > 0 || mute(&p.looks))
    }

    /// Some resolver answers what is not so.
    pub fn is_stale(&self) -> bool {
        let stale = |l: &Looks| matches!(l, Looks::Names(n) if n.resolvers.iter().any(|r| r.stale));
        self.probes.iter().any(|p| stale(&p.looks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_resolver_keeps_counts_down_and_is_asked_for_again() {
        let mut n = Names::new(60_000, 1, true);
        n.advance(0, 1);
        n.advance(20_000, 1);
        assert_eq!(n.answer(0, 20_000), (false, 40_000));
        n.moved = true;
        n.advance(59_000, 1);
        assert_eq!(n.answer(0, 59_000), (false, 1_000));
        n.advance(60_000, 1);
        assert_eq!(n.answer(0, 60_000), (true, 60_000));
        assert_eq!(n.kept, 60_000);
    }

    #[test]
    fn an_old_answer_that_was_given_afresh_is_kept_for_its_whole_time() {
        let mut n = Names::new(60_000, 2, false);
        n.advance(0, 5_000);
        n.advance(10_000, 5_000);
        assert_eq!(n.kept, 70_000);
        n.moved = true;
        n.advance(11_000, 5_000);
        n.resolvers[1].stale = true;
        n.advance(50_000, 5_000);
        n.advance(52_000, 5_000);
        n.resolvers[1].stale = false;
        n.advance(53_000, 5_000);
        // Two seconds of an old answer nobody could see.
        assert_eq!(n.kept, 70_000);
    }
}
