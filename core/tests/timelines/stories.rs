//! Random stories around a whole migration of each track, for what must hold whatever happens: see `lockstep.rs` and
//! `dwells.rs`.

use super::mongodb::mongo;
use super::world::{World, settings};
use super::{mongo_truth, properties, services, services_truth};
use cutover_core::Name;
use cutover_core::gate::board::{Board, Life};
use cutover_core::settings::Settings;
use cutover_core::time::Dur;
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;
use std::collections::BTreeMap;

/// What is done, and in which second.
pub(super) type Story = Vec<(i64, &'static str)>;

/// A whole move of Kafka; whatever may be done is claimed, or found by its effect.
const SWITCH: &[(i64, &str)] = &[
    (0, "src.topic crm.ingestion 1; src.topic crm.pr-update 1; dst.topic crm.ingestion 1; dst.topic crm.pr-update 1"),
    (0, "src.member rtu rtu-src-0 crm.ingestion; src.member svt svt-src-0 crm.pr-update"),
    (1, "src.commit rtu crm.ingestion/0 =0; src.commit svt crm.pr-update/0 =0"),
    (6, "src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10"),
    (20, "op begin switch-producers"),
    (21, "dst.end crm.ingestion/0 +1; dst.commit rtu crm.ingestion/0 =0"),
    (22, "op confirm offsets-handled"),
    (120, "op begin stop-consumers"),
    (121, "src.leave rtu; src.leave svt"),
    (520, "op begin start-consumers"),
    (521, "dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update"),
    (530, "dst.commit rtu crm.ingestion/0 =1"),
    (640, "src.low crm.ingestion/0 =10; src.config crm.ingestion retention=1000"),
    (660, "op begin retire-source"),
    (661, "src.delete crm.ingestion; src.delete crm.pr-update; src.delete crm.sv-trigger"),
];

/// What of it is relaxed by the configuration: a topic that nobody reads and that is kept elsewhere, a group that needs no
/// seed; an exporter, something at the destination already, versions that are not supported, a mirror that may be late.
const RELAXED_KAFKA: &[(i64, &str)] = &[
    (0, "src.topic crm.sv-trigger 1; dst.topic crm.sv-trigger 1; dst.config crm.ingestion retention=691200000"),
    (6, "src.end crm.sv-trigger/0 +3"),
];
const RELAXED_MONGODB: &[(i64, &str)] = &[(0, "msrc.join exporter; mdst.coll shop.extra 3; mdst.version 4.4.9")];

/// A track, what may happen around it, and how it is configured.
pub(super) struct Tale {
    base: &'static [(i64, &'static str)],
    relaxed: &'static [(i64, &'static str)],
    /// Nothing random happens before.
    from: i64,
    pub(super) settings: fn() -> Settings,
    noise: fn() -> BoxedStrategy<&'static str>,
    /// What takes information away, and what would bring it back.
    pub(super) losses: &'static [(&'static str, &'static str)],
    /// Until when something may happen.
    pub(super) until: i64,
}

pub(super) static KAFKA: Tale = Tale {
    base: SWITCH,
    relaxed: RELAXED_KAFKA,
    from: 23,
    settings: || relaxed(settings()),
    noise: || {
        // The estate of this tale has other offsets; what is deleted at the end cannot be spoken of any more.
        let fits = |e: &&str| !e.starts_with("dst.low");
        properties::event().prop_filter("an offset that is not there", fits).boxed()
    },
    losses: &[
        ("src.down", "src.up"),
        ("dst.down", "dst.up"),
        ("src.down privilege", "src.up"),
        ("src.break crm.ingestion/0", ""),
        ("src.break crm.pr-update/0", ""),
        ("dst.break crm.ingestion/0", ""),
        ("dst.break crm.pr-update/0", ""),
        ("src.hide", ""),
        ("dst.hide", ""),
        ("src.unlist", ""),
        ("dst.unlist", ""),
        ("src.unreadable rtu", ""),
        ("dst.unreadable rtu", ""),
    ],
    until: 660,
};

pub(super) static MONGODB: Tale = Tale {
    base: mongo_truth::MIGRATION,
    relaxed: RELAXED_MONGODB,
    from: 2,
    settings: || relaxed(mongo()),
    noise: || mongo_truth::noise().boxed(),
    losses: &[
        ("msrc.down", "msrc.up"),
        ("mdst.down", "mdst.up"),
        ("msrc.listed no", "msrc.listed yes"),
        ("mdst.listed no", "mdst.listed yes"),
        ("msrc.oplog no", "msrc.oplog yes"),
        ("mdst.oplog no", "mdst.oplog yes"),
        ("msrc.counted no", ""),
        ("mdst.counted no", ""),
        ("mirror.refuse", "mirror.answer"),
    ],
    until: 1300,
};

