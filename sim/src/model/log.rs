//! The log of one partition: records, markers, transactions, a high watermark that may stand still.

use std::collections::BTreeMap;

/// What an entry of a log is now.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A record that every reader is given.
    Data,
    /// A record of a transaction that is still open.
    Open,
    /// A record of a transaction that was aborted.
    Aborted,
    /// A commit or abort marker.
    Marker,
}

/// One entry.
#[derive(Copy, Clone, Debug)]
pub struct Entry {
    /// What it is now.
    pub kind: Kind,
    /// The producer id whose transaction it belongs to, if any.
    pub pid: Option<i64>,
    /// Its timestamp, in true milliseconds.
    pub at: i64,
}

/// What the broker keeps of an idempotent producer.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct ProducerMemory {
    /// Sequence number of its last batch.
    pub sequence: i32,
    /// It has an open transaction here.
    pub open: bool,
}

/// A partition's log.
#[derive(Clone, Debug)]
pub struct Log {
    /// The first offset still there.
    pub low: i64,
    /// Leader epoch.
    pub epoch: i32,
    /// While set, the high watermark stands still although records are appended.
    pub stalled: bool,
    /// Idempotent producers seen.
    pub producers: BTreeMap<i64, ProducerMemory>,
    entries: Vec<Entry>,
    high: i64,
    /// Where the high watermark stood before it last moved on, and when it did.
    stood: Option<(i64, i64)>,
}

impl Default for Log {
    fn default() -> Log {
        Log { low: 0, epoch: 1, stalled: false, producers: BTreeMap::new(), entries: Vec::new(), high: 0, stood: None }
    }
}

impl Log {
    /// Where the next record goes, replicated or not.
    pub fn end(&self) -> i64 {
        i64::try_from(self.entries.len()).unwrap_or(i64::MAX)
    }

    /// The high watermark.
    pub fn high(&self) -> i64 {
        self.high
    }

    /// The high watermark that whoever asked at `when` was told, if it stood still then; of any other time what it is now.
    pub fn high_at(&self, when: i64) -> i64 {
        self.stood.filter(|(_, until)| !self.stalled && when < *until).map_or(self.high, |(high, _)| high)
    }

    /// The last stable offset.
    pub fn stable(&self) -> i64 {
        let open = self.entries.iter().position(|e| e.kind == Kind::Open);
        open.and_then(|i| i64::try_from(i).ok()).map_or(self.high, |i| i.min(self.high))
    }

    /// Appends `n` records, of a transaction of `pid` if `open`.
    pub fn append(&mut self, n: usize, pid: Option<i64>, open: bool, at: i64) {
        let kind = if open { Kind::Open } else { Kind::Data };
        for _ in 0..n {
            self.entries.push(Entry { kind, pid: pid.filter(|_| open), at });
        }
        if let Some(pid) = pid {
            let m = self.producers.entry(pid).or_insert(ProducerMemory { sequence: -1, open: false });
            m.sequence += i32::try_from(n).unwrap_or(0);
            m.open |= open;
        }
        self.replicate();
    }

    /// Ends the open transaction of `pid` here, if there is one, with a marker.
    pub fn finish(&mut self, pid: i64, commit: bool, at: i64) {
        let mut any = false;
        for e in self.entries.iter_mut().filter(|e| e.kind == Kind::Open && e.pid == Some(pid)) {
            e.kind = if commit { Kind::Data } else { Kind::Aborted };
            any = true;
        }
        if any {
            self.entries.push(Entry { kind: Kind::Marker, pid: Some(pid), at });
            if let Some(m) = self.producers.get_mut(&pid) {
                m.open = false;
            }
            self.replicate();
        }
    }

    /// Lets the high watermark follow again, or holds it.
    pub fn stall(&mut self, on: bool, now: i64) {
        if self.stalled && !on {
            self.stood = Some((self.high, now));
        }
        self.stalled = on;
        self.replicate();
    }

    fn replicate(&mut self) {
        if !self.stalled {
            self.high = self.end();
        }
    }

    /// Removes everything below `to`.
    pub fn trim(&mut self, to: i64) {
        self.low = self.low.max(to.min(self.high));
    }

    /// An unclean election: the last `n` entries are gone.
    pub fn truncate(&mut self, n: i64) {
        let left = (self.end() - n).max(self.low);
        self.entries.truncate(usize::try_from(left).unwrap_or(0));
        self.high = self.end();
        self.epoch += 1;
    }

    /// Another leader, nothing lost.
    pub fn elect(&mut self) {
        self.epoch += 1;
    }

    /// Nothing to read.
    pub fn is_empty(&self) -> bool {
        self.low >= self.end()
    }

    /// Some transaction is open.
    pub fn open(&self) -> bool {
        self.entries.iter().any(|e| e.kind == Kind::Open)
    }

    /// The transactions that are open.
    pub fn open_pids(&self) -> Vec<i64> {
        let mut pids: Vec<i64> = self.entries.iter().filter(|e| e.kind == Kind::Open).filter_map(|e| e.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// How many records in `[from, to)` an application would be given.
    pub fn given(&self, from: i64, to: i64) -> usize {
        let from = usize::try_from(from.max(self.low)).unwrap_or(0);
        let to = usize::try_from(to.clamp(0, self.end())).unwrap_or(0);
        self.entries.get(from..to.max(from)).map_or(0, |es| es.iter().filter(|e| e.kind == Kind::Data).count())
    }

    /// Where a reader stands that has been given `n` records from `from` on, not past `to`; `from` if there is none.
    pub fn after(&self, from: i64, to: i64, n: i64) -> i64 {
        let mut at = from;
        let mut left = n;
        for o in from.max(self.low)..to.min(self.end()) {
            let data = usize::try_from(o).is_ok_and(|i| self.entries[i].kind == Kind::Data);
            if data && left == 0 {
                break;
            }
            if data {
                left -= 1;
                at = o + 1;
            }
        }
        at
    }

    /// The newest timestamp of what is still there.
    pub fn newest(&self) -> Option<i64> {
        let from = usize::try_from(self.low).unwrap_or(0);
        self.entries.get(from..)?.iter().filter(|e| e.kind != Kind::Marker).map(|e| e.at).max()
    }

    /// The newest timestamp of what is still there below an offset and was written by then.
    pub fn newest_by(&self, when: i64, below: i64) -> Option<i64> {
        let [from, to] = [self.low, below.max(self.low)].map(|o| usize::try_from(o).unwrap_or(0));
        let written = self.entries.get(from..to)?.iter().filter(|e| e.kind != Kind::Marker && e.at <= when);
        written.map(|e| e.at).max()
    }

    /// Whether any record was ever written.
    pub fn ever(&self) -> bool {
        !self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aborted_transaction_leaves_a_lag_and_nothing_to_read() {
        let mut l = Log::default();
        l.append(2, None, false, 0);
        l.append(3, Some(7), true, 1);
        assert_eq!((l.high(), l.stable(), l.given(0, l.high())), (5, 2, 2));
        l.finish(7, false, 2);
        assert_eq!((l.high(), l.stable(), l.given(2, l.high())), (6, 6, 0));
    }

    #[test]
    fn a_stalled_high_watermark_hides_what_was_appended() {
        let mut l = Log::default();
        l.stall(true, 1);
        l.append(4, None, false, 2);
        assert_eq!((l.high(), l.high_at(2), l.end()), (0, 0, 4));
        l.stall(false, 3);
        assert_eq!((l.high(), l.high_at(2), l.high_at(3)), (4, 0, 4));
        l.stall(false, 5);
        assert_eq!(l.high_at(4), 4, "it moved on before");
    }
}
