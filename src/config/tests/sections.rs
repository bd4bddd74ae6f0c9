//! What each section refuses, word by word.

use super::{BASE, said, said_of, with};
use cutover_core::settings::Track;
use cutover_core::time::Dur;
use expect_test::expect;

#[test]
fn a_timeout_is_below_every_interval() {
    expect![[r#"
        the configuration has an error:
          2.yaml:1:20: agent.interval: is 4s, but must be longer than `agent.timeout`, which is 4s
    "#]]
    .assert_eq(&said("agent: { interval: 4s }\n"));
    expect![[r#"
        the configuration has an error:
          2.yaml:1:20: kafka.interval: is 2s, but must be longer than a request may take: `agent.timeout` is 4s
    "#]]
    .assert_eq(&said("kafka: { interval: 2s }\n"));
}

#[test]
fn steps_and_checks_are_known() {
    expect![[r#"
        the configuration has 6 errors:
          2.yaml:2:18: steps.stop-consumer: there is no step `stop-consumer`; did you mean `stop-consumers`?
          2.yaml:3:30: steps.stop-consumers.drianed: `stop-consumers` has no check `drianed`; did you mean `drained`?
          2.yaml:3:50: steps.stop-consumers.skip: `stop-consumers` cannot be skipped; only `deploy-services`, `redirect-traffic`, `stop-source-services`, `switch-dns` or `switch-readers` can
          2.yaml:3:87: steps.stop-consumers.visible.for: `visible` has no `for`: it holds, or does not, in the newest samples
          2.yaml:4:31: steps.switch-producers.after[0]: `stop-writers` belongs to the mongodb track, which is not configured: it would never be done
          2.yaml:4:45: steps.switch-producers.after[1]: there is no step `retire-sauce`; did you mean `retire-source`?
    "#]].assert_eq(&said(
        "\
steps:
  stop-consumer: {}
  stop-consumers: { drianed: { for: 90s }, skip: 'we are in a hurry', visible: { for: 5s } }
  switch-producers: { after: [stop-writers, retire-sauce] }
",
    ));
}

#[test]
fn irreversible_steps_have_floors() {
    expect![[r#"
        the configuration has 3 errors:
          2.yaml:1:44: steps.stop-consumers.drained.for: came 30s, less than 45s: `stop-consumers` has no way back, and `drained` must hold at least that long
          2.yaml:1:75: steps.stop-consumers.nobody-attached.for: came 1min, less than 6min: `stop-consumers` has no way back, and `nobody-attached` must hold at least that long
          2.yaml:1:106: steps.stop-consumers.ingestion-idle.for: came 10s, less than 45s: `stop-consumers` has no way back, and `ingestion-idle` must hold at least that long
    "#]].assert_eq(&said(
        "steps: { stop-consumers: { drained: { for: 30s }, nobody-attached: { for: 1min }, ingestion-idle: { for: 10s } } }\n",
    ));
}

#[test]
fn steps_do_not_wait_for_each_other() {
    expect![[r#"
        the configuration has an error:
          2.yaml:2:8: steps: wait for each other: deploy-services after stop-consumers after switch-producers after redirect-traffic after deploy-services; none of them could ever begin
    "#]].assert_eq(&said(
        "\
identity: { destination: { kafka: { client_id: '*-dst' } } }
steps: { deploy-services: { after: stop-consumers }, switch-producers: { after: redirect-traffic } }
",
    ));
    expect![[r#"
        the configuration has an error:
          2.yaml:1:8: steps: wait for each other: switch-producers after switch-producers; none of them could ever begin
    "#]]
    .assert_eq(&said("steps: { switch-producers: { after: switch-producers } }\n"));
}

#[test]
fn scopes_are_prefixes_or_lists() {
    let base = BASE.replace("scope: shop.PROD\n", "");
    for (scope, expected) in [
        (
            "",
            expect![[r#"
            the configuration has an error:
              scope: is missing: which topics is this migration about? a prefix as in `scope: shop.PROD`, or a list of patterns
        "#]],
        ),
        (
            "scope: shop.*",
            expect![[r#"
            the configuration has an error:
              2.yaml:1:8: scope: came `shop.*`; a prefix has no `*`: write a list for patterns, as in ["shop.*"]
        "#]],
        ),
        (
            "scope: shop.PROD.",
            expect![[r#"
            the configuration has an error:
              2.yaml:1:8: scope: came `shop.PROD.`; leave the last dot out: `shop.PROD` means every topic `shop.PROD.*`
        "#]],
        ),
        (
            "scope: []",
            expect![[r#"
            the configuration has an error:
              2.yaml:1:8: scope: the list is empty: name something, or leave the key out
        "#]],
        ),
        (
            "scope: ['shop.{PROD,TEST}.*']",
            expect![[r#"
                the configuration has an error:
                  2.yaml:1:9: scope[0]: the pattern `shop.{PROD,TEST}.*` has a list in braces, which only name what is captured, as in `{service}`: write a pattern for each: `shop.PROD.*`, `shop.TEST.*`
            "#]],
        ),
        (
            "scope: 'shop PROD'",
            expect![[r#"
            the configuration has an error:
              2.yaml:1:8: scope: came `shop PROD`, which no topic can begin with: letters, digits, `.`, `_` and `-`
        "#]],
        ),
    ] {
        expected.assert_eq(&said_of(&[&base, scope], &[]));
    }
}

#[test]
fn renames_never_make_one_name_of_two() {
    expect![[r#"
        the configuration has 4 errors:
          2.yaml:1:28: kafka.rename.topics: `a.y.…` and `c.…` would both become `z.y.…`: two names must never become one
          2.yaml:1:28: kafka.rename.topics: `a.…` and `b.…` would both become `z.…`: two names must never become one
          2.yaml:1:28: kafka.rename.topics: `b.y.…` and `c.…` would both become `z.y.…`: two names must never become one
          2.yaml:1:78: kafka.rename.groups: `a…` and `…` would both become `b…`: two names must never become one
    "#]]
    .assert_eq(&said(
        "kafka: { rename: { topics: { 'a.': 'z.', 'b.': 'z.', 'c.': 'z.y.' }, groups: { 'a': 'b', '': 'b' } } }\n",
    ));
    expect![[r#"
        warning: 2.yaml:1:28: kafka.rename.topics: the source may have topics in scope that begin with `shop.PROD.y.` already: they keep their names and could meet a renamed one
    "#]].assert_eq(&said("kafka: { rename: { topics: { 'shop.PROD.x.': 'shop.PROD.y.' } } }\n"));
}

#[test]
fn source_and_destination_are_two_clusters() {
    expect![[r#"
        the configuration has an error:
          2.yaml:1:23: kafka.destination: source and destination both name old:9092: they must not be the same cluster, or a drained topic proves nothing
    "#]].assert_eq(&said("kafka: { destination: { properties: { bootstrap.servers: 'other:9092,OLD:9092' } } }\n"));
}

#[test]
fn client_properties_are_checked() {
    let text = "\
kafka:
  source: { properties: { sasl.password: hunter2, bootstrap.servers: 'old:9092' } }
  destination: { properties: { bootstrap.server: 'new:9092', security.protocol: TLS } }
";
    expect![[r#"
        the configuration has 3 errors:
          2.yaml:2:42: kafka.source.properties."sasl.password": is a secret and has no place here: keep all properties in a file and give `properties_file`
          2.yaml:3:30: kafka.destination.properties: bootstrap.server is not a known setting; did you mean bootstrap.servers?
          2.yaml:3:30: kafka.destination.properties: security.protocol: is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL
    "#]].assert_eq(&said(text));
    expect![[r#"
        the configuration has an error:
          2.yaml:1:18: kafka.source: has `properties` and a place to read them from; keep one
    "#]]
    .assert_eq(&said("kafka: { source: { properties_file: /x } }\n"));
    let none = BASE.replace("source: { properties: { bootstrap.servers: 'old:9092' } }", "source: {}");
    expect![[r#"
        the configuration has an error:
          1.yaml:4:11: kafka.source: is missing: give `properties_file` (the client.properties people already have), `properties_env` or `properties`
    "#]].assert_eq(&said_of(&[&none], &[]));
}

#[test]
fn producers_say_what_they_write() {
    expect![[r#"
        the configuration has 5 errors:
          2.yaml:1:17: producers.a.topics: is missing: which topics does it write? as in ["*.crm.*.ingestion"]
          2.yaml:1:24: producers.b.reason: is missing: why will this producer never write again?
          2.yaml:1:34: producers.b.topics: the pattern `{x}` captures; only `identity` does that: write two patterns instead of `{a,b}`
          2.yaml:1:84: producers.c.reason: has no meaning without `mode: stopped`
          2.yaml:1:113: producers.d.mode: came `paused`; expected `stopped`
    "#]].assert_eq(&said_of(
        &[
            &BASE.replace("expect_none: { producers: 'the lab writes by hand' }", ""),
            "producers: { a: {}, b: { topics: '{x}', mode: stopped }, c: { topics: 'c', reason: why }, d: { topics: d, mode: paused } }\n",
        ],
        &[],
    ));
    expect![[r#"
        the configuration has an error:
          1.yaml:6:27: expect_none.producers: there are producers declared: take one of them out
    "#]]
    .assert_eq(&said("producers: { a: { topics: a } }\n"));
    expect![[r#"
        warning: producers: no producer is declared: who writes the ingestion topics stays unknown, and `switch-producers` with it; declare them, or say why there is none in `expect_none.producers`
    "#]].assert_eq(&said_of(&[&BASE.replace("expect_none: { producers: 'the lab writes by hand' }", "")], &[]));
}

#[test]
fn a_list_in_braces_is_no_pattern() {
    expect![[r#"
        the configuration has 3 errors:
          1.yaml:6:27: expect_none.producers: there are producers declared: take one of them out
          2.yaml:1:27: producers.a.topics: the pattern `shop.{crm,erp}.*` has a list in braces, which only name what is captured, as in `{service}`: write a pattern for each: `shop.crm.*`, `shop.erp.*`
          2.yaml:2:43: identity.source.kafka.client_id: the pattern `{rtu,svt}-src` has a list in braces, which only name what is captured, as in `{service}`: write a pattern for each: `rtu-src`, `svt-src`
    "#]].assert_eq(&said(
        "producers: { a: { topics: 'shop.{crm,erp}.*' } }\nidentity: { source: { kafka: { client_id: '{rtu,svt}-src' } } }\n",
    ));
}

#[test]
fn identities_recognise_somebody() {
    expect![[r#"
        the configuration has 4 errors:
          2.yaml:1:21: identity.source: recognises nobody: give at least one of kafka.client_id, kafka.group, kafka.host, mongodb.app_name, mongodb.user, mongodb.address
          2.yaml:1:61: identity.destination.kafka.client_id[0]: the pattern `{a}-{b}` captures twice: only one `{name}` can give the identity
          2.yaml:1:72: identity.destination.kafka.client_id[1]: the pattern `{a` has a `{` without `}` (or the other way round): write `{service}` whole
          2.yaml:1:122: identity.bystanders.x.reason: is missing: why does this client not count?
    "#]].assert_eq(&said(
        "identity: { source: {}, destination: { kafka: { client_id: ['{a}-{b}', '{a'] }, mongodb: { user: x } }, bystanders: { x: { kafka: { group: x } } } }\n",
    ));
}

#[test]
fn probes_are_checked_in_shape() {
    expect![[r#"
        the configuration has 10 errors:
          2.yaml:2:6: probes.a.side: is missing; expected source or destination
          2.yaml:2:6: probes.a.url: is missing: a `http` probe needs `url`
          2.yaml:2:28: probes.a.gates[0]: there is no step `redirect`; did you mean `redirect-traffic`?
          2.yaml:3:42: probes.b.address: came `nowhere`; expected host:port
          2.yaml:3:58: probes.b.query: does not belong to a `tcp` probe, which has `address`, `tls` or `certificate_days`
          2.yaml:3:75: probes.b.requirement: there is no requirement `imagos`; did you mean `images`?
          2.yaml:4:71: probes.c.filter: is not a JSON document: EOF while parsing an object at line 1 column 1
          2.yaml:4:99: probes.c.timeout: must be shorter than the probe's interval
          2.yaml:5:14: probes.d.kind: came `htpp`; expected `tcp`, `http`, `dns`, `count`, `promql` or `pods`; did you mean `http`?
          2.yaml:5:26: probes.d.side: came `sauce`; expected `source` or `destination`; did you mean `source`?
    "#]]
    .assert_eq(&said(
        "\
probes:
  a: { kind: http, gates: [redirect] }
  b: { kind: tcp, side: source, address: nowhere, query: up, requirement: imagos }
  c: { kind: count, side: source, database: d, collection: c, filter: '{', interval: 2s, timeout: 3s }
  d: { kind: htpp, side: sauce }
",
    ));
}

#[test]
fn what_probes_ask_is_checked() {
    expect![[r#"
        the configuration has 15 errors:
          2.yaml:2:42: probes.a.address: came `::1:443`; expected host:port
          2.yaml:2:71: probes.a.certificate_days: needs `tls: true`: without TLS nobody shows a certificate
          2.yaml:3:76: probes.b.certificate_days: needs an https:// URL: without TLS nobody shows a certificate
          2.yaml:3:90: probes.b.interval: must be longer than the probe's timeout, which is `agent.timeout` (4s): give the probe one of its own
          2.yaml:4:39: probes.c.url: is no usable URL: leave secrets out: this file is no place for them
          2.yaml:4:89: probes.c.timeout: must be shorter than the probe's interval
          2.yaml:5:39: probes.d.url: is no usable URL: invalid IPv6 address
          2.yaml:6:39: probes.e.name: came `10.0.0.1`; expected a name, as in api.shop.example
          2.yaml:6:61: probes.e.resolvers[0]: came `dns.google`; expected an IP address, with its port where that is not 53
          2.yaml:6:73: probes.e.resolvers[1]: came `10.0.0.2:0`; expected an IP address, with its port where that is not 53
          2.yaml:6:96: probes.e.expect: the list is empty: name at least one
          2.yaml:7:39: probes.f.name: came `a..b`, which is no DNS name
          2.yaml:7:56: probes.f.resolvers: the list is empty: name at least one
          2.yaml:7:69: probes.f.expect[0]: came `a b.example`, which is no DNS name
          2.yaml:8:65: probes.g.query: `rate(old_requests[1m]) < 1` drops the series that do not meet it, and those that are left would pass alone: write `rate(old_requests[1m]) < bool 1`, of which every series has to be 1, or compare single values, aggregated without `by` and `without`, as in `max(…) < 1`
    "#]]
    .assert_eq(&said(
        "\
probes:
  a: { kind: tcp, side: source, address: '::1:443', certificate_days: 14 }
  b: { kind: http, side: source, url: 'http://api.new/', certificate_days: 14, interval: 2s }
  c: { kind: http, side: source, url: 'https://api.new/?access_token=hunter2', timeout: 6s }
  d: { kind: http, side: source, url: 'http://[::/' }
  e: { kind: dns, side: source, name: 10.0.0.1, resolvers: [dns.google, '10.0.0.2:0'], expect: [] }
  f: { kind: dns, side: source, name: a..b, resolvers: [], expect: ['a b.example'] }
  g: { kind: promql, side: source, url: 'http://p:9090', query: 'rate(old_requests[1m]) < 1' }
",
    ));
}

#[test]
fn what_probes_cannot_do_is_warned_of() {
    expect![[r#"
        warning: 2.yaml:2:6: probes.a: pods are not read by this version: what this probe gates stays unknown
        warning: 2.yaml:3:6: probes.b: counts are not read by this version: what this probe gates stays unknown
        warning: 2.yaml:4:58: probes.c.vantage: only names where the agent runs: it looks from nowhere else; another place looks through a blackbox exporter and a `promql` probe
    "#]]
    .assert_eq(&said(
        "\
probes:
  a: { kind: pods, side: source, namespace: n, selector: app=x }
  b: { kind: count, side: source, database: d, collection: c }
  c: { kind: tcp, side: source, address: 'a:1', vantage: office }
  d: { kind: promql, side: source, url: 'http://p:9090', query: probe_success, vantage: blackbox }
",
    ));
}

#[test]
fn probes_come_out_as_questions() {
    let config = with(
        "\
agent: { interval: 4s, timeout: 2s }
probes:
  a: { kind: tcp, side: source, address: '[::1]:443', tls: true, gates: [redirect-traffic, stop-consumers] }
  b: { kind: dns, side: destination, name: Api.shop.example, resolvers: [10.0.0.2, '[::1]:5353', 10.0.0.2], expect: [LB.New.example., 'FD00::0:1'], interval: 1min, timeout: 10s }
  c: { kind: http, side: destination, url: 'https://api.new/x', status: 204, requirement: images, vantage: office }
  d: { kind: pods, side: source, namespace: n, selector: app=x }
  e: { kind: count, side: source, database: d, collection: c }
",
    );
    let (settings, targets) = (&config.settings.probes, &config.probes);
    let times = |name: &str| (settings[name].interval, targets[name].timeout);
    assert_eq!((times("a"), times("b")), ((Dur::secs(4), Dur::secs(2)), (Dur::mins(1), Dur::secs(10))));
    assert!(settings["a"].gates.contains("redirect-traffic") && config.settings.tracks.contains(&Track::Services));
    assert_eq!(
        (settings["c"].requirement.as_deref(), settings["c"].vantage.as_deref()),
        (Some("images"), Some("office"))
    );
    assert_eq!((settings.len(), targets.contains_key("d")), (5, false));
    let asked: Vec<String> = targets.values().map(|t| format!("{:?}\n", t.question)).collect();
    expect![[r#"
        Tcp { host: "::1", port: 443, tls: true, days: None }
        Dns { name: Name("api.shop.example."), resolvers: {10.0.0.2:53, [::1]:5353}, expect: {"fd00::1", "lb.new.example"} }
        Http { url: Url { scheme: "https", cannot_be_a_base: false, username: "", password: None, host: Some(Domain("api.new")), port: None, path: "/x", query: None, fragment: None }, status: Some(204), days: None }
        Unread
    "#]]
    .assert_eq(&asked.concat());
}
