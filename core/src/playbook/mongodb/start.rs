//! May the writers be started at the destination, and may readers read there without writing.

use super::plan::primary;
use super::shared::{body, word};
use crate::estate::Side;
use crate::reading::{Code, Finding, Gap, Reading, Subject, none_of};
use crate::view::{View, gap};

/// A primary, and a majority behind it.
pub(super) fn destination_ready(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.mongodb(Side::Destination)?;
        let at = || Subject::Mongodb(Side::Destination);
        primary(&d)?;
        let majority = *d.sample.majority.as_ref().map_err(|f| gap(f, at()))?;
        let f = if majority { Finding::yes(Code::Ok, at()) } else { Finding::no(Code::NoMajority, at()) };
        Ok(Reading::of(f, Some(d.basis)))
    })
}

/// User writes are allowed there, and no index is being built.
pub(super) fn destination_writable(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.mongodb(Side::Destination)?;
        let at = || Subject::Mongodb(Side::Destination);
        let mut found = Vec::new();
        if *d.sample.write_block.as_ref().map_err(|f| gap(f, at()))? {
            found.push(
                Finding::no(Code::WriteBlocked, at())
                    .fix("db.adminCommand({ setUserWriteBlockMode: 1, global: false })"),
            );
        }
        for ns in d.sample.index_builds.as_ref().map_err(|f| gap(f, at()))? {
            found.push(Finding::no(Code::IndexBuild, Subject::Namespace(Side::Destination, ns.clone())));
        }
        Ok(none_of(Some(d.basis), found))
    })
}

/// Readers cannot write there: user writes are blocked, or a person says so.
pub(super) fn read_only(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.mongodb(Side::Destination)?;
        let at = || Subject::Mongodb(Side::Destination);
        let blocked = d.sample.write_block.as_ref();
        if blocked == Ok(&true) {
            return Ok(Reading::of(Finding::yes(Code::WriteBlocked, at()), Some(d.basis)));
        }
        if let Some(f) = word(v, "readers-read-only", &[]) {
            return Ok(Reading::of(f, None));
        }
        let fix = "block user writes there: db.adminCommand({ setUserWriteBlockMode: 1, global: true }); or, if the \
                   readers' users may not write: cutover-agent confirm readers-read-only --reason …";
        match blocked {
            Ok(_) => Ok(Reading::of(Finding::no(Code::Writable, at()).fix(fix), Some(d.basis))),
            Err(f) => Err(Gap::fix(gap(f, at()), fix)),
        }
    })
}
