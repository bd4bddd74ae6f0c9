use super::fake::{Fake, agent, begun, go, go_with, not, raw};
use super::{Ran, run, token};
use cutover_core::time::Dur;
use expect_test::expect;

const STEP: &str = "stop-consumers";

fn wait(url: &str, more: &[&str]) -> Ran {
    let mut args = vec!["wait", STEP, "--every", "100ms", "--timeout", "300ms", "--agent", url];
    args.extend(more);
    run(&args)
}

#[test]
fn a_go_ends_it_and_what_is_missing_is_said_once() {
    let f = Fake::new(|n, _| match n {
        0 => not(503, "no-go (draining): 1 204 records behind"),
        1 => not(503, "no-go (draining): 12 records behind"),
        2 => not(503, "unknown (timeout): the source Kafka does not answer in time"),
        _ => go(STEP),
    });
    let ran = run(&["wait", STEP, "--every", "100ms", "--timeout", "10s", "--agent", &f.url]);
    assert_eq!(ran.code, 0);
    expect![[r#"
        stop-consumers: no-go (draining): 1 204 records behind
        stop-consumers: unknown (timeout): the source Kafka does not answer in time
        stop-consumers ready: go"#]]
    .assert_eq(&ran.err);
    assert!(ran.out.is_empty(), "the standard output belongs to the command");
}

#[test]
fn not_in_time_is_1() {
    let f = Fake::new(|_, _| not(503, "no-go (draining): 3 records behind"));
    let ran = wait(&f.url, &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("gave up after") && ran.err.contains("3 records behind"), "{}", ran.err);
}

#[test]
fn what_is_not_an_agent_is_never_go() {
    let login = "<html>please log in</html>";
    let half = [("Cutover-Verdict", "go"), ("Cutover-Valid-Until", "2099-01-01T00:00:00Z")];
    for (name, said) in [
        ("login page", raw(200, &[("Content-Type", "text/html")], login)),
        ("redirect", raw(302, &[("Location", "/elsewhere")], "")),
        ("half the headers", raw(200, &half, "{\"verdict\":\"go\"}")),
        ("ingress without backend", raw(503, &[], "no backend")),
        ("another 404", raw(404, &[], "not found")),
        ("nonsense", "SSH-2.0-OpenSSH\r\n".to_owned()),
        ("nothing", String::new()),
    ] {
        let f = Fake::new(move |_, _| said.clone());
        let ran = wait(&f.url, &[]);
        assert_eq!(ran.code, 3, "{name}: {}", ran.err);
    }
    let ran = wait("http://127.0.0.1:1", &[]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("curl http://127.0.0.1:1/livez"), "{}", ran.err);
}

#[test]
fn a_redirect_to_a_go_is_not_followed() {
    let real = Fake::new(|_, _| go(STEP));
    let to = format!("{}/ready/{STEP}", real.url);
    let f =
        Fake::new(move |_, _| raw(307, &[("Location", &to), ("Cutover-Agent", "0"), ("Cutover-Verdict", "go")], ""));
    assert_eq!(wait(&f.url, &[]).code, 1);
    assert!(real.seen().is_empty());
}

#[test]
fn a_go_that_does_not_hang_together_is_not_believed() {
    let whole = go(STEP);
    for (name, said) in [
        ("another step", go("start-consumers")),
        ("another question", go_with(STEP, "done", Dur::ZERO, Dur::secs(12), None)),
        ("expired when given", go_with(STEP, "ready", Dur::ZERO, Dur::ZERO, None)),
        ("long expired", go_with(STEP, "ready", Dur::ZERO, Dur::hours(-1), None)),
        ("200 and no-go", whole.replace("Cutover-Verdict: go", "Cutover-Verdict: no-go")),
        ("no-go in the body", whole.replace("\"verdict\":\"go\"", "\"verdict\":\"no\"")),
        ("no validity", whole.replace("Cutover-Valid-Until", "X-Else")),
        ("verdict twice", whole.replace("Cutover-Verdict: go", "Cutover-Verdict: go\r\nCutover-Verdict: no-go")),
        ("from a cache", whole.replace("Cutover-Agent: ", "Age: 7\r\nCutover-Agent: ")),
        ("another schema", whole.replace("\"schema_version\":1", "\"schema_version\":2")),
        ("an empty body", agent(200, "go", "2099-01-01T00:00:00Z", &serde_json::Value::Null)),
        ("a go with 503", whole.replace("HTTP/1.1 200", "HTTP/1.1 503")),
    ] {
        let f = Fake::new(move |_, _| said.clone());
        let code = wait(&f.url, &[]).code;
        assert!(code == 1 || code == 3, "{name}: {code}");
    }
}

#[test]
fn clocks_of_two_hosts_are_not_compared() {
    for skew in [Dur::hours(-2), Dur::hours(2)] {
        let f = Fake::new(move |_, _| go_with(STEP, "ready", skew, Dur::secs(12), None));
        assert_eq!(wait(&f.url, &[]).code, 0);
    }
}

#[test]
fn a_go_that_expires_while_the_others_are_asked_does_not_count() {
    let a = Fake::new(|_, _| go_with(STEP, "ready", Dur::ZERO, Dur(50), None));
    let b = Fake::new(|_, _| {
        std::thread::sleep(std::time::Duration::from_millis(120));
        go(STEP)
    });
    assert_eq!(wait(&a.url, &["--agent", &b.url]).code, 1);
}

#[test]
fn refusals_for_good_are_4_at_once() {
    for (status, said) in [
        (404, "there is no step `stop-consumer`; known: stop-consumers"),
        (409, "no-go (already-done): stop-consumers is done since 2026-11-22T11:30:00Z"),
        (412, "asked for migration `a`; this agent has `b`"),
    ] {
        let f = Fake::new(move |_, _| not(status, said));
        let ran = wait(&f.url, &[]);
        assert_eq!((ran.code, f.seen().len()), (4, 1), "{}", ran.err);
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    let f = Fake::new(|_, _| not(400, "there is no parameter"));
    assert_eq!(wait(&f.url, &[]).code, 2);
    let f = Fake::new(|_, _| go(STEP));
    assert_eq!(wait(&f.url, &["--migration", "other"]).code, 4);
    assert!(f.seen()[0].contains("/ready/stop-consumers?migration=other"));
}

#[test]
fn a_rehearsal_counts_only_where_it_is_asked_for() {
    let f = Fake::new(|_, _| go_with(STEP, "ready", Dur::ZERO, Dur::secs(5), Some(10)));
    let ran = wait(&f.url, &[]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("--allow-rehearsal"), "{}", ran.err);
    assert_eq!(wait(&f.url, &["--allow-rehearsal"]).code, 0);
}

#[test]
fn done_is_asked_as_done() {
    let f = Fake::new(|_, r| {
        assert!(r.starts_with("GET /done/stop-consumers "));
        go_with(STEP, "done", Dur::ZERO, Dur::secs(12), None)
    });
    assert_eq!(wait(&f.url, &["--done"]).code, 0);
}

#[test]
fn a_command_runs_only_once_claimed_and_its_code_is_ours() {
    let (token, dir) = (token(), tempfile::tempdir().unwrap());
    let ran_at = dir.path().join("ran");
    let file = token.path().to_str().unwrap();
    let script = format!("touch {}; exit 7", ran_at.display());
    let command = ["--token-file", file, "--", "sh", "-c", &script];
    let refused = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { not(409, "begun already") });
    assert_eq!(wait(&refused.url, &command).code, 4);
    let lost = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { String::new() });
    let said = wait(&lost.url, &command);
    assert_eq!(said.code, 3);
    assert!(said.err.contains("it may stand"), "{}", said.err);
    let portal = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { raw(200, &[], "welcome") });
    assert_eq!(wait(&portal.url, &command).code, 3);
    let later = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { not(503, "no-go (hold): held by bob") });
    assert_eq!(wait(&later.url, &command).code, 1);
    assert!(!ran_at.exists());
    let good = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { begun(STEP) });
    let ran = wait(&good.url, &command);
    assert_eq!(ran.code, 7, "{}", ran.err);
    assert!(ran_at.exists());
    let seen = good.seen();
    assert!(seen[0].starts_with("GET /ready/") && seen[1].starts_with("POST /begin/stop-consumers "));
    assert!(!seen[0].contains(super::fake::TOKEN), "asking needs no token");
    assert!(seen[1].contains(super::fake::TOKEN) && !ran.err.contains(super::fake::TOKEN));
}

