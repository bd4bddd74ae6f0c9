//! What is wrong with any value and any file, word by word.

use super::{said, said_of};
use expect_test::expect;

#[test]
fn many_errors_come_at_once() {
    let text = "\
migration: Shop_Prod
attempt: 0
scope: shop.*
pase: 10min
pace: 10
joint: yes
requirements: enforce
rehearsal: { faster: 5000 }
agent: { interval: 5, listen: localhost, tokens: [alice] }
kafka:
  source: { propertys_file: /run/secrets/kafka-src }
  renmae: {}
  longest_pause: 1w
  unread: { 'shop.PROD.a.ingestion': '' }
producers:
  crm-cdc: { topics: '*.crm.*.ingestion', cadence: 90 }
steps:
  stop-consumer: { skip: 'no' }
";
    expect![[r#"
        the configuration has 18 errors:
          1.yaml:1:12: migration: came `Shop_Prod`; expected 1 to 60 of a-z, 0-9 and -
          1.yaml:2:10: attempt: came `0`; expected a whole number from 1
          1.yaml:3:8: scope: came `shop.*`; a prefix has no `*`: write a list for patterns, as in ["shop.*"]
          1.yaml:4:7: pase: unknown key; did you mean `pace`?
          1.yaml:5:7: pace: came `10`, a number without a unit; write for example 90s, 6min, 1h30m or 7d
          1.yaml:6:8: joint: came `yes`; expected true or false
          1.yaml:7:15: requirements: came `enforce`; expected `enforced` or `advisory`; did you mean `enforced`?
          1.yaml:8:22: rehearsal.faster: came `5000`; expected a whole number from 1 to 1000
          1.yaml:9:20: agent.interval: came `5`, a number without a unit; write for example 90s, 6min, 1h30m or 7d
          1.yaml:9:31: agent.listen: came `localhost`; expected an address and a port, as in 127.0.0.1:9820 or [::]:9820
          1.yaml:9:50: agent.tokens: came a list; expected a map whose keys are <name>
          1.yaml:11:9: kafka.destination: is missing: give `properties_file` (the client.properties people already have), `properties_env` or `properties`
          1.yaml:11:29: kafka.source.propertys_file: unknown key; did you mean `properties_file`?
          1.yaml:12:11: kafka.renmae: unknown key; did you mean `rename`?
          1.yaml:13:18: kafka.longest_pause: came `1w`, which is not a duration; write for example 90s, 6min, 1h30m or 7d
          1.yaml:14:38: kafka.unread."shop.PROD.a.ingestion": the reason is empty: say why, it is shown in every answer it touches
          1.yaml:16:52: producers.crm-cdc.cadence: came `90`, a number without a unit; write for example 90s, 6min, 1h30m or 7d
          1.yaml:18:18: steps.stop-consumer: there is no step `stop-consumer`; did you mean `stop-consumers`?
    "#]].assert_eq(&said_of(&[text], &[]));
}

#[test]
fn nothing_at_all_says_what_the_smallest_configuration_is() {
    expect![[r#"
        the configuration has 2 errors:
          1.yaml: nothing is configured that could be watched; the smallest configuration is
            migration: shop-prod
            scope: shop.PROD
            kafka:
              source:      { properties_file: /run/secrets/kafka-src }
              destination: { properties_file: /run/secrets/kafka-dst }
          migration: is missing: give the migration a name, as in `migration: shop-prod`; the journal is kept under it
    "#]]
    .assert_eq(&said_of(&[""], &[]));
}

#[test]
fn unknown_keys_name_the_nearest_or_where_they_belong() {
    expect![[r#"
        the configuration has 5 errors:
          2.yaml:1:9: rename: unknown key; there is `kafka.rename`
          2.yaml:2:12: identitty: unknown key; did you mean `identity`?
          2.yaml:3:26: kafka.sessionTimeout: unknown key; did you mean `session_timeout`?
          2.yaml:3:36: kafka.zzz: unknown key; there is `source`, `destination`, `interval`, `slow_interval`, `longest_pause`, `session_timeout`, `rename`, `classes`, `ignored`, `unread`, `unseeded`, `archived` or `partitions_differ`
          2.yaml:4:20: agent.data-dir: unknown key; did you mean `data_dir`?
    "#]].assert_eq(&said("rename: {}\nidentitty: {}\nkafka: { sessionTimeout: 45s, zzz: 1 }\nagent: { data-dir: /x }\n"));
}

#[test]
fn values_of_the_wrong_shape() {
    expect![[r#"
        the configuration has 6 errors:
          1.yaml:6:27: expect_none.producers: there are producers declared: take one of them out
          2.yaml:1:12: migration: came a list; expected a name: a-z, 0-9 and -, at most 60 characters
          2.yaml:3:1: pace: is empty; expected a duration, or leave the key out
          2.yaml:3:18: kafka.rename: came a single value; expected a map whose keys are topics or groups
          2.yaml:3:30: kafka.ignored: came a list; expected a map whose keys are <name>
          2.yaml:4:28: producers.a.topics[0]: came a map; expected a pattern or a list of patterns
    "#]]
    .assert_eq(&said(
        "migration: [a]\npace:\nkafka: { rename: x, ignored: [a, b] }\nproducers: { a: { topics: [{}] } }\n",
    ));
}

#[test]
fn durations_have_units_and_ranges() {
    expect![[r#"
        the configuration has 5 errors:
          2.yaml:1:7: pace: came `1.5h`, which is not a duration; write for example 90s, 6min, 1h30m or 7d
          2.yaml:2:25: kafka.longest_pause: came `10s`; allowed are 1min to 366d
          2.yaml:2:47: kafka.session_timeout: came `45`, a number without a unit; write for example 90s, 6min, 1h30m or 7d
          2.yaml:2:66: kafka.slow_interval: came `99999d`, which is longer than ten years
          2.yaml:2:84: kafka.interval: is empty; write for example 90s, 6min, 1h30m or 7d
    "#]].assert_eq(&said(
        "pace: 1.5h\nkafka: { longest_pause: 10s, session_timeout: 45, slow_interval: 99999d, interval: '' }\n",
    ));
}

#[test]
fn switches_and_numbers_are_strict() {
    expect![[r#"
        the configuration has 5 errors:
          2.yaml:1:8: joint: came `on`; expected true or false
          2.yaml:2:10: attempt: came `2` in quotes; expected a whole number from 1
          2.yaml:3:22: rehearsal.faster: came `1.5`; expected a whole number from 1 to 1000
          2.yaml:4:12: migration: came `true`; expected a name: a-z, 0-9 and -, at most 60 characters; quote it if it is a name
          2.yaml:5:15: requirements: came `Advisory`; expected `enforced` or `advisory`; did you mean `advisory`?
    "#]].assert_eq(&said("joint: on\nattempt: '2'\nrehearsal: { faster: 1.5 }\nmigration: true\nrequirements: Advisory\n"));
}

#[test]
fn what_is_not_yaml_stops_with_its_place() {
    for (text, expected) in [
        (
            "a: [",
            expect![[r#"
            the configuration has an error:
              1.yaml:2:1: is not YAML: while parsing a node, did not find expected node content
        "#]],
        ),
        (
            "a: b: c",
            expect![[r#"
            the configuration has an error:
              1.yaml:1:5: is not YAML: mapping values are not allowed in this context
        "#]],
        ),
        (
            "- a",
            expect![[r#"
            the configuration has an error:
              1.yaml:1:1: came a list; a configuration is a map, as in `migration: shop-prod`
        "#]],
        ),
        (
            "a: 1\n---\nb: 2",
            expect![[r#"
            the configuration has an error:
              1.yaml:2:1: has a second document (`---`); give it as a second file
        "#]],
        ),
        (
            "kafka: { rename: { topics: { a: b } }, rename: {} }\npace: 1s\npace: 2s",
            expect![[r#"
            the configuration has 6 errors:
              1.yaml:1:8: kafka.destination: is missing: give `properties_file` (the client.properties people already have), `properties_env` or `properties`
              1.yaml:1:8: kafka.source: is missing: give `properties_file` (the client.properties people already have), `properties_env` or `properties`
              1.yaml:1:40: kafka.rename: is given twice; the first one is at 1.yaml:1:18
              1.yaml:3:1: pace: is given twice; the first one is at 1.yaml:2:7
              migration: is missing: give the migration a name, as in `migration: shop-prod`; the journal is kept under it
              scope: is missing: which topics is this migration about? a prefix as in `scope: shop.PROD`, or a list of patterns
        "#]],
        ),
        (
            "? [a]\n: b",
            expect![[r#"
            the configuration has an error:
              1.yaml:1:3: a list or a map cannot be a key; quote it if it is a name
        "#]],
        ),
        (
            "pace: !!int 5",
            expect![[r#"
            the configuration has an error:
              1.yaml:1:13: tags (`!…`) are not supported; quote what is a text
        "#]],
        ),
        (
            "a: *nowhere",
            expect![[r#"
            the configuration has an error:
              1.yaml:1:4: is not YAML: while parsing node, found unknown anchor
        "#]],
        ),
    ] {
        expected.assert_eq(&said_of(&[text], &[]));
    }
}

#[test]
fn a_bomb_of_aliases_is_defused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let copies = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{copies}]\n"));
    }
    expect![[r#"
        the configuration has an error:
          1.yaml:5:45: holds more than 100000 values
    "#]]
    .assert_eq(&said_of(&[&text], &[]));
    expect![[r#"
        the configuration has an error:
          1.yaml:1:256: is not YAML: recursion limit exceeded
    "#]]
    .assert_eq(&said_of(&[&"[".repeat(100_000)], &[]));
    expect![[r#"
        the configuration has an error:
          1.yaml:1:65: is nested deeper than 32 levels
    "#]]
    .assert_eq(&said_of(&[&"- ".repeat(100_000)], &[]));
}
