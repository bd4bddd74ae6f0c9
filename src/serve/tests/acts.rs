use super::world::{Server, TOKEN, fresh};
use crate::agent::Denied;
use crate::serve::Tokens;
use cutover_core::Name;
use cutover_core::gate::ops::{Op, Refusal};
use cutover_core::reading::Code;
use cutover_kafka::Secret;
use std::collections::BTreeMap;

#[tokio::test]
async fn acting_wants_a_token_and_its_name_is_the_author() {
    let s = Server::showing(Some(fresh())).await;
    let long = "x".repeat(TOKEN.len());
    for header in ["", "Authorization: Bearer \r\n", "Authorization: Basic YTpi\r\n", "Authorization: Bearer wrong\r\n"]
    {
        let r = s.ask("POST", "/begin/start-consumers", header, "").await;
        assert_eq!((r.status, r.header("www-authenticate")), (401, "Bearer realm=\"cutover-agent\""), "{header}");
        let said = r.json()["summary"].as_str().unwrap().to_owned();
        assert!(said.contains("Authorization") || said.contains("agent.tokens"), "{said}");
    }
    let twice = format!("Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}\r\n");
    assert_eq!(s.ask("POST", "/begin/start-consumers", &twice, "").await.status, 401);
    let r = s.ask("POST", "/begin/start-consumers", &format!("Authorization: Bearer {long}\r\n"), "").await;
    assert_eq!(r.status, 401);
    assert!(!r.body.contains(&long), "a token is never repeated");
    assert!(s.asked.lock().unwrap().is_empty());
    let r = s.post("/begin/start-consumers", "").await;
    assert_eq!((r.status, r.header("cutover-verdict")), (200, "go"), "{}", r.body);
    assert_eq!(r.json()["author"], "alice");
    assert_eq!(r.json()["step"]["step"], "start-consumers");
    let header = "Authorization: bearer 0123456789abcdef-bobby\r\n";
    assert_eq!(s.ask("POST", "/begin/start-consumers", header, "null").await.status, 200);
    let authors: Vec<Name> = s.asked.lock().unwrap().iter().map(|(a, ..)| a.clone()).collect();
    assert_eq!(authors, ["alice".into(), "bob".into()] as [Name; 2]);
}

#[tokio::test]
async fn a_name_that_is_nearly_that_of_a_step_is_told() {
    let s = Server::showing(Some(fresh())).await;
    for path in ["/ready/stop-consumer", "/status/stop-consumer", "/done/Stop-Consumers"] {
        let r = s.get(path).await;
        assert_eq!(r.status, 404);
        assert!(r.body.contains("did you mean `stop-consumers`?"), "{path}: {}", r.body);
    }
    assert!(!s.get("/ready/anything").await.body.contains("did you mean"));
}

#[tokio::test]
async fn without_tokens_nobody_may_act() {
    let s = Server::with(Some(fresh()), Tokens::new(), |_, p| Ok(p)).await;
    let r = s.post("/hold", "{\"reason\":\"x\"}").await;
    assert_eq!(r.status, 401);
    assert!(r.body.contains("no token is configured"));
    let empty: Tokens = BTreeMap::from([("eve".into(), Secret::new(""))]);
    let s = Server::with(Some(fresh()), empty, |_, p| Ok(p)).await;
    assert_eq!(s.ask("POST", "/hold", "Authorization: Bearer  \r\n", "").await.status, 401);
}

#[tokio::test]
async fn requests_become_what_they_say() {
    let s = Server::showing(Some(fresh())).await;
    let because = "{\"reason\":\" the   batch\\nof 22:00 \"}";
    let name = Name::from;
    let step = || name("stop-consumers");
    for (path, body, op) in [
        ("/hold", because, Op::Hold { step: None }),
        ("/hold/", because, Op::Hold { step: None }),
        ("/hold/stop-consumers", because, Op::Hold { step: Some(step()) }),
        ("/release/stop-consumers", because, Op::Release { step: Some(step()) }),
        ("/withdraw/stop-consumers?migration=shop-prod", because, Op::Withdraw { step: step() }),
        (
            "/confirm/ingestion-idle/crm%20cdc",
            because,
            Op::Confirm { name: name("ingestion-idle"), subject: vec![name("crm cdc")] },
        ),
        (
            "/confirm/reconciled",
            "{\"subject\":[\"a.b\",\"0\",\"42\"],\"reason\":\"r\"}",
            Op::Confirm { name: name("reconciled"), subject: vec![name("a.b"), name("0"), name("42")] },
        ),
        (
            "/retract/scaled-to-zero/kafka",
            because,
            Op::Retract { name: name("scaled-to-zero"), subject: vec![name("kafka")] },
        ),
        (
            "/adopt/stop-consumers",
            "{\"anchors\":{\"a.b/3\":42},\"reason\":\"r\"}",
            Op::Adopt { step: step(), anchors: BTreeMap::from([((name("a.b"), 3), 42)]) },
        ),
        (
            "/adopt/stop-consumers",
            "{\"anchors\":[{\"topic\":\"a.b\",\"partition\":3,\"offset\":42}],\"reason\":\"r\"}",
            Op::Adopt { step: step(), anchors: BTreeMap::from([((name("a.b"), 3), 42)]) },
        ),
        (
            "/accept-offset",
            "{\"group\":\"g\",\"topic\":\"t\",\"partition\":1,\"reason\":\"r\"}",
            Op::AcceptOffset { group: name("g"), topic: name("t"), partition: 1 },
        ),
    ] {
        let r = s.post(path, body).await;
        assert_eq!(r.status, 200, "{path}: {}", r.body);
        let said = r.json()["summary"].as_str().unwrap().to_owned();
        assert_eq!(path.starts_with("/confirm"), said == "confirm: journaled: what was taken", "{path}: {said}");
        let (author, reason, asked) = s.asked.lock().unwrap().pop().unwrap();
        assert_eq!((&*author, asked), ("alice", op), "{path}");
        assert!(["the batch of 22:00", "r"].contains(&&*reason), "{reason}");
    }
}

