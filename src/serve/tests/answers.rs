use super::world::{Server, fresh, noon, published};
use crate::clock;
use crate::serve::answer::Said;
use crate::serve::text;
use cutover_core::gate::board::Gated;
use cutover_core::time::{Dur, Now};
use expect_test::expect;
use serde_json::json;

#[tokio::test]
async fn statuses_follow_the_verdict() {
    let s = Server::showing(Some(fresh())).await;
    for (path, status, verdict, retry) in [
        ("/ready/start-consumers", 200, "go", ""),
        ("/ready/stop-consumers", 503, "no-go", "30"),
        ("/ready/retire-source", 503, "unknown", "5"),
        ("/ready/switch-producers", 409, "no-go", ""),
        ("/done/switch-producers", 200, "go", ""),
        ("/done/stop-consumers", 503, "no-go", "5"),
        ("/status/stop-consumers", 200, "no-go", ""),
        ("/status/start-consumers", 200, "go", ""),
        ("/status", 200, "unknown", ""),
        ("/ready/stop-consumers?no_go_status=425", 425, "no-go", "30"),
        ("/ready/retire-source?no_go_status=403", 403, "unknown", "5"),
        ("/ready/start-consumers?no_go_status=409", 200, "go", ""),
        ("/ready/start-consumers?migration=shop-prod&config=c0ffee", 200, "go", ""),
    ] {
        for method in ["GET", "HEAD", "POST"] {
            if path.starts_with("/status") && method == "POST" {
                continue;
            }
            let r = s.ask(method, path, "", "").await;
            assert_eq!((r.status, r.header("cutover-verdict")), (status, verdict), "{method} {path}");
            assert_eq!(r.header("retry-after"), retry, "{path}");
            assert_eq!(r.header("cutover-migration"), "shop-prod");
            assert_eq!(r.header("cache-control"), "no-store");
            assert!(r.header("cutover-valid-until").parse::<jiff::Timestamp>().is_ok(), "{path}");
            assert_eq!(r.body.is_empty(), method == "HEAD");
        }
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_never_go() {
    let s = Server::showing(Some(fresh())).await;
    for (method, path, status, says) in [
        ("GET", "/ready/", 404, "name a step: switch-producers, stop-consumers"),
        ("GET", "/ready", 404, "name a step"),
        ("GET", "/done", 404, "name a step"),
        ("GET", "/ready/start-consumers/", 404, "there is no step"),
        ("GET", "/ready/start_consumers", 404, "known: switch-producers"),
        ("GET", "/ready/stop-writers", 404, "on the mongodb track, which is not configured"),
        ("GET", "/ready/start-consumers?migration=other", 412, "this agent has `shop-prod`"),
        ("GET", "/ready/start-consumers?config=0", 412, "c0ffee"),
        ("GET", "/ready/start-consumers?migraton=shop-prod", 400, "there is no parameter `migraton`"),
        ("GET", "/ready/start-consumers?no_go_status=200", 400, "403, 409, 425, 429"),
        ("GET", "/ready/start-consumers?force=true", 400, "force"),
        ("GET", "/status?x=1", 400, "known here: none"),
        ("PUT", "/ready/start-consumers", 405, "GET, HEAD, POST"),
        ("DELETE", "/done/start-consumers", 405, "GET, HEAD, POST"),
        ("GET", "/begin/start-consumers", 405, "POST"),
        ("POST", "/metrics", 405, "GET, HEAD"),
        ("GET", "/readyy/start-consumers", 404, "nothing at this path"),
        ("GET", "/%ff", 404, "nothing at this path"),
    ] {
        let r = s.ask(method, path, "", "").await;
        assert_eq!(r.status, status, "{method} {path}: {}", r.body);
        assert!(r.json()["summary"].as_str().unwrap().contains(says), "{path}: {}", r.body);
        assert_ne!(r.header("cutover-verdict"), "go");
        if status == 405 {
            assert_eq!(r.header("allow"), says);
        }
    }
}

#[tokio::test]
async fn an_answer_too_old_is_unknown_but_what_is_settled_stays() {
    let now = clock::now();
    let old = Now { mono: now.mono - Dur::secs(14), wall: now.wall - Dur::secs(14) };
    let s = Server::showing(Some(published(old))).await;
    let r = s.get("/ready/start-consumers").await;
    assert_eq!((r.status, r.header("cutover-verdict")), (503, "unknown"));
    assert_eq!(r.json()["code"], "expired");
    assert_eq!(s.get("/done/switch-producers").await.status, 503);
    assert_eq!(s.get("/ready/switch-producers").await.status, 409);
    assert_eq!(s.get("/readyz").await.status, 200, "14 s are not old for a board");
    // Only the wall clock moved on: the machine slept.
    let slept = Now { mono: now.mono, wall: now.wall - Dur::mins(5) };
    s.handle.published.store(std::sync::Arc::new(Some(std::sync::Arc::new(published(slept)))));
    assert_eq!(s.get("/ready/start-consumers").await.status, 503);
    assert_eq!(s.get("/readyz").await.status, 503);
    // It slept for 40 s and its clock was set back by a minute: by both clocks the board is young (seed 2166528).
    let hidden = Now { mono: now.mono, wall: now.wall + Dur::secs(20) };
    s.handle.published.store(std::sync::Arc::new(Some(std::sync::Arc::new(published(hidden)))));
    assert_eq!(s.get("/ready/start-consumers").await.json()["code"], "expired");
}

#[tokio::test]
async fn nothing_is_go_while_facts_cannot_be_written() {
    let mut p = fresh();
    p.journal = Some("no space left on device".into());
    let s = Server::showing(Some(p)).await;
    for path in ["/ready/start-consumers", "/done/switch-producers", "/ready/stop-consumers"] {
        let r = s.get(path).await;
        assert_eq!((r.status, r.header("cutover-verdict")), (503, "unknown"), "{path}");
        assert!(r.json()["summary"].as_str().unwrap().contains("no space left on device"));
    }
    assert_eq!(s.get("/ready/switch-producers").await.status, 409);
    assert!(s.ask("GET", "/status", "Accept: text/plain\r\n", "").await.body.contains("NOTHING IS GO"));
}

#[tokio::test]
async fn a_journal_that_begins_beside_others_is_said_everywhere() {
    let mut p = fresh();
    p.suspect = Some("THE JOURNAL BEGINS EMPTY".into());
    let s = Server::showing(Some(p)).await;
    assert_eq!(s.get("/status").await.json()["suspect"], "THE JOURNAL BEGINS EMPTY");
    assert!(s.ask("GET", "/status", "Accept: text/plain\r\n", "").await.body.contains("THE JOURNAL BEGINS EMPTY"));
}

#[tokio::test]
async fn before_the_first_board_all_is_unknown() {
    let s = Server::showing(None).await;
    let r = s.get("/ready/start-consumers").await;
    assert_eq!((r.status, r.header("cutover-verdict"), r.header("retry-after")), (503, "unknown", "1"));
    assert_eq!(s.get("/ready/no-such-step").await.status, 404);
    assert_eq!(s.get("/status").await.status, 200);
    assert_eq!((s.get("/livez").await.status, s.get("/readyz").await.status), (200, 503));
    assert!(s.get("/metrics").await.body.contains("cutover_build_info"));
    assert_eq!(s.post("/begin/start-consumers?migration=shop-prod", "").await.status, 503);
}

#[tokio::test]
async fn the_body_says_everything_behind_the_verdict() {
    let s = Server::showing(Some(fresh())).await;
    let b = s.get("/ready/stop-consumers").await.json();
    let part = json!({
        "schema_version": b["schema_version"], "step": b["step"], "track": b["track"], "question": b["question"],
        "verdict": b["verdict"], "code": b["code"], "life": b["life"], "irreversible": b["irreversible"],
        "rehearsal": b["rehearsal"], "config_hash": b["config_hash"], "relaxations": b["relaxations"],
    });
    expect![[r#"
        {
          "code": "draining",
          "config_hash": "c0ffee",
          "irreversible": true,
          "life": "pending",
          "question": "ready",
          "rehearsal": null,
          "relaxations": [
            {
              "path": "kafka.ignored.shop.old-rtu",
              "reason": "decommissioned in May"
            }
          ],
          "schema_version": 1,
          "step": "stop-consumers",
          "track": "kafka",
          "verdict": "no-go"
        }"#]]
    .assert_eq(&format!("{part:#}"));
    let drained = b["checks"].as_array().unwrap().iter().find(|c| c["id"] == "drained").unwrap();
    assert_eq!((&drained["observed"], &drained["unit"]), (&json!(1204), &json!("records behind")));
    assert_eq!(drained["where"]["partitions"], json!([0, 3]));
    assert_eq!(drained["findings"].as_array().unwrap().len(), 2);
    assert_eq!(drained["age_seconds"], json!(2.0));
    let idle = b["checks"].as_array().unwrap().iter().find(|c| c["id"] == "ingestion-idle").unwrap();
    assert_eq!((&idle["code"], &idle["still_to_dwell_seconds"]), (&json!("dwelling"), &json!(40.0)));
    assert!(s.get("/status/stop-consumers").await.json()["done"]["question"] == "done");
    assert_eq!(s.get("/status").await.json()["steps"].as_array().unwrap().len(), 4);
}

#[test]
fn an_answer_in_text_is_what_a_person_can_act_on() {
    let p = published(noon());
    let say = |i: usize, gate| text::answer(&Said::of(&p, &p.board.steps[i], gate, noon()));
    expect![[r#"
        stop-consumers ready: no-go (draining): group shop.rtu on shop.crm.orders.ingestion partitions 0, 3 (source) is 1 204 records behind; falling 310/s, zero in about 4 s
          unknown: visible: the source Kafka does not answer in time: DescribeCluster to 10.0.0.1:9092
          no-go:   drained: group shop.svc on shop.crm.orders.sv-trigger partition 1 (source) is 7 records behind, and nobody is there to read
            fix: cutover-agent accept-offset shop.svc shop.crm.orders.sv-trigger 1 --reason …
          no-go:   ingestion-idle: true for 20 s, must be for 1 min
          go at the earliest at 2026-11-22T12:01:04Z
          relaxed: kafka.ignored.shop.old-rtu (decommissioned in May)
          believe this until 2026-11-22T12:00:13Z
    "#]].assert_eq(&say(1, Gated::Ready));
    expect![[r#"
        start-consumers ready: go
          relaxed: kafka.ignored.shop.old-rtu (decommissioned in May)
          believe this until 2026-11-22T12:00:13Z
    "#]]
    .assert_eq(&say(2, Gated::Ready));
    expect![[r#"
        switch-producers ready: no-go (already-done): switch-producers is done since 2026-11-22T11:30:00Z
          relaxed: kafka.ignored.shop.old-rtu (decommissioned in May)
    "#]]
    .assert_eq(&say(0, Gated::Ready));
}

#[test]
fn the_table_is_readable_at_night() {
    let mut p = published(noon());
    std::sync::Arc::make_mut(&mut p.settings).faster = 10;
    expect![[r#"
        migration shop-prod, attempt 1, at 2026-11-22T12:00:00Z
          kafka/destination is not measured now; last success: never
          REHEARSAL: every time is divided by 10
          relaxed: kafka.ignored.shop.old-rtu (decommissioned in May)

        kafka
          1 switch-producers     done         since 2026-11-22T11:30:00Z by alice
          2 stop-consumers       pending      no-go [no way back]
              (draining): group shop.rtu on shop.crm.orders.ingestion partitions 0, 3 (source) is 1 204 records behind; falling 310/s, zero in about 4 s
              and 3 more: cutover-agent status stop-consumers
          3 start-consumers      pending      GO [no way back]
          4 retire-source        pending      unknown [no way back]
              (unclaimed): retire-source looks done, and nobody claimed it: it was not go shortly before, or another step could be meant as well
              fix: cutover-agent begin retire-source
    "#]].assert_eq(&text::status(&p, noon()));
    let later = Now { mono: noon().mono + Dur::mins(1), wall: noon().wall + Dur::mins(1) };
    assert!(!text::status(&p, later).contains("GO"));
}

#[test]
fn a_hold_stands_at_the_head_of_the_table() {
    let said = text::status(&super::boards::night(noon()), noon());
    let head: Vec<&str> = said.lines().take_while(|l| !l.is_empty()).filter(|l| l.contains("HOLD")).collect();
    assert!(matches!(head[..], [held] if held.starts_with("  HOLD: held by bob: <b>lunch</b>")), "{said}");
}

/// The steps are done and stay so; that a writer is back is said all the same, and what their checks say is not.
#[test]
fn what_must_stay_so_after_the_last_step_is_said_in_the_table() {
    let p = super::boards::over(noon());
    expect![[r#"
        migration shop-prod, attempt 1, at 2026-11-22T12:00:00Z
          kafka/destination is not measured now; last success: never
          relaxed: kafka.ignored.shop.old-rtu (decommissioned in May)

        mongodb
          1 start-mirror         done         since 2026-11-22T11:26:00Z by alice
          2 switch-readers       done         since 2026-11-22T11:26:00Z by alice
          3 stop-writers         done         since 2026-11-22T11:26:00Z by alice
          4 stop-mirror          done         since 2026-11-22T11:26:00Z by alice
              (tripwire): since stop-mirror was done this must stay true and is not: writers-stay-away: client svc-orders
              fix: stop svc-orders
          5 start-writers        done         since 2026-11-22T11:26:00Z by alice
              (tripwire): since stop-mirror was done this must stay true and is not: writers-stay-away: client svc-orders
              fix: stop svc-orders
    "#]].assert_eq(&text::status(&p, noon()));
    let say = |i: usize| text::answer(&Said::of(&p, &p.board.steps[i], Gated::Done, noon()));
    expect![[r#"
        stop-mirror done: no-go (tripwire): since stop-mirror was done this must stay true and is not: writers-stay-away: client svc-orders
          fix: stop svc-orders
          believe this until 2026-11-22T12:00:13Z
        stop-writers done: go
          believe this until 2026-11-22T12:00:13Z
    "#]].assert_eq(&(say(3) + &say(2)));
}

#[tokio::test]
async fn history_is_json_lines_and_bounded() {
    let s = Server::showing(Some(fresh())).await;
    assert_eq!(s.get("/history").await.body.lines().count(), 5);
    let two = s.get("/history?limit=2").await;
    assert_eq!(two.body, "{\"fact\":\"x\",\"n\":3}\n{\"fact\":\"x\",\"n\":4}\n");
    for bad in ["0", "10001", "-1", "many"] {
        assert_eq!(s.get(&format!("/history?limit={bad}")).await.status, 400);
    }
    assert!(s.get("/").await.body.contains("/accept-offset"));
}

#[tokio::test]
async fn the_documentation_names_every_field() {
    let doc = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/http.md"));
    let s = Server::showing(Some(fresh())).await;
    fn keys(v: &serde_json::Value, out: &mut std::collections::BTreeSet<String>) {
        match v {
            serde_json::Value::Object(o) => {
                for (k, v) in o {
                    out.insert(k.clone());
                    keys(v, out);
                }
            }
            serde_json::Value::Array(a) => a.iter().for_each(|v| keys(v, out)),
            _ => {}
        }
    }
    let mut all = std::collections::BTreeSet::new();
    for path in ["/status", "/ready/stop-consumers"] {
        keys(&s.get(path).await.json(), &mut all);
    }
    keys(&s.post("/begin/start-consumers", "").await.json(), &mut all);
    keys(&s.get("/ready/x").await.json(), &mut all);
    for key in all {
        assert!(doc.contains(&format!("`{key}`")), "docs/http.md does not name `{key}`");
    }
}
