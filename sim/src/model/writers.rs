//! External producers at work: batches, transactions, crashes.

use super::Model;
use super::apps::Writes;
use cutover_core::Name;
use cutover_core::estate::Side;

/// What has to happen to a transaction, and when.
#[derive(Clone, Debug)]
pub struct Ending {
    /// When.
    pub at: i64,
    /// Where.
    pub side: Side,
    /// Whose.
    pub pid: i64,
    /// With which marker.
    pub commit: bool,
}

impl Model {
    /// One write of a producer where it writes now; what ends its transaction, if it opened one.
    pub fn write(&mut self, i: usize, now: i64, rng: &mut fastrand::Rng) -> Option<Ending> {
        let p = self.producers[i].clone();
        let side = p.on?;
        let topic = p.topics.get(rng.usize(..p.topics.len().max(1)))?.clone();
        let n = rng.usize(1..4);
        let (pid, open) = match p.writes {
            Writes::Plain => (None, false),
            Writes::Idempotent => (Some(p.pid), false),
            Writes::Transactional | Writes::Crashing => (Some(p.pid), true),
        };
        let parts = self.partitions(side, &topic);
        if parts == 0 {
            return None;
        }
        let part = rng.i32(0..parts);
        let log = self.log_mut(side, &topic, part)?;
        log.append(n, pid, open, now);
        // Under a high watermark that stands still it has written, and nobody can know yet.
        let seen = !log.stalled || open;
        self.producers[i].returned &= !seen;
        if !open {
            return None;
        }
        let crashed = p.writes == Writes::Crashing && rng.u8(..4) == 0;
        let after = if crashed { super::apps::TRANSACTION_TIMEOUT } else { rng.i64(200..4_000) };
        if crashed {
            // It comes back with another producer id; the coordinator ends what it left.
            self.producers[i].pid += 1;
        }
        let commit = !crashed && rng.u8(..6) != 0;
        Some(Ending { at: now + after, side, pid: p.pid, commit })
    }

    /// Ends every open transaction of a producer id at a side.
    pub fn end_transaction(&mut self, e: &Ending) {
        for t in self.side_mut(e.side).topics.values_mut() {
            t.logs.iter_mut().for_each(|l| l.finish(e.pid, e.commit, e.at));
        }
    }

    /// Points a producer somewhere else, or nowhere.
    pub fn point(&mut self, i: usize, to: Option<Side>) {
        if to == Some(Side::Destination) {
            self.note_starts();
        }
        self.version += 1;
        let now_returns = !self.starts.is_empty();
        self.producers[i].returned = to == Some(Side::Source) && now_returns;
        self.producers[i].on = to;
    }

    /// The producer of that name.
    pub fn producer(&self, name: &str) -> Option<usize> {
        self.producers.iter().position(|p| &*p.name == name)
    }

    /// The reader of that group.
    pub fn reader(&self, group: &str) -> Option<usize> {
        self.readers.iter().position(|r| &*r.group == group)
    }

    /// Whether anybody declared writes a topic.
    pub fn declared(&self, topic: &Name) -> bool {
        self.producers.iter().any(|p| p.declared && p.topics.contains(topic))
    }
}
