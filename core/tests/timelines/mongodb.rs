//! The MongoDB track: every check, told as it happens.

use super::mongo::mongodb;
use super::world::{run_with, settings};
use cutover_core::settings::{Settings, Track};
use expect_test::expect;
use std::collections::BTreeSet;

/// A shop of two collections, a reader and a writer.
const SHOP: &str = "
    t=0 msrc.coll shop.orders 100; msrc.coll shop.customers 10; msrc.index shop.orders by_date
    t=0 msrc.join crud-orders; msrc.join svc-orders; msrc.join exporter
    t=1 msrc.write shop.orders
";

/// The mirror is started and follows; the destination holds everything.
const MIRRORED: &str = "
    t=10 op begin start-mirror
    t=11 mirror.start
    t=12 mdst.coll shop.orders 100; mdst.coll shop.customers 10; mdst.index shop.orders by_date; mdst.block on
    t=20 mirror.follow; msrc.write shop.orders
    t=70 show start-mirror
";

/// Readers are switched.
const READ: &str = "
    t=130 op begin switch-readers
    t=131 msrc.leave crud-orders; mdst.join crud-orders-dst
    t=220 show switch-readers
";

/// Writers are stopped and everything is drained.
const STOPPED: &str = "
    t=230 msrc.write shop.orders
    t=300 op begin stop-writers
    t=301 msrc.leave svc-orders
    t=302 msrc.write shop.customers
    t=720 show stop-writers
";

fn mongo() -> Settings {
    Settings { tracks: BTreeSet::from([Track::Mongodb]), kafka: None, mongodb: Some(mongodb()), ..settings() }
}

fn with(parts: &[&str]) -> String {
    run_with(mongo(), &parts.concat())
}

#[test]
fn the_whole_track_by_claims() {
    let shown = with(&[
        SHOP,
        "t=9 show start-mirror all; show switch-readers",
        MIRRORED,
        "t=129 show switch-readers all; show stop-writers",
        READ,
        "t=290 show stop-writers all",
        STOPPED,
        "
        t=725 show stop-mirror all
        t=800 op begin stop-mirror
        t=801 mirror.gone
        t=900 show stop-mirror; show start-writers
        t=1180 show stop-mirror; show start-writers
        t=1181 mdst.block off
        t=1190 op begin start-writers
        t=1191 mdst.join svc-orders-dst
        t=1192 mdst.write shop.orders
        t=1260 show start-writers
        ",
    ]);
    expect![[r#"
        t=9 start-mirror pending go
            two-deployments go
            supported go
            coverage go
            no-spanning-transactions go
            mirrorable go
            destination-empty go
            window-covers-copy go
            requirements unknown
        t=9 switch-readers pending no-go (predecessor): start-mirror comes before and is not done (pending)
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=129 switch-readers pending go
            following go
            headroom go
            serving go
            coverage go
            read-only go
        t=129 stop-writers pending no-go (predecessor): switch-readers comes before and is not done (pending)
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=290 stop-writers pending go
            following go
            headroom go
            coverage go
            readers-moved go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=725 stop-mirror pending go
            drained go
            majority go
            no-source-write go
            writers-gone go
            source-still go
            same-data go
            same-counts go
            destination-quiet go
        t=800 begin stop-mirror: ok
        t=900 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=900 stop-mirror done: no-go (dwelling): finished: true for 1 min 29 s, must be for 6 min
        t=900 start-writers pending no-go (predecessor): stop-mirror comes before and is not done (begun; no-go (dwelling): finished: true for 1 min 29 s, must be for 6 min)
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1180 stop-mirror done: go
        t=1180 start-writers pending no-go (write-blocked): the destination MongoDB blocks user writes
        t=1190 begin start-writers: ok
        t=1260 start-writers begun go
        t=1260 start-writers done: no-go (dwelling): writers-started: true for 59 s, must be for 1 min"#]].assert_eq(&shown);
}