#[tokio::test]
async fn requests_that_are_not_clear_reach_nobody() {
    let s = Server::showing(Some(fresh())).await;
    let huge = format!("{{\"reason\":\"{}\"}}", "x".repeat(70_000));
    let wordy = format!("{{\"reason\":\"{}\"}}", "x".repeat(1001));
    for (path, body, status) in [
        ("/hold", "", 400),
        ("/hold", "{\"reason\":\"  \"}", 400),
        ("/hold", "{\"reason\":1}", 400),
        ("/hold", "[]", 400),
        ("/hold", "{\"reason\":\"x\",\"force\":true}", 400),
        ("/hold", "{\"reason\":\"x\",\"anchors\":{}}", 400),
        ("/hold", wordy.as_str(), 400),
        ("/hold", huge.as_str(), 413),
        ("/hold/a/b", "{\"reason\":\"x\"}", 400),
        ("/begin", "", 400),
        ("/begin/", "", 400),
        ("/adopt/stop-consumers", "{\"anchors\":{\"a.b\":1},\"reason\":\"x\"}", 400),
        ("/adopt/stop-consumers", "{\"anchors\":{\"a.b/0\":-1},\"reason\":\"x\"}", 400),
        ("/confirm", "{\"reason\":\"x\"}", 400),
        ("/retract", "{\"reason\":\"x\"}", 400),
        ("/retract/w", "", 400),
        ("/confirm/w/a", "{\"subject\":[\"b\"],\"reason\":\"x\"}", 400),
        ("/confirm/w//b", "{\"reason\":\"x\"}", 400),
        ("/accept-offset", "{\"group\":\"g\",\"topic\":\"t\",\"reason\":\"x\"}", 400),
        ("/accept-offset/g", "{\"group\":\"g\",\"topic\":\"t\",\"partition\":0,\"reason\":\"x\"}", 400),
        ("/begin/stop-consumers?migration=other", "", 412),
        ("/begin/stop-consumers?force=1", "", 400),
    ] {
        let r = s.post(path, body).await;
        assert_eq!(r.status, status, "{path} {}", r.body);
    }
    assert!(s.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn refusals_keep_their_kind() {
    let tokens: Tokens = BTreeMap::from([("alice".into(), Secret::new(TOKEN))]);
    let s = Server::with(Some(fresh()), tokens, |op, _| {
        let Op::Begin { step } = op else { return Err(Denied::Journal("disk full".into())) };
        Err(Denied::Refused(match &**step {
            "a" => Refusal::NoSuch("there is no step `a`".into()),
            "b" => Refusal::Bad("makes no sense".into()),
            "c" => Refusal::Settled(Code::AlreadyBegun, "begun already".into()),
            _ => Refusal::NotNow(Code::Draining, "no-go (draining): 3 records behind".into()),
        }))
    })
    .await;
    for (path, status, code) in [
        ("/begin/a", 404, "no-such"),
        ("/begin/b", 400, "bad-request"),
        ("/begin/c", 409, "already-begun"),
        ("/begin/stop-consumers", 503, "draining"),
        ("/withdraw/stop-consumers", 503, "journal"),
    ] {
        let r = s.post(path, "{\"reason\":\"x\"}").await;
        assert_eq!((r.status, r.json()["code"].as_str().unwrap()), (status, code), "{}", r.body);
        assert_ne!(r.header("cutover-verdict"), "go");
        assert_eq!(r.header("retry-after").is_empty(), status != 503);
    }
}
