//! The oplog, entry by entry: what in it is the mirror's business.
//!
//! Writes of transactions and vectored inserts are commands (`applyOps`) with the real namespaces inside; a large
//! transaction is a chain of them whose last one commits it all.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, Timestamp};

use super::options::MirrorOptions;

/// One operation to be done at the destination.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    /// `i`, `u`, `d` or `c`.
    pub(super) kind: char,
    /// The namespace; of a command, that of the collection it is about.
    pub(super) namespace: String,
    pub(super) o: Document,
    pub(super) o2: Option<Document>,
}

/// Unpacks entries; remembers transactions that are not complete yet.
#[derive(Debug)]
pub(super) struct Unpacker {
    options: MirrorOptions,
    open: BTreeMap<String, Vec<Operation>>,
}

impl Unpacker {
    pub(super) fn new(options: MirrorOptions) -> Self {
        Self { options, open: BTreeMap::new() }
    }

    /// Whether all transactions seen so far are complete: only then may the position be written down.
    pub(super) fn complete(&self) -> bool {
        self.open.is_empty()
    }

    /// What of this entry has to be done, in order; an error is something no mirror of this kind can carry.
    pub(super) fn unpack(&mut self, entry: &Document) -> Result<Vec<Operation>, String> {
        if entry.get_bool("fromMigrate").unwrap_or(false) {
            return Ok(Vec::new());
        }
        let o = entry.get_document("o").cloned().unwrap_or_default();
        if entry.get_str("op").is_ok_and(|op| op != "c") {
            return Ok(self.write(entry).into_iter().collect());
        }
        let key = transaction(entry);
        if let Ok(inner) = o.get_array("applyOps") {
            let mut operations = Vec::new();
            for entry in inner.iter().filter_map(Bson::as_document) {
                operations.extend(self.unpack(entry)?);
            }
            let flag = |name| o.get_bool(name).unwrap_or(false);
            if let Some(key) = key {
                let mut all = self.open.remove(&key).unwrap_or_default();
                all.append(&mut operations);
                if flag("partialTxn") || flag("prepare") {
                    self.open.insert(key, all);
                    return Ok(Vec::new());
                }
                return Ok(all);
            }
            return Ok(operations);
        }
        if o.contains_key("commitTransaction") || o.contains_key("abortTransaction") {
            let all = key.and_then(|key| self.open.remove(&key)).unwrap_or_default();
            return Ok(if o.contains_key("commitTransaction") { all } else { Vec::new() });
        }
        self.command(entry, o)
    }

    fn write(&self, entry: &Document) -> Option<Operation> {
        let namespace = entry.get_str("ns").unwrap_or_default();
        let kind = entry.get_str("op").ok().and_then(|op| op.chars().next()).filter(|op| "iud".contains(*op))?;
        if !self.options.carries(namespace) {
            return None;
        }
        let o = entry.get_document("o").cloned().unwrap_or_default();
        Some(Operation { kind, namespace: namespace.to_owned(), o, o2: entry.get_document("o2").ok().cloned() })
    }

    fn command(&self, entry: &Document, o: Document) -> Result<Vec<Operation>, String> {
        let namespace = entry.get_str("ns").unwrap_or_default();
        let database = namespace.split('.').next().unwrap_or_default();
        let Some((name, target)) = o.iter().next() else { return Ok(Vec::new()) };
        let full = format!("{database}.{}", target.as_str().unwrap_or_default());
        let mine = match name.as_str() {
            "dropDatabase" => self.options.touches(database),
            "renameCollection" => {
                let from = target.as_str().unwrap_or_default();
                let to = o.get_str("to").unwrap_or_default();
                if self.options.carries(from) || self.options.carries(to) {
                    return Err(format!("renameCollection {from} to {to} is not supported"));
                }
                false
            }
            "create" | "createIndexes" | "commitIndexBuild" | "dropIndexes" | "deleteIndexes" | "drop" | "collMod" => {
                self.options.carries(&full)
            }
            // Starts of index builds and the like: what counts is their end.
            _ => false,
        };
        let o2 = entry.get_document("o2").ok().cloned();
        Ok(if mine { vec![Operation { kind: 'c', namespace: full, o, o2 }] } else { Vec::new() })
    }
}

/// A timestamp as the 64 bits it is on the wire.
pub(super) fn bits(ts: Timestamp) -> u64 {
    (u64::from(ts.time) << 32) | u64::from(ts.increment)
}

