//! What was really written, from the oplog of the primary.
//!
//! `entry` reads one entry, `memory` resolves transactions and keeps what a sample tells, `scan` asks the server. The
//! rule of what is real, in one place:
//!
//! - Real: inserts, updates, deletes and commands on namespaces (create, drop, indexes, rename, collMod, …) of the
//!   databases of the migration. Batches and transactions count by what is in them, at the entry that makes them
//!   visible: the last one of a chain, the commit of a prepared one. What cannot be resolved was [`ANYWHERE`].
//! - Of `system.*` collections only those that hold what people wrote: `system.js`; `system.buckets.x`, told as the
//!   time-series collection `x`; `system.views`, told as the view. The others are the server's own.
//! - Not real: no-ops, what a chunk migration moved (`fromMigrate`), and deletes in collections with a TTL index where the
//!   TTL monitor's own counter rose by exactly the number of deletes in the oplog between the same two samples, and
//!   did so between the two before. It counts for the whole server, so every delete of the server is held against it; where
//!   the two differ, or nothing can be compared, all of them count.
//!
//! [`ANYWHERE`]: cutover_core::estate::mongodb::ANYWHERE

mod entry;
mod memory;
mod scan;
#[cfg(test)]
mod tests;

pub(super) use memory::Memory;
pub(super) use scan::{ends, read};
