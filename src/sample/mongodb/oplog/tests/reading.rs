//! Reading from the oplogs of primaries that change, lose entries or are slow.

use super::super::entry::{Entry, parse};
use super::super::memory::Memory;
use super::super::scan::{self, Log};
use super::{last, memory, op};
use cutover_core::Name;
use cutover_core::estate::mongodb::{Ts, Writes};
use cutover_core::estate::{Failure, FailureKind};
use mongodb::bson::Document;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// An oplog as a member holds it, and how long it takes to count back in it.
struct Fake {
    name: Name,
    entries: Vec<Document>,
    /// Counting back more entries than this takes too long.
    quick: u32,
    swept: Option<i64>,
    /// How many entries back was tried.
    tried: RefCell<Vec<u32>>,
}

impl Fake {
    fn of(entries: Vec<Document>) -> Fake {
        Fake { name: "a:1".into(), entries, quick: u32::MAX, swept: Some(0), tried: RefCell::default() }
    }

    fn end(&self) -> Ts {
        self.entries.last().map(|d| parse(d).unwrap().ts).unwrap()
    }
}

impl Log for Fake {
    fn name(&self) -> &Name {
        &self.name
    }

    async fn forward(&self, from: Ts, _: Duration) -> Result<Vec<Entry>, Failure> {
        Ok(self.entries.iter().map(|d| parse(d).unwrap()).filter(|e| e.ts >= from).take(3).collect())
    }

    async fn back(&self, bound: Ts, entries: u32, within: Duration) -> Result<Option<Ts>, Failure> {
        self.tried.borrow_mut().push(entries);
        if entries > self.quick {
            tokio::time::sleep(within).await;
            return Err(Failure::new(FailureKind::Timeout, "no answer"));
        }
        let all = self.entries.iter().rev().map(|d| parse(d).unwrap().ts);
        Ok(all.filter(|ts| *ts >= bound).nth(entries as usize))
    }

    async fn swept(&self, _: Duration) -> Option<i64> {
        self.swept
    }
}

async fn sample(log: &Fake, memory: &mut Memory) -> Result<Writes, Failure> {
    let expiring = BTreeSet::from(["shop.sessions".into()]);
    scan::from(log, memory, &expiring, log.end(), Instant::now() + Duration::from_secs(3)).await
}

/// The same entry, written in another term.
fn in_term(mut d: Document, term: i64) -> Document {
    d.insert("t", term);
    d
}

#[tokio::test(start_paused = true)]
async fn an_election_leaves_what_is_remembered() {
    let old: Vec<Document> = (0..10).map(|i| op(1_000_000 + i, "i", "shop.a")).collect();
    let mut m = memory();
    let before = sample(&Fake::of(old.clone()), &mut m).await.unwrap();
    assert_eq!((before.from, before.to), (Ts::new(1_000_000, 1), Ts::new(1_000_009, 1)));
    // The new primary's oplog is long, and slow to count back in: none of that matters.
    let new = [old, vec![in_term(op(1_000_020, "n", ""), 2), in_term(op(1_000_021, "i", "shop.b"), 2)]].concat();
    let other = Fake { quick: 0, ..Fake::of(new) };
    m.moved();
    let w = sample(&other, &mut m).await.unwrap();
    assert_eq!((w.from, w.to), (before.from, Ts::new(1_000_021, 1)));
    assert_eq!(last(&w), "shop.a@1000009 shop.b@1000021");
    assert!(other.tried.borrow().is_empty(), "nothing was counted back");
}

#[tokio::test(start_paused = true)]
async fn what_an_election_took_back_is_not_remembered() {
    let kept: Vec<Document> = (0..4).map(|i| op(1_000_000 + i, "i", "shop.a")).collect();
    let lost = [kept.clone(), vec![op(1_000_010, "i", "shop.lost")]].concat();
    for new in [
        // Longer than the old one, shorter, and with an entry of another term at the very timestamp that was taken back.
        vec![in_term(op(1_000_020, "n", ""), 2)],
        vec![in_term(op(1_000_005, "n", ""), 2)],
        vec![in_term(op(1_000_010, "n", ""), 2)],
    ] {
        let mut m = memory();
        assert_eq!(last(&sample(&Fake::of(lost.clone()), &mut m).await.unwrap()), "shop.a@1000003 shop.lost@1000010");
        m.moved();
        let other = Fake::of([kept.clone(), new].concat());
        let w = sample(&other, &mut m).await.unwrap();
        assert_eq!(last(&w), "shop.a@1000003", "read anew");
        assert_eq!((w.from, w.to), (Ts::new(1_000_000, 1), other.end()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_oplog_that_lost_the_newest_entry_is_read_anew_without_an_election() {
    let mut m = memory();
    sample(&Fake::of(vec![op(1_000_000, "i", "shop.a")]), &mut m).await.unwrap();
    let truncated = Fake::of(vec![op(1_000_100, "i", "shop.b"), op(1_000_101, "n", "")]);
    let w = sample(&truncated, &mut m).await.unwrap();
    assert_eq!((last(&w), w.from), ("shop.b@1000100".to_owned(), Ts::new(1_000_100, 1)));
}

#[tokio::test(start_paused = true)]
async fn where_counting_back_takes_too_long_as_much_is_read_as_can_be_had() {
    let entries: Vec<Document> =
        (0..5000).map(|i| op(1_000_000 + i, "i", if i < 10 { "shop.old" } else { "shop.a" })).collect();
    let slow = |quick| Fake { quick, ..Fake::of(entries.clone()) };
    let (mut m, log) = (memory(), slow(2000));
    let mut readings = 1;
    let w = loop {
        match sample(&log, &mut m).await {
            Ok(w) => break w,
            Err(f) => {
                assert_eq!(f.kind, FailureKind::Timeout);
                assert!(f.message.contains("the next reading tries") && f.message.contains("a:1"), "{}", f.message);
            }
        }
        readings += 1;
        assert!(readings < 10);
    };
    let tried = log.tried.borrow().clone();
    assert_eq!(tried.first(), Some(&200_000));
    assert!(tried.windows(2).all(|w| w[1] == w[0] / 2), "{tried:?}");
    assert_eq!(tried.last(), Some(&1562));
    // It says from where on it was read, which is no more than that.
    assert_eq!(w.from, Ts::new(1_000_000 + 5000 - 1 - 1562, 1));
    assert_eq!(last(&w), "shop.a@1004999");
    // Where nothing at all can be counted back in time, it begins at the end and says so by that.
    let (mut m, log) = (memory(), slow(0));
    let w = loop {
        if let Ok(w) = sample(&log, &mut m).await {
            break w;
        }
    };
    assert_eq!(w.from, log.end());
}

#[tokio::test(start_paused = true)]
async fn another_primary_counts_what_it_expired_by_itself() {
    let mut m = memory();
    let first = vec![op(1_000_000, "n", "")];
    for _ in 0..2 {
        sample(&Fake { swept: Some(5), ..Fake::of(first.clone()) }, &mut m).await.unwrap();
    }
    // Its counter is one higher for reasons of its own: that explains no delete of now.
    let deleted = [first, vec![in_term(op(1_000_010, "d", "shop.sessions"), 2)]].concat();
    let other = Fake { swept: Some(6), ..Fake::of(deleted) };
    let mut same = m.clone();
    m.moved();
    assert_eq!(last(&sample(&other, &mut m).await.unwrap()), "shop.sessions@1000010");
    assert_eq!(last(&sample(&other, &mut same).await.unwrap()), "", "it would, were it the same one");
}
