use super::boards::{estate, night, over};
use super::world::{Server, fresh, no, noon, published};
use crate::agent::Published;
use crate::clock;
use crate::serve::json::AnswerBody;
use crate::serve::page::{Wish, page};
use crate::serve::{answer::Said, text};
use base64::Engine;
use cutover_core::estate::Side;
use cutover_core::gate::board::Gated;
use cutover_core::playbook;
use cutover_core::reading::{Code, Finding, Qty, Reading, Subject, Tri};
use cutover_core::time::{Dur, Now};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";

fn html(p: &Published, now: Now) -> String {
    let reply = page(Some(p), now, &Wish::default(), true, false).response();
    let mut body = String::new();
    let mut chunks = std::pin::pin!(reply.into_body());
    let waker = &mut std::task::Context::from_waker(std::task::Waker::noop());
    while let std::task::Poll::Ready(Some(Ok(frame))) = hyper::body::Body::poll_frame(chunks.as_mut(), waker) {
        body.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    body
}

/// What a reader without styles sees: the text between the tags, one line.
fn seen(html: &str) -> String {
    let body = html.split_once("<body").unwrap().1.split_once('>').unwrap().1;
    let text: String =
        body.split('<').map(|t| t.split_once('>').map_or(t, |(_, text)| text)).collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("&#60;", "<").replace("&#62;", ">")
}

#[tokio::test]
async fn a_browser_gets_the_page_and_everybody_else_what_they_got() {
    let s = Server::showing(Some(fresh())).await;
    for (method, accept) in [("GET", BROWSER), ("HEAD", BROWSER)] {
        let r = s.ask(method, "/", accept, "").await;
        assert_eq!((r.status, r.header("content-type")), (200, "text/html; charset=utf-8"));
        assert_eq!(r.header("cache-control"), "no-store");
        assert_eq!((r.header("vary"), r.header("referrer-policy")), ("accept", "no-referrer"));
        assert_eq!((r.header("cutover-verdict"), r.header("cutover-migration")), ("unknown", "shop-prod"));
        assert_eq!(r.body.is_empty(), method == "HEAD");
        assert!(r.header("content-length").parse::<usize>().unwrap() > 1000);
    }
    for accept in ["", "Accept: */*\r\n", "Accept: application/json\r\n", "Accept: text/plain\r\n"] {
        let r = s.ask("GET", "/", accept, "").await;
        assert_eq!((r.status, r.header("content-type")), (200, "text/plain; charset=utf-8"), "{accept}");
        assert_eq!(r.header("vary"), "accept");
        assert!(r.body.contains("POST /accept-offset"));
        assert_eq!(s.ask("GET", "/status", accept, "").await.header("vary"), "");
    }
    assert!(s.ask("GET", "/status", BROWSER, "").await.json()["steps"].is_array());
    assert_eq!(s.ask("POST", "/", BROWSER, "").await.status, 405);
    for bad in ["/?opne=x", "/?reload=3", "/?open=stop-everything", "/?open=a&open=b"] {
        assert_eq!(s.ask("GET", bad, BROWSER, "").await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn the_policy_allows_the_two_styles_of_the_page_and_nothing_else() {
    let s = Server::showing(Some(night(clock::now()))).await;
    let r = s.ask("GET", "/", BROWSER, "").await;
    let hashes: Vec<String> = r
        .body
        .split("<style>")
        .skip(1)
        .map(|rest| Sha256::digest(rest.split_once("</style>").unwrap().0))
        .map(|hash| format!("'sha256-{}'", base64::prelude::BASE64_STANDARD.encode(hash)))
        .collect();
    assert_eq!(hashes.len(), 2);
    let policy = r.header("content-security-policy");
    assert!(policy.starts_with(&format!("default-src 'none'; style-src {};", hashes.join(" "))), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script-src") && !policy.contains('*'));
    // Nothing that the policy would keep from working, and nothing from elsewhere.
    for never in
        ["<script", "style=\"", "onclick", "http://", "https://", "@import", "url(", "<img", "<iframe", "<form"]
    {
        assert!(!r.body.contains(never), "{never}");
    }
}

#[test]
fn names_and_reasons_are_text_whatever_they_hold() {
    let html = html(&night(noon()), noon());
    assert!(html.contains("kafka.unread.&#60;script&#62;alert(1)&#60;/script&#62;"));
    assert!(html.contains("&#34;&#62;&#60;img src=x onerror=alert(2)&#62;"));
    assert!(html.contains("&#60;b&#62;lunch&#60;/b&#62;"));
    assert!(html.contains("mirror/all&#38;&#60;all&#62;"));
    let mut p = published(noon());
    let evil = Subject::Topic(Side::Source, "<script>alert(3)</script>".into());
    p.board.steps[1].ready.checks[1].reading =
        Arc::new(no(Finding::no(Code::MissingTopic, evil).fix("a & <b>"), noon()));
    let html = self::html(&p, noon());
    assert!(
        html.contains("topic &#60;script&#62;alert(3)&#60;/script&#62; (source)")
            && html.contains("a &#38; &#60;b&#62;")
    );
    assert!(!html.contains("<script") && !html.contains("<b>\u{20}"));
}

#[test]
fn the_page_says_what_the_other_surfaces_say() {
    let text = seen(&html(&published(noon()), noon()));
    for said in [
        "shop-prod Evaluated 12:00:00 UTC , 0 s before this page was written. Believe it until 12:00:13 UTC",
        "Kafka 1 of 4 settled 1 switch-producers DONE",
        "done since 11:30:00 UTC by alice",
        "2 stop-consumers NO\u{2011}GO",
        "⚠ no way back pending · safe to start? no-go",
        "the source Kafka does not answer in time: DescribeCluster to 10.0.0.1:9092",
        "go at the earliest at 12:01:04 UTC",
        "group shop.rtu on shop.crm.orders.ingestion partitions 0, 3 (source) is 1 204 records behind; falling 310/s",
        "fix cutover-agent accept-offset shop.svc shop.crm.orders.sv-trigger 1 --reason …",
        "true for 20 s of 1 min, since 11:59:40 UTC",
        "3 start-consumers GO",
        "safe to start? go until 12:00:13 UTC",
        "4 retire-source UNKNOWN",
        "fix cutover-agent begin retire-source",
        "NOT MEASURED: kafka/destination; last success: never",
        "kafka/source yes 12:00:00 UTC, 0 s ago",
        "kafka.ignored.shop.old-rtu (decommissioned in May)",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    assert!(
        !text.contains("No token is configured")
            && !text.contains("REHEARSAL")
            && !text.contains("SIMULATED")
            && !text.contains("HOLD:")
    );
}

/// Once a step is begun or done, a command that would have made its start safe does harm.
#[test]
fn nothing_is_to_be_done_about_what_is_not_judged_any_more() {
    let told = |p: &Published| {
        let said = Said::of(p, &p.board.steps[1], Gated::Ready, noon());
        let json = serde_json::to_string(&AnswerBody::of(&said)).unwrap();
        [html(p, noon()), text::answer(&said), json].map(|t| t.contains("accept-offset shop.svc"))
    };
    assert_eq!(told(&published(noon())), [true; 3]);
    let mut left_out = published(noon());
    left_out.board.steps[1].ready.checks.iter_mut().for_each(|c| c.left_out = true);
    assert_eq!(told(&left_out), [false; 3]);
    let mut settled = published(noon());
    settled.board.steps[1].ready.settled = Some(Code::AlreadyDone);
    settled.board.steps[1].ready.blockers = vec![Finding::no(Code::AlreadyDone, Subject::Step("stop-consumers"))];
    assert_eq!(told(&settled), [false; 3]);
}

#[test]
fn what_a_night_brings_is_on_top() {
    let text = seen(&html(&night(noon()), noon()));
    for said in [
        "REHEARSAL: every time is divided by 10",
        "SIMULATED: this is a rehearsal on a simulated estate",
        "HOLD: held by bob: <b>lunch</b>",
        "DOWNTIME of MongoDB open since 11:26:00 UTC : 34 min",
        "attempt 2",
        "deploy-services SKIPPED",
        "left out by the configuration: the platform team does it",
        "came undone 2×",
        "begun since 11:26:00 UTC by alice (the window is open) · took effect? no-go",
        "looks done if it was taken: cutover-agent adopt stop-mirror --reason …",
        "seeded: offsets-handled confirmed by a person: alice",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    for s in playbook::all_steps() {
        assert!(text.contains(s.id) && text.contains(s.does), "{}", s.id);
    }
}

#[test]
fn a_track_that_is_over_still_says_what_does_not_stay_so() {
    let text = seen(&html(&over(noon()), noon()));
    for said in [
        "stop-mirror NO‑GO",
        "start-writers NO‑GO",
        "still so? no-go",
        "writers-stay-away: client svc-orders",
        "stop svc-orders",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    assert!(!text.contains("stop-writers NO‑GO"), "{text}");
}

#[test]
fn a_page_never_looks_fresh_when_it_is_not() {
    let p = published(noon());
    let later = |ms| Now { mono: noon().mono + Dur(ms), wall: noon().wall + Dur(ms) };
    let fresh = html(&p, later(2_000));
    assert!(
        fresh.contains("<style>:root{--left:11000ms}</style>")
            && fresh.contains("http-equiv=\"refresh\" content=\"5; url=/\"")
    );
    assert!(seen(&fresh).contains("GO") && !fresh.contains("class=\"big\""));
    // It loads again before it may no longer be believed.
    assert!(html(&p, later(11_500)).contains("content=\"2; url=/\""));
    for ms in [13_000, 15_000, 3_600_000] {
        let old = html(&p, later(ms));
        assert!(old.contains("<p class=\"big\">UNKNOWN") && old.contains("<title>UNKNOWN: shop-prod"), "{ms}");
        assert!(old.contains("--left:0ms") && old.contains("<body class=\"old\">"));
        assert!(!old.contains("class=\"badge go\""), "{ms}");
        // What is settled stays settled.
        assert!(old.contains("class=\"badge done\""));
    }
    // The wall clock counts too: the other one stands still while a machine sleeps.
    let slept = Now { mono: noon().mono, wall: noon().wall + Dur::hours(1) };
    assert!(html(&p, slept).contains("<p class=\"big\">UNKNOWN"));
    let mut suspect = published(noon());
    suspect.suspect = Some("THE JOURNAL BEGINS EMPTY: <look>".into());
    assert!(html(&suspect, noon()).contains("THE JOURNAL BEGINS EMPTY: &#60;look&#62;"));
    let mut torn = published(noon());
    torn.journal = Some("disk full".into());
    let torn = html(&torn, noon());
    assert!(torn.contains("NOTHING IS GO:") && !torn.contains("class=\"badge go\""));
}

#[tokio::test]
async fn before_the_first_evaluation_nothing_is_known() {
    let s = Server::showing(None).await;
    let r = s.ask("GET", "/", BROWSER, "").await;
    assert_eq!((r.status, r.header("cutover-verdict")), (200, "unknown"));
    assert!(r.body.contains("<p class=\"big\">UNKNOWN") && r.body.contains("http-equiv=\"refresh\""));
}

#[tokio::test]
async fn a_reader_may_unfold_a_step_and_keep_the_page_still() {
    let s = Server::showing(Some(fresh())).await;
    let open = |body: &str| body.matches("<details open>").count();
    assert_eq!(open(&s.ask("GET", "/", BROWSER, "").await.body), 0);
    let one = s.ask("GET", "/?open=stop-consumers", BROWSER, "").await.body;
    // Loading the same document with a fragment would only jump there: it names where it comes from.
    assert!(open(&one) == 1 && one.contains("content=\"5; url=/?open=stop-consumers\""));
    let all = s.ask("GET", "/?open=all&reload=off", BROWSER, "").await.body;
    assert!(open(&all) >= 3 && !all.contains("http-equiv=\"refresh\""));
    // Even then it covers itself when it has grown too old.
    assert!(all.contains("@keyframes late") && all.contains("--left:"));
}

#[tokio::test]
async fn without_a_token_the_page_says_who_can_act() {
    let s = Server::with(Some(fresh()), BTreeMap::new(), |_, p| Ok(p)).await;
    assert!(s.ask("GET", "/", BROWSER, "").await.body.contains("No token is configured"));
}

/// Writes the pages a person should have looked at, where `CUTOVER_PAGES` names a folder.
#[test]
fn pages_to_look_at() {
    let now = noon();
    let later = Now { mono: now.mono + Dur::mins(3), wall: now.wall + Dur::mins(3) };
    let mut dwelling = published(now);
    dwelling.board.steps[1].ready.checks.truncate(2);
    dwelling.board.steps[1].ready.checks[0].is = Tri::Yes;
    dwelling.board.steps[1].ready.checks[0].reading =
        Arc::new(Reading::of(Finding::yes(Code::Ok, Subject::Whole).seen(Qty::Count(0, "records behind")), None));
    let pages = [
        ("fresh", estate(now), now),
        ("middle", published(now), now),
        ("dwelling", dwelling, now),
        ("expired", published(now), later),
        ("night", night(now), now),
    ];
    let folder = std::env::var_os("CUTOVER_PAGES").map(std::path::PathBuf::from);
    for (name, p, at) in pages {
        let page = html(&p, at);
        assert_eq!(page.matches("<li class=\"step ").count(), p.board.steps.len(), "{name}");
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
        }
    }
}
