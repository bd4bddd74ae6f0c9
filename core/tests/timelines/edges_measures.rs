//! What the gauges show, where it is not the sum that `measures/tests.rs` holds.

use super::mongodb::{MIRRORED, SHOP, mongo};
use super::world::{World, settings};
use cutover_core::estate::Side;
use cutover_core::measures::{DeploymentMeasures, Measures};
use cutover_core::pattern::Pattern;
use cutover_core::settings::{ClientField, Home, HomeRule, Settings};
use cutover_core::time::Dur;
use std::collections::{BTreeMap, BTreeSet};

fn measured(settings: Settings, parts: &[&str]) -> Measures {
    let mut w = World::new(settings);
    parts.iter().for_each(|p| w.play(p));
    w.measures()
}

/// Members on a topic of a group, by home.
fn members(m: &Measures, side: Side, group: &str, topic: &str) -> Option<BTreeMap<Home, u64>> {
    m.pairs.get(&(side, group.into(), topic.into()))?.members.clone()
}

#[test]
fn a_deployment_is_measured_with_its_clients_by_role_and_home() {
    let text = "t=50 msrc.join crud-orders; msrc.txn 3; mirror.sessions yes; msrc.join odd\nt=60";
    let m = measured(mongo(), &[SHOP, MIRRORED.split("t=70").next().unwrap_or_default(), text]);
    let d: &DeploymentMeasures = &m.deployments[&Side::Source];
    assert_eq!((d.window, d.transactions, d.write_block), (Some(Dur::hours(10)), Some(3), Some(false)));
    assert!(d.last_write.is_some());
    let clients: Vec<(&str, Home, u64)> = d.clients.iter().flatten().map(|((r, h), n)| (*r, *h, *n)).collect();
    assert_eq!(
        clients,
        [
            ("bystander", Home::Source, 1),
            ("mirror", Home::Source, 1),
            ("reader", Home::Source, 2),
            ("unmatched", Home::Source, 1),
            ("writer", Home::Source, 1),
        ]
    );
}

#[test]
fn a_deployment_that_nobody_was_seen_writing_has_no_last_write() {
    let m = measured(mongo(), &["t=20"]);
    assert_eq!(m.deployments[&Side::Source].last_write, None);
}

#[test]
fn a_group_that_is_ignored_is_not_measured_under_its_name_there() {
    let mut s = settings();
    s.kafka.as_mut().unwrap().ignored = BTreeMap::from([("old".into(), "gone".into())]);
    let both = "
        t=0 src.topic crm.a 1; dst.topic crm.a 1
        t=1 src.commit old crm.a/0 =0; dst.commit old crm.a/0 =0; src.commit rtu crm.a/0 =0; dst.commit rtu crm.a/0 =0
        t=10
    ";
    let m = measured(s, &[both]);
    let groups: BTreeSet<(Side, &str)> = m.pairs.keys().map(|(side, g, _)| (*side, &**g)).collect();
    assert_eq!(groups, BTreeSet::from([(Side::Source, "rtu"), (Side::Destination, "rtu")]));
}

#[test]
fn members_of_a_topic_that_cannot_be_listed_are_counted_all_the_same() {
    let m = measured(settings(), &["t=0 src.member rtu rtu-0 crm.a; src.member rtu rtu-dst crm.a\nt=10"]);
    let homes = BTreeMap::from([(Home::Source, 1), (Home::Destination, 1)]);
    assert_eq!(members(&m, Side::Source, "rtu", "crm.a"), Some(homes));
    assert_eq!(m.pairs[&(Side::Source, "rtu".into(), "crm.a".into())].lag, None);
}

#[test]
fn homes_that_no_client_can_have_are_not_shown() {
    let with = |rules: &[(Home, &str)]| {
        let mut s = settings();
        let rule = |(home, p): &(Home, &str)| HomeRule {
            home: *home,
            field: ClientField::ClientId,
            pattern: Pattern::parse(p).unwrap(),
        };
        s.kafka.as_mut().unwrap().homes = rules.iter().map(rule).collect();
        let m = measured(s, &["t=0 src.topic crm.a 1; src.member rtu rtu-0 crm.a\nt=10"]);
        members(&m, Side::Source, "rtu", "crm.a").map(|m| m.into_keys().collect::<Vec<_>>())
    };
    let (source, destination) = ((Home::Source, "*-src"), (Home::Destination, "*-dst"));
    assert_eq!(with(&[source]), Some(vec![Home::Source, Home::Destination]));
    assert_eq!(with(&[destination]), Some(vec![Home::Source, Home::Destination]));
    assert_eq!(with(&[source, destination]), Some(vec![Home::Source, Home::Destination, Home::Unattributed]));
}