pub(super) static SERVICES: Tale = Tale {
    base: services_truth::MOVE,
    relaxed: &[],
    from: 3,
    settings: services::estate,
    noise: || services_truth::noise().boxed(),
    losses: &[
        ("src.down", "src.up"),
        ("msrc.down", "msrc.up"),
        ("msrc.listed no", "msrc.listed yes"),
        ("src.hide", ""),
        ("src.unlist", ""),
        ("src.unreadable rtu", ""),
        ("src.break crm.ingestion/0", ""),
        ("probe.silent api", "probe.pass api"),
        ("probe.silent share", "probe.pass share"),
        ("probe.silent entry", "probe.pass entry"),
        ("probe.silent name", "probe.names name"),
    ],
    until: 620,
};

/// As much is relaxed as can be, so that something can be taken away.
fn relaxed(mut s: Settings) -> Settings {
    for k in s.kafka.iter_mut() {
        k.unread.insert("crm.sv-trigger".into(), "nobody needs it".into());
        k.unseeded.insert("svt".into(), "it reads from its beginning".into());
        k.archived.insert("crm.sv-trigger".into(), "kept elsewhere".into());
    }
    for m in s.mongodb.iter_mut() {
        m.mirrors.values_mut().for_each(|m| m.lag = Some(Dur::mins(2)));
        m.unsupported_versions = Some("tried out".into());
        m.may_have.insert("shop.extra".into(), "a test's".into());
    }
    s
}

impl Tale {
    /// The migration, its steps a little later each, one thing of it left out now and then, and noise.
    pub(super) fn story(&'static self) -> impl Strategy<Value = Story> {
        let noise = prop::collection::vec((self.from..self.until, (self.noise)()), 0..8);
        let late = prop::collection::vec(0i64..60, self.base.len());
        (noise, late).prop_map(|(noise, late)| self.tell(late, noise))
    }

    /// The migration, and nothing else.
    pub(super) fn plain(&self) -> Story {
        self.tell(vec![0; self.base.len()], vec![])
    }

    fn tell(&self, late: Vec<i64>, noise: Story) -> Story {
        let mut shift = 0;
        let mut all: Story = self.relaxed.to_vec();
        for ((t, what), late) in self.base.iter().zip(late) {
            if what.starts_with("op ") {
                shift += late;
            }
            all.push((t + shift, *what));
        }
        all.extend(noise);
        all.sort_by_key(|(t, _)| *t);
        // What is not there any more cannot be spoken of.
        if let Some(end) = all.iter().position(|(_, what)| what.starts_with("src.delete")) {
            all.truncate(end + 1);
        }
        all
    }
}

/// A story in lines that can be pasted into a timeline.
pub(super) fn told(story: &Story) -> String {
    mongo_truth::told(story)
}

/// A world in which a story is told second by second.
pub(super) struct Telling<'s> {
    pub(super) world: World,
    story: &'s Story,
    next: usize,
    /// What was done, and when by the wall clock.
    pub(super) heard: Vec<(i64, &'static str)>,
    /// Commands that begin like this are not heard any more.
    pub(super) deaf: Option<&'static str>,
}

impl<'s> Telling<'s> {
    pub(super) fn new(settings: Settings, story: &'s Story) -> Telling<'s> {
        Telling { world: World::new(settings), story, next: 0, heard: vec![], deaf: None }
    }

    /// On to second `t`: time passes, then what the story does in it is done.
    pub(super) fn on(&mut self, t: i64) -> Board {
        self.world.advance_to(1_000_000 + t * 1000);
        while let Some((_, what)) = self.story.get(self.next).filter(|(at, _)| *at <= t) {
            if self.deaf.is_none_or(|d| !what.starts_with(d)) {
                self.world.play(&format!("t={t} {what}"));
                let now = self.world.now.wall.0;
                self.heard.extend(what.split(';').map(|c| (now, c.trim())));
            }
            self.next += 1;
        }
        self.world.settle().board
    }
}

/// How far a step has come: not begun, begun, done; undone is not as far as done.
fn far(life: &Life) -> u8 {
    match life {
        Life::Pending | Life::OutOfOrder => 0,
        Life::Begun(..) => 1,
        Life::Undone(_) => 2,
        Life::Done(..) | Life::Skipped(_) => 3,
    }
}

/// How far every step has come.
pub(super) fn lives(b: &Board) -> BTreeMap<Name, u8> {
    b.steps.iter().map(|s| (s.step.id.into(), far(&s.life))).collect()
}
