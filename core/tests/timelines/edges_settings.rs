//! What a name, a client and a topic are by the settings.

use super::mongo::mongodb;
use super::world::settings;
use cutover_core::estate::mongodb::MongoClient;
use cutover_core::pattern::Pattern;
use cutover_core::settings::*;

#[test]
fn words_of_the_configuration_are_said_as_they_are_written() {
    let homes = [Home::Source, Home::Destination, Home::Unattributed];
    assert_eq!(homes.map(Home::as_str), ["source", "destination", "unattributed"]);
    let mirrors = [MirrorKind::Mongomirror, MirrorKind::Mongosync, MirrorKind::Clustersync, MirrorKind::External];
    assert_eq!(mirrors.map(MirrorKind::as_str), ["mongomirror", "mongosync", "clustersync", "external"]);
    let probes =
        [ProbeKind::Tcp, ProbeKind::Http, ProbeKind::Dns, ProbeKind::Count, ProbeKind::Promql, ProbeKind::Pods];
    assert_eq!(probes.map(ProbeKind::as_str), ["tcp", "http", "dns", "count", "promql", "pods"]);
}

#[test]
fn a_topic_has_the_class_that_its_name_ends_with_after_something_and_a_dot() {
    let k = settings().kafka.unwrap();
    assert_eq!(k.class("crm.ingestion"), Some(Class::Ingestion));
    assert_eq!(k.class("a.ingestion"), Some(Class::Ingestion));
    assert_eq!(k.class(".ingestion"), None, "nothing stands before the dot");
    assert_eq!(k.class("crmingestion"), None, "no dot");
    assert_eq!(k.class("ingestion"), None);
}

fn client(app_name: &str, address: &str) -> MongoClient {
    MongoClient { app_name: app_name.into(), user: "".into(), address: address.into(), first: 1, last: 1 }
}

fn rule(field: MongoField, p: &str) -> ClientRule {
    ClientRule { field, pattern: Pattern::parse(p).unwrap() }
}

#[test]
fn with_a_home_rule_for_one_side_every_other_client_has_the_other_home() {
    let home = |homes: Vec<(Home, &str)>, app: &str| {
        let homes = homes.into_iter().map(|(h, p)| (h, rule(MongoField::AppName, p))).collect();
        MongodbSettings { homes, ..mongodb() }.identity(&client(app, "10.0.0.1")).0
    };
    let (here, there) = ((Home::Source, "*-old"), (Home::Destination, "*-new"));
    assert_eq!(home(vec![here], "svc-old"), Home::Source);
    assert_eq!(home(vec![here], "svc"), Home::Destination);
    assert_eq!(home(vec![there], "svc"), Home::Source);
    assert_eq!(home(vec![here, there], "svc"), Home::Unattributed);
    assert_eq!(home(vec![], "svc"), Home::Unattributed);
}

#[test]
fn a_role_rule_recognises_what_a_home_rule_captured_from_its_own_field_and_no_other() {
    let writers = rule(MongoField::AppName, "orders");
    let recognised = |home: ClientRule, c: &MongoClient| {
        let s = MongodbSettings { homes: vec![(Home::Destination, home)], ..mongodb() };
        s.recognised(&writers, c).map(str::to_owned)
    };
    let by_name = || rule(MongoField::AppName, "{service}-dst");
    let by_address = || rule(MongoField::Address, "{service}.dst");
    assert_eq!(recognised(by_name(), &client("orders-dst", "10.0.0.1")).as_deref(), Some("orders"));
    assert_eq!(recognised(by_name(), &client("crm-dst", "10.0.0.1")), None);
    assert_eq!(recognised(by_address(), &client("anything", "orders.dst")), None, "an address is no name");
    assert_eq!(recognised(by_address(), &client("orders", "10.0.0.1")).as_deref(), Some("orders"));
}
