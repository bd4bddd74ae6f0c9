use super::world::{Server, fresh, noon, published};
use crate::serve::metrics::{Cache, names};
use cutover_core::time::{Dur, Now};
use std::collections::BTreeSet;
use std::sync::Arc;

fn rendered(cache: &Cache, p: Option<Arc<crate::agent::Published>>, now: Now) -> String {
    cache.render(p, now).unwrap().iter().map(|b| String::from_utf8(b.to_vec()).unwrap()).collect()
}

#[test]
fn what_is_known_is_there_and_what_is_not_is_absent() {
    let text = rendered(&Cache::default(), Some(Arc::new(published(noon()))), noon());
    for line in [
        "cutover_step_ready{step=\"start-consumers\"} 1",
        "cutover_step_ready{step=\"stop-consumers\"} 0",
        "cutover_step_verdict{step=\"retire-source\",gate=\"ready\",verdict=\"unknown\"} 1",
        "cutover_step_info{step=\"stop-consumers\",track=\"kafka\",irreversible=\"true\",position=\"2\"} 1",
        "cutover_step_life{step=\"switch-producers\",life=\"done\"} 1",
        "cutover_step_blockers{step=\"retire-source\",code=\"unclaimed\"} 1",
        "cutover_check_verdict{step=\"stop-consumers\",gate=\"ready\",check=\"drained\",verdict=\"no-go\"} 1",
        "cutover_kafka_consumergroup_lag{side=\"source\",group=\"shop.rtu\",topic=\"shop.crm.orders.ingestion\"} 1204",
        "cutover_kafka_consumergroup_unknown_partitions{side=\"source\",group=\"sho\\\"p\\\\.svc\",topic=\"shop.crm.orders.ingestion\"} 1",
        "cutover_kafka_topic_end_offset_total{side=\"source\",topic=\"shop.crm.orders.ingestion\"} 123456789012",
        "cutover_target_up{target=\"kafka/destination\"} 0",
        "cutover_target_sample_failures_total{target=\"kafka/destination\",kind=\"timeout\"} 3",
        "cutover_journal_up 1",
        "cutover_board_age_seconds 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("cutover_kafka_consumergroup_lag{side=\"source\",group=\"sho\\\""));
    assert!(!text.contains("cutover_target_last_success_timestamp_seconds{target=\"kafka/destination\"}"));
    assert!(!text.contains("cutover_track_downtime"), "no downtime is open");
}

/// Once: not of every step that it would have blocked, and not of one while a step of the track is left to be blocked.
#[test]
fn a_tripwire_that_breaks_after_the_end_is_a_blocker_of_the_step_that_set_it() {
    let blockers = |p| {
        let text = rendered(&Cache::default(), Some(Arc::new(p)), noon());
        text.lines().filter(|l| l.contains("code=\"tripwire\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut p = super::boards::over(noon());
    assert_eq!(
        blockers(super::boards::over(noon())),
        ["cutover_step_blockers{step=\"stop-mirror\",code=\"tripwire\"} 1"]
    );
    p.board.steps.last_mut().unwrap().ready.settled = None;
    assert!(blockers(p).is_empty());
}

#[test]
fn a_board_that_grew_old_leaves_only_what_says_so() {
    let (p, cache) = (Arc::new(published(noon())), Cache::default());
    let later = |s| Now { mono: noon().mono + Dur::secs(s), wall: noon().wall + Dur::secs(s) };
    assert!(rendered(&cache, Some(p.clone()), later(12)).contains("cutover_step_ready{step=\"start-consumers\"} 1"));
    let text = rendered(&cache, Some(p.clone()), later(14));
    assert!(text.contains("cutover_step_ready{step=\"start-consumers\"} 0"));
    assert!(text.contains("cutover_kafka_consumergroup_lag"));
    let text = rendered(&cache, Some(p), later(15));
    assert!(!text.contains("cutover_kafka") && !text.contains("cutover_check_verdict"));
    assert!(text.contains("cutover_board_age_seconds 15"));
}

#[test]
fn one_board_is_encoded_once() {
    let (p, cache) = (Arc::new(published(noon())), Cache::default());
    let first = cache.render(Some(p.clone()), noon()).unwrap();
    let second = cache.render(Some(p), noon()).unwrap();
    assert_eq!(first[0].as_ptr(), second[0].as_ptr());
    let other = cache.render(Some(Arc::new(published(noon()))), noon()).unwrap();
    assert_ne!(first[0].as_ptr(), other[0].as_ptr());
}

#[test]
fn the_documentation_lists_every_metric_and_no_other() {
    let doc = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md"));
    let rows: Vec<Vec<&str>> =
        doc.lines().filter(|l| l.starts_with("| `")).map(|l| l.split('|').map(str::trim).collect()).collect();
    let listed: BTreeSet<&str> = rows.iter().map(|r| r[1].trim_matches('`')).collect();
    let coded: BTreeSet<&str> = names::ALL.iter().map(|m| m.name).collect();
    assert_eq!(listed, coded);
    for m in names::ALL {
        let row = rows.iter().find(|r| r[1].trim_matches('`') == m.name).unwrap();
        assert_eq!(row[2], format!("{:?}", m.kind).to_lowercase(), "{}", m.name);
        let labels: Vec<String> = m.labels.iter().map(|l| format!("`{l}`")).collect();
        assert_eq!(row[4], if labels.is_empty() { "–".to_owned() } else { labels.join(", ") }, "{}", m.name);
    }
    let avoided = ["cluster", "job", "instance", "env", "host"];
    assert!(names::ALL.iter().all(|m| m.labels.iter().all(|l| !avoided.contains(l))));
}

#[tokio::test]
async fn a_scrape_is_text_that_prometheus_reads() {
    let s = Server::showing(Some(fresh())).await;
    let r = s.get("/metrics").await;
    assert_eq!((r.status, r.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    let mut families = BTreeSet::new();
    for line in r.body.lines().filter_map(|l| l.strip_prefix("# TYPE ")) {
        assert!(families.insert(line.split(' ').next().unwrap().to_owned()), "a family twice: {line}");
    }
    if let Ok(path) = std::env::var("CUTOVER_SCRAPE") {
        std::fs::write(path, &r.body).unwrap();
    }
}
