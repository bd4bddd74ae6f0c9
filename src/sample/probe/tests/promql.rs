//! PromQL against a real Prometheus that watches itself.

use super::{closed, listener, look, look_briefly};
use crate::config::{Expression, Question};
use cutover_core::estate::FailureKind;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A Prometheus on a free port; ended when dropped.
struct Prometheus {
    address: SocketAddr,
    _server: Child,
    _files: TempDir,
}

impl Prometheus {
    async fn start() -> Prometheus {
        let files = tempfile::tempdir().unwrap();
        let (free, address) = listener().await;
        drop(free);
        let config = files.path().join("prometheus.yml");
        let watched = format!(
            "[{{ job_name: self, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{{ targets: ['{address}'] }}] }}]"
        );
        std::fs::write(&config, format!("scrape_configs: {watched}\n")).unwrap();
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", files.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("`prometheus` is not on PATH: this test needs the real one (Debian: apt-get install prometheus)");
        let p = Prometheus { address, _server: server, _files: files };
        let scraped = async {
            while look(p.asks("up")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), scraped).await.expect("Prometheus does not scrape itself");
        p
    }

    fn asks(&self, query: &str) -> Question {
        promql(self.address, query)
    }
}

fn promql(address: SocketAddr, query: &str) -> Question {
    Question::Promql { url: format!("http://{address}").parse().unwrap(), query: Expression::parse(query).unwrap() }
}

#[tokio::test]
async fn expressions_hold_or_not_or_give_nothing() {
    let p = Prometheus::start().await;
    for (query, pass, said) in [
        ("up", true, "the expression gives 1"),
        ("sum(up{job=\"self\"}) > 0", true, "the expression gives 1"),
        ("up == bool 1", true, "the expression gives 1"),
        ("up > bool 1", false, "the expression gives 0"),
        ("up * 0", false, "the expression gives 0"),
        // It holds, and the value is 0: that is what a filter leaves.
        ("sum(up * 0) < 1", true, "the expression gives 0"),
        ("sum(up) > 1 or vector(0)", false, "the expression gives 0"),
        // One at 500/s, one idle.
        (
            "(vector(500) or label_replace(vector(0), \"a\", \"b\", \"\", \"\")) < bool 1",
            false,
            "1 of 2 values are 0, as of {}",
        ),
        (
            "max(vector(500) or label_replace(vector(0), \"a\", \"b\", \"\", \"\")) < bool 1",
            false,
            "the expression gives 0",
        ),
        ("scalar(up)", true, "the expression gives 1"),
        (
            "vector(1) or label_replace(vector(0), \"a\", \"b\", \"\", \"\")",
            false,
            "1 of 2 values are 0, as of {a=\"b\"}",
        ),
    ] {
        let s = look(p.asks(query)).await.unwrap_or_else(|f| panic!("{query}: {}", f.message));
        assert_eq!((s.pass, &*s.said), (pass, said), "{query}");
    }
    for (query, kind, said) in [
        ("sum(up) > 1", FailureKind::Server, "the result is empty: nothing meets the comparison"),
        ("nothing_of_this_name", FailureKind::Server, "the result is empty: nothing is measured"),
        ("up * 0 / 0", FailureKind::Server, "the expression gives NaN"),
        ("scalar(nothing_of_this_name)", FailureKind::Server, "the expression gives NaN"),
        ("up[1m]", FailureKind::Protocol, "the expression gives a matrix"),
        ("sum(", FailureKind::Server, "Prometheus answers 400 bad_data"),
    ] {
        let f = look(p.asks(query)).await.unwrap_err();
        assert!(f.kind == kind && f.message.starts_with(said), "{query}: {f:?}");
    }
    // The whole path, and a parameter that others need, are kept.
    let url = format!("http://{}/api/v1/query?dedup=true", p.address).parse().unwrap();
    assert!(look(Question::Promql { url, query: Expression::parse("up").unwrap() }).await.unwrap().pass);
}

#[tokio::test]
async fn a_prometheus_that_is_away_or_silent_is_a_failure() {
    let f = look(promql(closed(), "up")).await.unwrap_err();
    assert_eq!((f.kind, &*f.message), (FailureKind::Unreachable, "Prometheus cannot be asked: connection refused"));
    let (_silent, address) = listener().await;
    let f = look_briefly(promql(address, "up")).await.unwrap_err();
    assert_eq!(f.kind, FailureKind::Timeout);
}
