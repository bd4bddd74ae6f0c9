//! The client commands against a server that answers what a test wants: agents, and everything that is none.

mod fake;
mod others;
mod waits;

use super::{Cli, Command, Io, client_on};
use clap::Parser;
use cutover_core::playbook::all_steps;
use expect_test::expect;

/// What a command printed, and its exit code.
#[derive(Debug)]
struct Ran {
    code: u8,
    out: String,
    err: String,
}

/// Runs a command line; times at the start of lines are left out.
fn run(args: &[&str]) -> Ran {
    let parsed = Cli::try_parse_from(std::iter::once("cutover-agent").chain(args.iter().copied()));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(e) => return Ran { code: u8::try_from(e.exit_code()).unwrap(), out: String::new(), err: e.to_string() },
    };
    let Command::Client(client) = cli.command else { panic!("not a client command") };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = client_on(client, &mut Io { out: &mut out, err: &mut err });
    let err = String::from_utf8(err).unwrap();
    let timeless = |l: &str| match l.split_once("Z ") {
        Some((at, rest)) if at.len() == 19 => rest.to_owned(),
        _ => l.to_owned(),
    };
    let err = err.lines().map(timeless).collect::<Vec<_>>().join("\n");
    Ran { code, out: String::from_utf8(out).unwrap(), err }
}

fn token() -> tempfile::NamedTempFile {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{}", fake::TOKEN).unwrap();
    file
}

