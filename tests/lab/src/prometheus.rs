//! A real Prometheus that scrapes what a test runs, and answers its queries: that metrics are read as they are meant is
//! for Prometheus to say, not for a parser of our own.
//!
//! ```no_run
//! use cutover_lab::Prometheus;
//! use std::time::Duration;
//!
//! # fn main() -> cutover_lab::Result<()> {
//! let prometheus = Prometheus::scraping("cutover-agent", "127.0.0.1:9820".parse().unwrap())?;
//! prometheus.wait_for_sample("cutover_build_info", Duration::from_secs(30))?;
//! for (labels, value) in prometheus.query("sum by (side) (cutover_kafka_consumergroup_lag)")? {
//!     println!("{labels:?} {value}");
//! }
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Doing, Error, Result};
use crate::process::{Process, which};
use crate::{clock, http, ports, scratch::Scratch};

const INSTALL: &str = "apt-get install prometheus";
/// Prometheus reads its log of writes first; on a busy machine that takes a while even when it is empty.
const UP: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);

/// What a sample is labelled with, its name among it as `__name__`.
pub type Labels = BTreeMap<String, String>;

/// A running Prometheus with a folder of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Prometheus {
    // Before the folder it writes to.
    process: Process,
    at: SocketAddr,
    _folder: Scratch,
}

impl Prometheus {
    /// Starts one that scrapes `/metrics` of `target` every second, and waits until it answers.
    pub fn scraping(job: &str, target: SocketAddr) -> Result<Self> {
        Self::start(job, &[target], &[])
    }

    /// Starts one that scrapes `targets` every second and evaluates the rules of these files as often.
    pub fn start(job: &str, targets: &[SocketAddr], rules: &[PathBuf]) -> Result<Self> {
        let program = program()?;
        let folder = Scratch::new("prometheus")?;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()?));
        let targets: Vec<String> = targets.iter().map(SocketAddr::to_string).collect();
        // JSON is YAML.
        let config = json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
            "rule_files": rules,
            "scrape_configs": [{ "job_name": job, "static_configs": [{ "targets": targets }] }],
        });
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config.to_string()).doing(|| format!("write {}", file.display()))?;
        let args = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address={at}"),
            "--log.level=warn".to_owned(),
        ];
        let name = program.to_string_lossy().into_owned();
        let process = Process::start("Prometheus", &name, &args, folder.path(), &folder.join("log"))?;
        let mut this = Self { process, at, _folder: folder };
        let up = clock::wait_for("Prometheus", UP, || match this.process.ended() {
            Some(status) => Ok(Err(format!("ended with {status}"))),
            None => match http::get(at, "/-/ready") {
                Ok((200, _)) => Ok(Ok(())),
                other => Err(format!("{other:?}")),
            },
        });
        match up {
            Ok(Ok(())) => Ok(this),
            Ok(Err(problem)) => Err(this.process.error(problem)),
            Err(late) => Err(this.process.error(late.to_string())),
        }
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    /// What an instant query says now: every sample with its labels, or the one number of a scalar without any.
    pub fn query(&self, expr: &str) -> Result<Vec<(Labels, f64)>> {
        let path = format!("/api/v1/query?query={}", encoded(expr));
        let (status, body) = http::get(self.at, &path).doing(|| format!("ask Prometheus for {expr}"))?;
        let refused = |why: String| Error::Usage(format!("Prometheus does not answer {expr}: {why}"));
        let answer: Answer = serde_json::from_str(&body).map_err(|e| refused(format!("{status}, {e}: {body}")))?;
        let Some(data) = answer.data else { return Err(refused(answer.error.unwrap_or(body))) };
        samples(data).ok_or_else(|| refused(format!("no vector and no scalar: {body}")))
    }

    /// Asks until there is a sample.
    pub fn wait_for_sample(&self, expr: &str, limit: Duration) -> Result<Vec<(Labels, f64)>> {
        clock::wait_for(expr, limit, || match self.query(expr) {
            Ok(found) if !found.is_empty() => Ok(found),
            other => Err(format!("{other:?}")),
        })
    }

    /// Ends it in order.
    pub fn stop(mut self) -> Result<()> {
        self.process.stop(GRACE)
    }
}

fn program() -> Result<PathBuf> {
    let missing = Error::Tool { tool: "prometheus", problem: "not found on the PATH".to_owned(), install: INSTALL };
    which("prometheus").ok_or(missing)
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Sample>),
    Scalar((Value, String)),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Sample {
    metric: Labels,
    value: (Value, String),
}

fn samples(data: Data) -> Option<Vec<(Labels, f64)>> {
    match data {
        Data::Vector(all) => all.into_iter().map(|s| Some((s.metric, number(&s.value.1)?))).collect(),
        Data::Scalar((_, value)) => Some(vec![(Labels::new(), number(&value)?)]),
        Data::Other => None,
    }
}

/// `+Inf` and `NaN` are numbers to both.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(b)),
            b => {
                let _ = write!(out, "%{b:02X}");
            }
        }
        out
    })
}
