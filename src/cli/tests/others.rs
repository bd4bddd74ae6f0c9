use super::fake::{Fake, agent, not, raw};
use super::{run, token};
use expect_test::expect;
use serde_json::json;

#[test]
fn writing_commands_say_what_came_back() {
    let token = token();
    let file = token.path().to_str().unwrap();
    for (status, code) in [(200, 0), (503, 1), (400, 2), (401, 4), (404, 4), (409, 4), (412, 4), (500, 3), (302, 3)] {
        let f = Fake::new(move |_, _| agent(status, "unknown", "", &json!({ "summary": "what the agent says" })));
        let ran = run(&["hold", "--reason", "x", "--agent", &f.url, "--token-file", file]);
        assert_eq!(ran.code, code, "{status}: {}", ran.err);
        assert!(format!("{}{}", ran.out, ran.err).contains("what the agent says"));
    }
    let f = Fake::new(|_, _| raw(200, &[], "<html>log in</html>"));
    let ran = run(&["hold", "--reason", "x", "--agent", &f.url, "--token-file", file]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("login page"), "{}", ran.err);
    let ran = run(&["hold", "--reason", "x", "--agent", "http://127.0.0.1:1", "--token-file", file]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("nothing was changed"), "{}", ran.err);
}

#[test]
fn a_wrong_token_is_told_with_where_it_came_from() {
    let token = token();
    let file = token.path().to_str().unwrap();
    let f = Fake::new(|_, _| agent(401, "unknown", "", &json!({ "summary": "the token is none of those" })));
    let from =
        format!("the token from the file {file} (--token-file or CUTOVER_TOKEN_FILE): the token is none of those");
    let ran = run(&["hold", "--reason", "x", "--agent", &f.url, "--token-file", file]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains(&from), "{}", ran.err);

    let empty = tempfile::NamedTempFile::new().unwrap();
    let file = empty.path().to_str().unwrap();
    let ran = run(&["hold", "--reason", "x", "--agent", &f.url, "--token-file", file]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("(--token-file or CUTOVER_TOKEN_FILE) holds no token"), "{}", ran.err);
}

#[test]
fn writing_commands_send_what_they_say() {
    let token = token();
    let file = token.path().to_str().unwrap();
    let f = Fake::new(|_, _| agent(200, "unknown", "", &json!({ "summary": "ok" })));
    for args in [
        vec!["begin", "stop-consumers", "--migration", "shop prod"],
        vec!["hold", "stop-consumers", "--reason", "r"],
        vec!["release", "--reason", "r"],
        vec!["confirm", "ingestion-idle", "crm cdc", "--reason", "r"],
        vec!["retract", "scaled-to-zero", "kafka", "--reason", "r"],
        vec!["adopt", "stop-consumers", "--anchor", "a.b/3=42", "--reason", "r"],
        vec!["withdraw", "stop-consumers", "--reason", "r"],
        vec!["accept-offset", "g", "t", "1", "--reason", "r"],
        vec!["begin", "../hold", "--reason", "r"],
    ] {
        let ran = run(&[&args[..], &["--agent", &f.url, "--token-file", file]].concat());
        assert_eq!((ran.code, ran.out.as_str()), (0, "ok\n"), "{args:?}: {}", ran.err);
    }
    let seen = f.seen();
    let sent: Vec<String> =
        seen.iter().map(|r| format!("{} {}", r.lines().next().unwrap(), r.rsplit("\r\n").next().unwrap())).collect();
    expect![[r#"
        POST /begin/stop-consumers?migration=shop%20prod HTTP/1.1 {"reason":null}
        POST /hold/stop-consumers HTTP/1.1 {"reason":"r"}
        POST /release HTTP/1.1 {"reason":"r"}
        POST /confirm/ingestion-idle HTTP/1.1 {"reason":"r","subject":["crm cdc"]}
        POST /retract/scaled-to-zero HTTP/1.1 {"reason":"r","subject":["kafka"]}
        POST /adopt/stop-consumers HTTP/1.1 {"anchors":[{"offset":42,"partition":3,"topic":"a.b"}],"reason":"r"}
        POST /withdraw/stop-consumers HTTP/1.1 {"reason":"r"}
        POST /accept-offset HTTP/1.1 {"group":"g","partition":1,"reason":"r","topic":"t"}
        POST /begin/..%2Fhold HTTP/1.1 {"reason":"r"}"#]]
    .assert_eq(&sent.join("\n"));
}

#[test]
fn status_shows_the_agents_own_table() {
    let f = Fake::new(|_, r| {
        let table = "kafka\n  1 stop-consumers  no-go\u{1b}[31m\n";
        if r.contains("Accept: text/plain") || r.contains("accept: text/plain") {
            raw(200, &[("Cutover-Agent", "0.1.0")], table)
        } else {
            raw(200, &[("Cutover-Agent", "0.1.0")], "{}\n")
        }
    });
    let ran = run(&["status", "--agent", &f.url]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "kafka\n  1 stop-consumers  no-go[31m\n"));
    assert_eq!(run(&["status", "--json", "--agent", &f.url]).out, "{}\n");
    let f = Fake::new(|_, _| not(404, "there is no step `x`; known: y"));
    assert_eq!(run(&["status", "x", "--agent", &f.url]).code, 4);
    let f = Fake::new(|_, _| raw(200, &[], "<html>"));
    assert_eq!(run(&["status", "--agent", &f.url]).code, 3);
}

#[test]
fn history_is_a_line_a_fact() {
    let facts = [
        r#"{"fact":"cluster","side":"source","cluster":"abc"}"#,
        r#"{"fact":"pair","cluster":"abc","group":"g","topic":"t"}"#,
        r#"{"fact":"begun","step":"stop-consumers","at":1795348800000,"how":"claimed","author":"alice","reason":"the window is open","evidence":["x"]}"#,
        r#"{"fact":"held","step":null,"at":1795348801000,"author":"bob","reason":"lunch"}"#,
        r#"{"fact":"confirmed","name":"ingestion-idle","subject":["crm"],"at":1795348802000,"author":"bob","reason":"r","basis":null}"#,
    ]
    .join("\n");
    let f = Fake::new(move |_, _| raw(200, &[("Cutover-Agent", "0.1.0")], &facts));
    let ran = run(&["history", "--agent", &f.url]);
    expect![[r#"
                              cluster        cluster: abc; side: source
        2026-11-22T12:00:00Z  begun          stop-consumers author: alice; how: claimed; reason: the window is open
        2026-11-22T12:00:01Z  held           everything author: bob; reason: lunch
        2026-11-22T12:00:02Z  confirmed      author: bob; name: ingestion-idle; reason: r; subject: crm
    "#]]
    .assert_eq(&ran.out);
    assert_eq!(run(&["history", "--all", "--agent", &f.url]).out.lines().count(), 5);
    assert!(run(&["history", "--json", "--agent", &f.url]).out.contains(r#""evidence":["x"]"#));
}
