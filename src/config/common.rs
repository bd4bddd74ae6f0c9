//! What belongs to no section: the migration, its attempt, the rehearsal, and which tracks there are.

use super::error::quoted;
use super::read::At;
use cutover_core::Name;
use cutover_core::settings::Track;
use cutover_core::time::Dur;
use std::collections::{BTreeMap, BTreeSet};

/// The smallest configuration that can say anything.
const SMALLEST: &str = "\
nothing is configured that could be watched; the smallest configuration is
migration: shop-prod
scope: shop.PROD
kafka:
  source:      { properties_file: /run/secrets/kafka-src }
  destination: { properties_file: /run/secrets/kafka-dst }";

/// What belongs to no section.
pub(super) struct Common {
    pub(super) migration: Name,
    pub(super) attempt: u32,
    pub(super) faster: i64,
    pub(super) pace: Dur,
    pub(super) joint: bool,
    pub(super) requirements_enforced: bool,
}

/// Reads it.
pub(super) fn read(root: &At<'_>, tracks: &BTreeSet<Track>) -> Common {
    if tracks.is_empty() {
        root.fail(SMALLEST);
    }
    let migration = root.get("migration");
    if !migration.given() {
        migration
            .fail("is missing: give the migration a name, as in `migration: shop-prod`; the journal is kept under it");
    }
    let named = migration.checked(|text| {
        let legal = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let short = text.len() <= 60;
        if legal && short { Ok(()) } else { Err(format!("came {}; expected 1 to 60 of a-z, 0-9 and -", quoted(text))) }
    });
    let joint = root.get("joint").boolean().unwrap_or(false);
    if joint && !(tracks.contains(&Track::Mongodb) && tracks.contains(&Track::Kafka)) {
        root.get("joint").warn("has no effect: only one of `mongodb` and `kafka` is configured");
    }
    let faster = root.get("rehearsal").get("faster");
    if root.get("rehearsal").given() && !faster.given() {
        faster.fail("is missing: say by how much every time is divided, 1 to 1000");
    }
    Common {
        migration: named.unwrap_or_else(|| Name::from("")),
        attempt: root.get("attempt").number(1..=u32::MAX).unwrap_or(1),
        faster: i64::from(faster.number(1..=1000).unwrap_or(1)),
        pace: root.get("pace").duration(Dur::ZERO..=Dur::days(30)).unwrap_or(Dur::ZERO),
        joint,
        requirements_enforced: root.get("requirements").choice(&[("enforced", true), ("advisory", false)])
            == Some(true),
    }
}

/// Tracks taken out on purpose; a track cannot be dropped and configured.
pub(super) fn dropped(root: &At<'_>, tracks: &BTreeSet<Track>) -> BTreeMap<Track, Name> {
    let at = root.get("dropped");
    let mut dropped = BTreeMap::new();
    for (key, track) in [("services", Track::Services), ("mongodb", Track::Mongodb), ("kafka", Track::Kafka)] {
        let at = at.get(key);
        let Some(reason) = at.reason() else { continue };
        if tracks.contains(&track) {
            at.fail(format!("is dropped, but the {track} track is configured: take one of them out"));
        }
        at.relax(&reason, &tracks.iter().copied().collect::<Vec<_>>());
        dropped.insert(track, reason);
    }
    dropped
}

/// Keys that only a Kafka section gives a meaning to.
pub(super) fn without_kafka(root: &At<'_>) {
    for key in ["producers", "expect_none"] {
        let at = root.get(key);
        if at.given() {
            at.fail("has no meaning without a `kafka` section");
        }
    }
}
