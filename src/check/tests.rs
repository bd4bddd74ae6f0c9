//! The table and its exit code; what is read of real servers is held in `tests/it`.

use super::{Row, exit_code, probes, table, unread};
use crate::config::{Config, load};
use crate::daemon;
use expect_test::expect;
use std::collections::BTreeMap;

fn row(target: &str, capability: &'static str, needed_by: &'static str, ok: bool, required: bool, found: &str) -> Row {
    Row {
        target: target.into(),
        capability,
        needed_by: needed_by.into(),
        ok,
        required,
        found: found.into(),
        fix: Some("do this".into()).filter(|_| !ok),
        passes: None,
    }
}

fn with(text: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yaml");
    for side in ["a", "b"] {
        std::fs::write(dir.path().join(side), format!("mongodb://{side}.example/?replicaSet=x")).unwrap();
    }
    std::fs::write(&file, text.replace("DIR", &dir.path().display().to_string())).unwrap();
    load(&[file], &BTreeMap::new()).unwrap_or_else(|e| panic!("{e}"))
}

/// The rows of the probes of a configuration, each asked.
async fn asked(config: &Config) -> Vec<Row> {
    let (samples, _taken) = tokio::sync::mpsc::channel(1);
    let mut rows = probes(daemon::probers(config, &samples), &config.settings.probes).await;
    rows.extend(unread(config));
    rows
}

#[test]
fn every_row_says_which_steps_need_it_within_a_terminal() {
    let acl = "kafka-acls --bootstrap-server … --add --allow-principal User:<the agent's user> --operation Describe --cluster";
    let rows = [
        row("kafka/source", "connect", "every step of the kafka track", true, true, "d84106c6437848a2a463fQ"),
        Row {
            fix: Some(acl.into()),
            ..row(
                "kafka/source",
                "Describe on the cluster",
                "switch-producers, stop-consumers, start-consumers",
                false,
                true,
                "not allowed: the list of groups may be shortened without a word",
            )
        },
        row("mongodb/destination", "transactions and index builds", "stop-writers, start-writers", true, true, "read"),
        row(
            "step/stop-source-services",
            "left",
            "stop-source-services",
            false,
            false,
            "nothing measures it (not-built)",
        ),
    ];
    let said = table(&rows);
    let long = said.lines().filter(|l| l.chars().count() > 120 && !l.contains("fix: "));
    assert_eq!(long.count(), 0, "{said}");
    expect![[r#"
              target                     capability               needed by                 what came back; fix
        ok    kafka/source               connect                  every step of the kafka   d84106c6437848a2a463fQ
                                                                  track
        FAIL  kafka/source               Describe on the cluster  switch-producers,         not allowed: the list of groups may
                                                                  stop-consumers,           be shortened without a word
                                                                  start-consumers
              fix: kafka-acls --bootstrap-server … --add --allow-principal User:<the agent's user> --operation Describe --cluster
        ok    mongodb/destination        transactions and index   stop-writers,             read
                                         builds                   start-writers
        miss  step/stop-source-services  left                     stop-source-services      nothing measures it (not-built)
              fix: do this
    "#]].assert_eq(&said);
}

#[test]
fn the_exit_code_is_never_0_where_nothing_was_reached() {
    let r = |capability, ok, required| row("x", capability, "y", ok, required, "z");
    let probe = |ok, pass| Row { passes: pass, ..r("tcp", ok, false) };
    for (code, rows) in [
        (1, vec![]),
        (0, vec![r("connect", true, true)]),
        (0, vec![r("connect", true, true), r("status", false, false)]),
        (1, vec![r("connect", true, true), r("oplog", false, true)]),
        (3, vec![r("connect", false, true), r("oplog", false, true)]),
        (1, vec![r("status", false, false)]),
        (1, vec![probe(true, Some(false)), probe(false, None)]),
        (0, vec![probe(true, Some(true)), probe(true, Some(false)), probe(false, None)]),
        (0, vec![r("connect", true, true), probe(true, Some(false))]),
    ] {
        assert_eq!(exit_code(&rows), code, "{rows:#?}");
        assert_eq!(table(&rows).contains("nothing was read"), rows.iter().all(|r| !r.ok || r.passes == Some(false)));
    }
}

#[tokio::test]
async fn probes_that_reach_nobody_are_no_success_and_every_probe_has_a_row() {
    // A port that nobody has: it was free, and is closed again.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let probes = |more: &str| {
        format!(
            "migration: shop\nprobes:\n  a: {{ kind: tcp, side: source, address: '{free}', gates: [redirect-traffic, \
             switch-dns] }}\n  b: {{ kind: promql, side: source, url: 'http://{free}', query: up, requirement: images, \
             gates: redirect-traffic }}\n{more}"
        )
    };
    let rows = asked(&with(&probes(""))).await;
    assert_eq!(exit_code(&rows), 1, "{}", table(&rows));
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let open = format!("  c: {{ kind: tcp, side: source, address: '{}' }}\n", door.local_addr().unwrap());
    let rows = asked(&with(&probes(&open))).await;
    assert_eq!(exit_code(&rows), 0, "{}", table(&rows));

    let unread = "  d: { kind: pods, side: source, namespace: n, selector: app=x, gates: redirect-traffic }\n  \
                  e: { kind: count, side: source, database: d, collection: c }\n";
    let rows = asked(&with(&probes(&(open + unread)))).await;
    let told: Vec<_> = rows.iter().map(|r| (&*r.target, r.capability, &*r.needed_by, r.ok, r.required)).collect();
    assert_eq!(
        told,
        [
            ("probe/a", "tcp", "redirect-traffic, switch-dns", true, false),
            ("probe/b", "promql", "redirect-traffic, requirement images", false, false),
            ("probe/c", "tcp", "checks of the services track", true, false),
            ("probe/d", "pods", "redirect-traffic", false, true),
            ("probe/e", "count", "checks of the services track", false, false),
        ]
    );
    assert!(rows[3].found.contains("not read by this version") && rows[4].found.contains("not read by this version"));
    assert_eq!(exit_code(&rows), 1);
}

#[test]
fn mirrors_that_are_not_read_have_a_row() {
    let config = with(
        "migration: shop\nmongodb:\n  source: { uri_file: DIR/a }\n  destination: { uri_file: DIR/b }\n  databases: [shop]\n  \
         mirrors:\n    a: { kind: mongomirror, url: 'http://m:8080', namespaces: ['shop.a'] }\n    \
         b: { kind: mongosync, url: 'http://m:27182', namespaces: ['shop.b'] }\n    \
         c: { kind: external, marker: shop.m, namespaces: ['shop.c'] }\n",
    );
    let rows = unread(&config);
    let told: Vec<_> = rows.iter().map(|r| (&*r.target, r.capability, r.ok, r.required)).collect();
    assert_eq!(told, [("mirror/b", "mongosync", false, true), ("mirror/c", "external", false, true)]);
    assert_eq!(exit_code(&rows), 1);
}