#[test]
fn mistakes_on_the_command_line_end_with_2_and_name_no_secret() {
    for args in [
        vec!["wait"],
        vec!["wait", "s", "--timeout", "5"],
        vec!["wait", "s", "--done", "--begin"],
        vec!["wait", "s", "--done", "--", "true"],
        vec!["hold"],
        vec!["hold", "s"],
        vec!["accept-offset", "g", "t", "-1", "--reason", "r"],
        vec!["adopt", "s", "--anchor", "t=1", "--reason", "r"],
        vec!["status", "--agent", "127.0.0.1:9820"],
        vec!["status", "--agent", "http://u:hunter2@x"],
        vec!["status", "--agent", "http://a,http://b"],
        vec!["wait", "s", "--agent", "http://a", "--agent", "http://a/"],
        vec!["begin", "s", "--agent", "http://127.0.0.1:1", "--token-file", "/no/such/file"],
    ] {
        let ran = run(&args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(!ran.err.is_empty() && !ran.err.contains("hunter2"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn acting_without_a_token_says_how_to_give_one() {
    if std::env::var_os("CUTOVER_TOKEN").is_some() || std::env::var_os("CUTOVER_TOKEN_FILE").is_some() {
        return;
    }
    let ran = run(&["begin", "stop-consumers", "--agent", "http://127.0.0.1:1"]);
    expect!["begin: this is journaled under a name, so it wants a token: give --token-file, or set CUTOVER_TOKEN_FILE or CUTOVER_TOKEN"].assert_eq(&ran.err);
    assert_eq!(ran.code, 2);
    assert_eq!(run(&["wait", "s", "--begin", "--agent", "http://127.0.0.1:1"]).code, 2);
}

#[test]
fn the_playbook_names_every_step_and_check_in_every_form() {
    use super::args::PlaybookArgs;
    let text = super::playbook(&PlaybookArgs::default(), None);
    let markdown = super::playbook(&PlaybookArgs { markdown: true, ..PlaybookArgs::default() }, None);
    let json = super::playbook(&PlaybookArgs { json: true, ..PlaybookArgs::default() }, None);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["steps"].as_array().unwrap().len(), 13);
    for s in all_steps() {
        for form in [&text, &markdown] {
            assert!(form.contains(s.id) && form.contains(s.does));
            assert!(s.ready.iter().chain(s.done).all(|u| form.contains(u.check.asks)));
        }
    }
    let part: String = text.split("\n\n").find(|p| p.contains("kafka / stop-consumers")).unwrap().to_owned();
    expect![[r#"
        kafka / stop-consumers [no way back, opens the downtime]
          stop every consumer of the source
          ready visible                    the lists of groups and topics on the source hide nothing
                                         or: cutover-agent confirm topics-listed
          ready producers-known            every ingestion topic that ever held a record belongs to a declared producer, and no unclassed topic grows
          ready ingestion-idle             no producer has written to the source for longer than it is ever silent
                                         for 1 min each, floor 45 s
                                         or: cutover-agent confirm ingestion-idle <producer>
                                         or: cutover-agent confirm recreated <topic>
          ready drained                    every group has committed everything there is on the source, and no end offset moves
                                         for 1 min, floor 45 s with replicas
                                         or: cutover-agent confirm recreated <topic>
                                         or: cutover-agent confirm deleted <topic>
          ready every-topic-read       (b) every topic that holds records is read by some group
          ready changes-drained        (a) no projection change is NEW or IN_PROGRESS
          done  nobody-attached            no member on a topic in scope in any group of any type, and no committed offset moves
                                         for 6 min; for 1 min where it is shown that nobody is left
                                         sooner with: cutover-agent confirm scaled-to-zero kafka
                                         or: cutover-agent confirm source-kafka-fenced
          done  drained                    every group has committed everything there is on the source, and no end offset moves
                                         for 1 min, floor 45 s with replicas
                                         or: cutover-agent confirm recreated <topic>
                                         or: cutover-agent confirm deleted <topic>
          from then on must hold: source-ends (the source ends where it ended when the consumers were stopped)
          from then on must hold: nobody-attached (no member on a topic in scope in any group of any type, and no committed offset moves)"#]].assert_eq(&part);
    let letter = |rest: &str| rest.starts_with(char::is_alphabetic);
    let stuck = |l: &&str| ["(a)", "(b)", "(d)"].iter().any(|m| l.split(m).skip(1).any(letter));
    assert_eq!(text.lines().find(stuck), None, "a blank after the marks");
    let words: Vec<&str> = text.lines().skip_while(|l| *l != "words a person may give").collect();
    expect![[r#"
        words a person may give
        A word marked `or` settles what is asked. One marked `sooner with` settles nothing: the absence must be measured all the same, and only for the shorter of the two times. Say it when those it is about are stopped and nothing starts them again, not when they are only silent.

          confirm requirement <requirement>: this requirement is met; counts for this attempt of the migration
          confirm traffic-moved: the traffic reaches the destination; counts until redirect-traffic is withdrawn, and not against a probe that measures otherwise
          confirm keeping-up <group>: this group keeps up, whatever its commits show; counts for this attempt of the migration
          confirm names-moved: every resolver answers with the destination only; counts until switch-dns is withdrawn, and not against a resolver that answers otherwise
          confirm readers-read-only: readers cannot write at the destination; counts for this attempt of the migration
          confirm scaled-to-zero <track> (track: kafka or mongodb): every consumer (kafka) or every writer (mongodb) of the source is stopped, and nothing starts one again; shortens a waiting; counts until one of them is seen there again, or the step that stopped them is withdrawn
          confirm source-fenced: nobody can write to the source any more; counts until the source MongoDB answers the agent
          confirm reconciled-writes <side> <timestamp>: the writes up to this timestamp were carried over; counts until there is another write
          confirm counts <namespace>: the difference in documents of this namespace is accounted for; counts while both counts stay what they are
          confirm mirror-removed <mirror>: this mirror is removed; shortens a waiting; counts until something of it is seen again, or stop-mirror is withdrawn
          confirm writers-started: every writer writes at the destination; counts until start-writers is withdrawn
          confirm topics-listed: an account that sees everything finds no topic in scope on the source that the agent does not list; counts until a broker tells of a topic that is not listed; retire-source asks for it anew
          confirm ingestion-idle <producer>: this producer writes to the source no more; counts until one of its topics grows on the source again
          confirm reconciled-destination <topic> <partition> <offset>: the records below this offset were carried over; groups are seeded there; counts until the start of the log moves again
          confirm recreated <topic>: this topic was made again on purpose: its groups have read what its old log held, and commit on the new one; counts until it is made again once more
          confirm deleted <topic>: this topic was deleted from the source on purpose, and all that it ever held was read or carried over; counts until the topic is there again
          confirm source-kafka-fenced: nobody can reach the source Kafka any more; counts until the source Kafka answers the agent
          confirm reconciled <topic> <partition> <offset>: the records below this offset were carried over; counts until another record is written there, or a topic that is gone comes back
          confirm offsets-handled: services do not compare offsets with stored ones, or the stored ones were reset; counts for this attempt of the migration
          confirm redeployed <group>: this group reads at the destination and has caught up, whatever its commits show; counts until start-consumers is withdrawn
          confirm nothing-skipped <group> <topic>: this group skipped no record; counts until start-consumers is withdrawn, or the recorded start of the topic is moved
          confirm source-retired: the source Kafka is retired; counts for this attempt of the migration

        Marks: (b) before: judged only until the step is begun. (d) needs the downtime. (a) advisory: shown, never blocks."#]].assert_eq(&words.join("\n"));
    let least: String = text.lines().skip_while(|l| *l != "the least downtime").take(4).collect::<Vec<_>>().join("\n");
    expect![[r#"
        the least downtime
          mongodb: 13 min, 8 min where it is shown that nobody is left, and what the actions themselves take
          kafka: 7 min, 2 min where it is shown that nobody is left, and what the actions themselves take
    "#]]
    .assert_eq(&least);
    let settings = crate::serve::test_settings();
    let in_force = super::playbook(&PlaybookArgs::default(), Some(&settings));
    assert!(in_force.contains("in force: ") && !in_force.contains("stop-writers"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_and_the_real_server_understand_each_other() {
    use std::io::Write;
    let (url, secret) = crate::serve::a_server().await;
    let mut token = tempfile::NamedTempFile::new().unwrap();
    writeln!(token, "{secret}").unwrap();
    let all = tokio::task::spawn_blocking(move || {
        let file = token.path().to_str().unwrap();
        let on = |args: &[&str]| {
            let (command, rest) = args.split_first().unwrap();
            run(&[&[*command, "--agent", &url, "--token-file", file], rest].concat())
        };
        for (args, code) in [
            (vec!["wait", "start-consumers", "--migration", "shop-prod", "--begin", "--", "true"], 0),
            (vec!["wait", "start-consumers", "--migration", "other"], 4),
            (vec!["wait", "switch-producers"], 4),
            (vec!["wait", "switch-producers", "--done"], 0),
            (vec!["wait", "stop-consumers", "--timeout", "0s"], 1),
            (vec!["wait", "no-such-step"], 4),
            (vec!["begin", "start-consumers"], 0),
            (vec!["hold", "--reason", "x"], 0),
            (vec!["adopt", "stop-consumers", "--anchor", "a.b/0=1", "--reason", "x"], 0),
            (vec!["confirm", "reconciled", "a", "0", "1", "--reason", "x"], 0),
            (vec!["accept-offset", "g", "t", "0", "--reason", "x"], 0),
            (vec!["status"], 0),
            (vec!["status", "stop-consumers", "--json"], 0),
            (vec!["history", "--all"], 0),
        ] {
            let ran = on(&args);
            assert_eq!(ran.code, code, "{args:?}: {} {}", ran.out, ran.err);
        }
    });
    all.await.unwrap();
}

#[test]
fn the_documentation_names_every_command_and_option() {
    use clap::CommandFactory;
    let doc = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md"));
    let cli = Cli::command();
    for c in cli.get_subcommands() {
        assert!(doc.contains(&format!("`{}", c.get_name())), "{}", c.get_name());
        for long in c.get_arguments().filter_map(clap::Arg::get_long).filter(|l| !matches!(*l, "help" | "version")) {
            assert!(doc.contains(&format!("--{long}")), "{} --{long}", c.get_name());
        }
    }
}