#[test]
fn why_a_step_is_claimed_goes_with_the_claim() {
    let token = token();
    let f = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { begun(STEP) });
    let reason = ["--reason", "the window is open", "--token-file", token.path().to_str().unwrap()];
    assert_eq!(wait(&f.url, &[&reason[..], &["--begin"]].concat()).code, 0);
    assert!(f.seen()[1].ends_with(r#"{"reason":"the window is open"}"#), "{}", f.seen()[1]);
    let ran = wait(&f.url, &reason);
    assert_eq!((ran.code, f.seen().len()), (2, 2));
    assert!(ran.err.contains("nothing is claimed without --begin"), "{}", ran.err);
}

#[test]
fn a_command_that_cannot_start_leaves_a_claim_and_says_so() {
    let token = token();
    let f = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { begun(STEP) });
    let ran = wait(&f.url, &["--token-file", token.path().to_str().unwrap(), "--", "/no/such/program"]);
    assert_eq!(ran.code, 127);
    assert!(ran.err.contains("is claimed, but") && ran.err.contains("withdraw"), "{}", ran.err);
}

#[test]
fn several_agents_must_all_say_go_and_half_a_claim_is_told() {
    let token = token();
    let a = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { begun(STEP) });
    let b = Fake::new(|_, _| not(503, "no-go (draining): 3 records behind"));
    assert_eq!(wait(&a.url, &["--agent", &b.url]).code, 1);
    let b = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { not(503, "no-go (hold): held by bob") });
    let args = ["--begin", "--token-file", token.path().to_str().unwrap(), "--agent"];
    let ran = wait(&a.url, &[&args[..], &[&b.url]].concat());
    assert_eq!(ran.code, 1);
    expect![[r#"
        A: stop-consumers is begun, claimed by alice
        stop-consumers: not claimed at B: no-go (hold): held by bob
          stop-consumers IS CLAIMED at A, and nothing was run
          to take it back: cutover-agent withdraw stop-consumers --agent A --reason …
          to go on: cutover-agent begin stop-consumers --agent <each of the others>, then act by hand"#]]
    .assert_eq(&ran.err.replace(&a.url, "A").replace(&b.url, "B"));
    let c = Fake::new(|_, r| if r.starts_with("GET") { go(STEP) } else { begun(STEP) });
    assert_eq!(wait(&a.url, &[&args[..], &[&c.url]].concat()).code, 0);
}