/// And back.
pub(super) fn timestamp(bits: u64) -> Timestamp {
    let part = |value: u64| u32::try_from(value & 0xffff_ffff).unwrap_or_default();
    Timestamp { time: part(bits >> 32), increment: part(bits) }
}

fn transaction(entry: &Document) -> Option<String> {
    let number = entry.get_i64("txnNumber").ok()?;
    Some(format!("{:?} {number}", entry.get_document("lsid").ok()?.get("id")))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    fn unpacker() -> Unpacker {
        Unpacker::new(MirrorOptions::databases(&["shop"]))
    }

    fn insert(id: i32) -> Document {
        doc! { "op": "i", "ns": "shop.orders", "o": { "_id": id } }
    }

    fn ids(operations: &[Operation]) -> Vec<i32> {
        operations.iter().map(|operation| operation.o.get_i32("_id").unwrap()).collect()
    }

    #[test]
    fn only_its_own_namespaces_count() {
        let mut unpacker = unpacker();
        assert_eq!(ids(&unpacker.unpack(&insert(1)).unwrap()), [1]);
        for other in [
            doc! { "op": "i", "ns": "crm.leads", "o": { "_id": 1 } },
            doc! { "op": "n", "ns": "", "o": { "msg": "periodic noop" } },
            doc! { "op": "d", "ns": "shop.orders", "o": { "_id": 1 }, "fromMigrate": true },
            doc! { "op": "c", "ns": "crm.$cmd", "o": { "create": "leads" } },
        ] {
            assert_eq!(unpacker.unpack(&other).unwrap(), [], "{other}");
        }
    }

    #[test]
    fn a_transaction_is_unpacked_and_filtered() {
        let other = doc! { "op": "i", "ns": "crm.leads", "o": { "_id": 9 } };
        let entry = doc! {
            "op": "c", "ns": "admin.$cmd", "lsid": { "id": "s" }, "txnNumber": 1_i64,
            "o": { "applyOps": [insert(1), other, insert(2)] },
        };
        assert_eq!(ids(&unpacker().unpack(&entry).unwrap()), [1, 2]);
    }

    #[test]
    fn a_large_transaction_counts_when_its_last_part_comes() {
        let mut unpacker = unpacker();
        let part = |ids: &[i32], partial: bool| {
            let inner: Vec<_> = ids.iter().map(|id| insert(*id)).collect();
            let mut o = doc! { "applyOps": inner };
            if partial {
                o.insert("partialTxn", true);
            }
            doc! { "op": "c", "ns": "admin.$cmd", "lsid": { "id": "s" }, "txnNumber": 7_i64, "o": o }
        };
        assert_eq!(unpacker.unpack(&part(&[1], true)).unwrap(), []);
        assert!(!unpacker.complete());
        assert_eq!(ids(&unpacker.unpack(&part(&[2, 3], false)).unwrap()), [1, 2, 3]);
        assert!(unpacker.complete());
    }

    #[test]
    fn a_prepared_transaction_counts_when_it_is_committed() {
        let mut unpacker = unpacker();
        let with =
            |o: Document| doc! { "op": "c", "ns": "admin.$cmd", "lsid": { "id": "s" }, "txnNumber": 7_i64, "o": o };
        let prepared = with(doc! { "applyOps": [insert(1)], "prepare": true });
        unpacker.unpack(&prepared).unwrap();
        assert_eq!(ids(&unpacker.unpack(&with(doc! { "commitTransaction": 1 })).unwrap()), [1]);
        unpacker.unpack(&prepared).unwrap();
        assert_eq!(unpacker.unpack(&with(doc! { "abortTransaction": 1 })).unwrap(), []);
    }

    #[test]
    fn a_batch_without_a_transaction_is_unpacked_at_once() {
        let entry = doc! { "op": "c", "ns": "admin.$cmd", "o": { "applyOps": [insert(1), insert(2)] } };
        assert_eq!(ids(&unpacker().unpack(&entry).unwrap()), [1, 2]);
    }

    #[test]
    fn a_rename_is_refused() {
        let entry = doc! { "op": "c", "ns": "shop.$cmd", "o": { "renameCollection": "shop.a", "to": "shop.b" } };
        assert!(unpacker().unpack(&entry).unwrap_err().contains("not supported"));
    }

    #[test]
    fn timestamps_are_whole() {
        let ts = Timestamp { time: 1_700_000_000, increment: 7 };
        assert_eq!(timestamp(bits(ts)), ts);
        assert_eq!(bits(ts), 7_301_444_403_200_000_007);
    }
}
