//! Files over files, the environment over all, and names that survive exactly.

use super::{BASE, load, said_of, with};
use cutover_core::settings::{Class, Track};
use cutover_core::time::Dur;
use expect_test::expect;

#[test]
fn later_files_win_element_by_element() {
    let config = load(
        &[
            BASE,
            "kafka: { ignored: { 'shop.PROD.A': 'first', 'shop.PROD.B': 'first' }, longest_pause: 1d }\nscope: ['a.*', 'b.*']\n",
            "kafka: { ignored: { 'shop.PROD.B': 'second' } }\nscope: ['c.*']\n",
        ],
        &[],
    )
    .unwrap();
    let kafka = config.settings.kafka.unwrap();
    assert_eq!(format!("{:?}", kafka.ignored), r#"{"shop.PROD.A": "first", "shop.PROD.B": "second"}"#);
    assert_eq!(kafka.topics.iter().map(|p| p.as_str()).collect::<Vec<_>>(), ["c.*"], "lists are replaced whole");
    assert_eq!(kafka.longest_pause, Dur::days(1));
}

#[test]
fn the_environment_wins_over_files() {
    let env = [
        ("CUTOVER__KAFKA__LONGEST_PAUSE", "3d"),
        ("CUTOVER__SCOPE", "other.PROD"),
        ("CUTOVER__JOINT", "false"),
        ("CUTOVER__REHEARSAL__FASTER", "10"),
        ("PATH", "/bin"),
    ];
    let config = load(&[BASE, "kafka: { longest_pause: 1d }"], &env).unwrap();
    assert_eq!(config.settings.faster, 10);
    let kafka = config.settings.kafka.unwrap();
    assert_eq!(kafka.longest_pause, Dur::days(3));
    assert_eq!(kafka.topics[0].as_str(), "other.PROD.*");
}

#[test]
fn variables_nobody_knows_are_errors() {
    let env = [
        ("CUTOVER__AGENT__LISTN", "1.2.3.4:1"),
        ("cutover__pace", "1s"),
        ("CUTOVER__PRODUCERS__CRM__OWNER", "x"),
        ("CUTOVER__AGENT__TOKENS", "secret"),
        ("CUTOVER__WHATEVER", "x"),
        ("CUTOVER__PACE", ""),
        ("CUTOVER__JOINT", "yes"),
    ];
    expect![[r#"
        the configuration has 7 errors:
          environment CUTOVER__AGENT__LISTN: is no variable of this agent; did you mean `CUTOVER__AGENT__LISTEN`?
          environment CUTOVER__AGENT__TOKENS: sets `agent.tokens`, which only a file can: it takes a map
          environment CUTOVER__JOINT: joint: came `yes`; expected true or false
          environment CUTOVER__PACE: pace: is set but empty: give a value or unset it
          environment CUTOVER__PRODUCERS__CRM__OWNER: lies in `producers`, whose keys are names of yours or of the playbook: only a file can set those
          environment CUTOVER__WHATEVER: is no variable of this agent
          environment cutover__pace: is no variable of this agent; did you mean `CUTOVER__PACE`?
    "#]].assert_eq(&said_of(&[BASE], &env));
}

#[test]
fn names_with_dots_and_capitals_survive() {
    let config = with(
        "kafka: { ignored: { 'Shop.PROD.Old-RTU': gone, shop.prod.old-rtu: gone too }, rename: { topics: { Shop.PROD.: shop.prod. } }, \
         classes: { 'A.*': ingestion, 'A.b.*': sv-update } }\n",
    );
    let kafka = config.settings.kafka.unwrap();
    assert_eq!(kafka.ignored.keys().map(|k| &**k).collect::<Vec<_>>(), ["Shop.PROD.Old-RTU", "shop.prod.old-rtu"]);
    assert_eq!(&*kafka.topic_there(&"Shop.PROD.x".into()), "shop.prod.x");
    assert_eq!(kafka.class("A.b.c"), Some(Class::SvUpdate), "the longest pattern wins");
    assert_eq!(kafka.class("A.c"), Some(Class::Ingestion));
}

#[test]
fn sections_make_tracks() {
    let tracks = |text: &str| with(text).settings.tracks.into_iter().collect::<Vec<_>>();
    assert_eq!(tracks(""), [Track::Kafka]);
    assert_eq!(tracks("identity: { source: { kafka: { host: '10.1.*' } } }"), [Track::Services, Track::Kafka]);
    assert_eq!(
        tracks("identity: { source: { mongodb: { user: x } } }"),
        [Track::Kafka],
        "a rule about nothing configured"
    );
    let probe = "probes: { a: { kind: tcp, side: source, address: 'a:1', gates: stop-consumers } }";
    assert_eq!(tracks(probe), [Track::Kafka]);
    assert_eq!(tracks(&probe.replace("stop-consumers", "redirect-traffic")), [Track::Services, Track::Kafka]);
}

#[test]
fn renames_are_sorted_longest_first() {
    let config = with("kafka: { rename: { topics: { a.: z., a.b.: y., a.b.c.: x. } } }");
    let kafka = config.settings.kafka.unwrap();
    let from: Vec<&str> = kafka.rename_topics.iter().map(|(from, _)| &**from).collect();
    assert_eq!(from, ["a.b.c.", "a.b.", "a."]);
    assert_eq!(&*kafka.topic_there(&"a.b.d".into()), "y.d");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let missing = std::path::PathBuf::from("/nonexistent/cutover.yaml");
    let errors = super::super::load(&[missing, "/".into()], &std::collections::BTreeMap::new()).unwrap_err();
    expect![[r#"
        the configuration has 2 errors:
          /nonexistent/cutover.yaml: cannot be read: No such file or directory (os error 2)
          /: cannot be read: Is a directory (os error 21)"#]]
    .assert_eq(&errors.to_string());
}

#[test]
fn what_is_in_force_says_where_it_came_from() {
    let config = load(&[BASE, "kafka: { ignored: { Old.Group: gone } }"], &[("CUTOVER__PACE", "90s")]).unwrap();
    expect![[r#"
        agent:
          data_dir: /var/lib/cutover-agent  # default
          interval: 5s  # default
          listen: "127.0.0.1:9820"  # default
          timeout: 4s  # default
        attempt: 1  # default
        expect_none:
          producers: "the lab writes by hand"  # 1.yaml:6:27
        joint: false  # default
        kafka:
          destination:
            properties:
              "bootstrap.servers": "new:9092"  # 1.yaml:5:51
          ignored:
            "Old.Group": gone  # 2.yaml:1:32
          interval: 5s  # agent.interval
          longest_pause: 7d  # default
          session_timeout: 45s  # default
          slow_interval: 5min  # default
          source:
            properties:
              "bootstrap.servers": "old:9092"  # 1.yaml:4:46
        migration: shop-prod  # 1.yaml:1:12
        pace: 1min30s  # environment CUTOVER__PACE
        requirements: advisory  # default
        scope: "shop.PROD"  # 1.yaml:2:8
    "#]]
    .assert_eq(&config.explain());
    // What it prints is a configuration again, but for its secrets.
    let again = load(&[&config.explain()], &[]).unwrap();
    assert_eq!(again.settings.config_hash, config.settings.config_hash);
}
