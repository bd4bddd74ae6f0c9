//! A stand-in for MongoMirror, which is closed and no longer distributed: a process of its own that really replicates
//! from one replica set to another with the official driver, and speaks MongoMirror's HTTP status port.
//!
//! **Built from** MongoDB's documentation of MongoMirror 0.13 (the guide, the page of options, the text on
//! `--httpStatusPort`, the release notes): the stages, the fields of the body, timestamps as quoted 64-bit decimals, the
//! process that stays up on an error, the refresh every 10 s, `--includeDB`, `--includeNamespace`, `--drop`, the bookmark
//! file, different application names on the two sides. Where the documentation is silent it is a guess, said so where it
//! is made: the phases, the names of the applications, what moves the position, all HTTP codes but 200, `details` of an
//! error.
//!
//! **It does not**: sharded clusters, TLS, compression, oplog buffering on disk, users and roles, `--preserveUUIDs`,
//! time-series collections and `renameCollection` (refused with an `errorMessage`; MongoMirror forbids both), parallel
//! copies, chains of large transactions over a restart before they are complete other than by reading them again,
//! clustered collections, checks of versions.
//!
//! Beside that it has faults that can be switched on while it runs, over a second port; see [`Faults`].

mod apply;
mod board;
mod bookmark;
mod control;
mod copy;
mod engine;
mod handle;
mod http;
mod oplog;
mod options;
mod program;
mod trouble;

pub use handle::Mirror;
pub use options::{Faults, MirrorOptions, MirrorState, Positions};
pub use program::{mirror_if_asked, mirror_main};
