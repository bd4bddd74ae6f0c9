//! What relaxes a rule is listed with its reason, and is part of the hash.

use super::{BASE, load, said, with};
use expect_test::expect;

const ALL: &str = "\
producers: { a: { topics: 'a', mode: stopped, reason: 'retired in May' } }
identity: { destination: { kafka: { client_id: '*-dst' } }, bystanders: { x: { mongodb: { user: x }, reason: monitoring } } }
dropped: { mongodb: 'moved last year' }
kafka:
  ignored: { G: 'gone' }
  unread: { shop.PROD.a: 'nobody needs it' }
  unseeded: { g: 'starts at the end by design' }
  archived: { shop.PROD.a: 'in the object store' }
  partitions_differ: { shop.PROD.a: 'no keys' }
steps:
  switch-dns: { skip: 'clients use the gateway' }
  deploy-services: { present: { for: 30s } }
";

#[test]
fn every_relaxation_is_listed() {
    let base = BASE.replace("expect_none: { producers: 'the lab writes by hand' }", "");
    let config = load(&[&base, ALL], &[]).unwrap();
    let lines: Vec<String> =
        config.settings.relaxations.iter().map(|r| format!("{} ({:?}): {}\n", r.path, r.tracks, r.reason)).collect();
    expect![[r#"
        dropped.mongodb ([Services, Kafka]): moved last year
        identity.bystanders.x ([Mongodb]): monitoring
        kafka.archived."shop.PROD.a" ([Kafka]): in the object store
        kafka.ignored.G ([Kafka]): gone
        kafka.partitions_differ."shop.PROD.a" ([Kafka]): no keys
        kafka.unread."shop.PROD.a" ([Kafka]): nobody needs it
        kafka.unseeded.g ([Kafka]): starts at the end by design
        producers.a.mode ([Kafka]): retired in May
        steps.deploy-services.present.for ([Services]): for 30s instead of 1min
        steps.switch-dns.skip ([Services]): clients use the gateway
    "#]]
    .assert_eq(&lines.concat());
    let none = with("");
    assert_eq!(none.settings.relaxations.len(), 1);
    assert_eq!(none.settings.kafka.unwrap().no_producers.as_deref(), Some("the lab writes by hand"));
    assert_eq!(config.dropped.len(), 1);
}

#[test]
fn reasons_are_words() {
    expect![[r#"
        the configuration has 7 errors:
          2.yaml:1:24: kafka.ignored.a: the reason is empty: say why, it is shown in every answer it touches
          2.yaml:1:31: kafka.ignored.b: came `true`; say why in words, it is shown in every answer it touches
          2.yaml:1:40: kafka.ignored.c: came `yes`; say why in words, it is shown in every answer it touches
          2.yaml:1:48: kafka.ignored.d: came `5`; say why in words, it is shown in every answer it touches
          2.yaml:1:54: kafka.ignored.e: the reason is empty: say why, it is shown in every answer it touches
          2.yaml:1:61: kafka.ignored.f: is empty; expected a reason in words, or leave the key out
          2.yaml:1:68: kafka.ignored.g: came a list; expected a reason in words
    "#]]
    .assert_eq(&said("kafka: { ignored: { a: '', b: true, c: yes, d: 5, e: '  ', f: , g: [x] } }\n"));
}

#[test]
fn names_are_exact() {
    expect![[r#"
        the configuration has 2 errors:
          2.yaml:1:35: kafka.unread."shop.PROD.*": patterns are not expanded here: name each topic, so that none is left out by accident
          2.yaml:1:47: kafka.unread."a b": cannot be the name of a topic
    "#]].assert_eq(&said("kafka: { unread: { 'shop.PROD.*': why, 'a b': why }, ignored: { 'x*': why } }\n"));
    expect![[r#"
        warning: 2.yaml:1:35: kafka.archived."other.topic": is not in scope and has no effect
        warning: 2.yaml:1:59: kafka.ignored."x*": is taken as an exact name: patterns are not expanded here
    "#]]
    .assert_eq(&said("kafka: { archived: { other.topic: why }, ignored: { 'x*': why } }\n"));
}

#[test]
fn a_dropped_track_is_not_configured() {
    expect![[r#"
        the configuration has an error:
          2.yaml:1:19: dropped.kafka: is dropped, but the kafka track is configured: take one of them out
    "#]]
    .assert_eq(&said("dropped: { kafka: 'done' }\n"));
}

#[test]
fn the_hash_is_over_what_is_decided_by() {
    let hash = |second: &str| with(second).settings.config_hash;
    let plain = hash("");
    assert_eq!(plain.len(), 12);
    assert_eq!(plain, hash("kafka: { longest_pause: 168h }\npace: 600s\njoint: false\n"), "the same said otherwise");
    assert_eq!(plain, hash("# a comment\n"));
    assert_ne!(plain, hash("kafka: { longest_pause: 6d }\n"));
    assert_ne!(hash("kafka: { ignored: { a: one } }"), hash("kafka: { ignored: { a: two } }"), "reasons count");
    assert_eq!(
        hash("kafka: { classes: { a: ingestion, b: sv-update } }"),
        hash("kafka: { classes: { b: sv-update, a: ingestion } }"),
        "maps have no order"
    );
}
