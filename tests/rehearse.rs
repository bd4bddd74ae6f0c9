//! `rehearse` as its users meet it: the real binary, asked by a client of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const AGENT: &str = env!("CARGO_BIN_EXE_cutover-agent");
/// Generous: these machines are noisy, and no test asserts a time.
const LOOKS: usize = 1_200;
const PAUSE: Duration = Duration::from_millis(100);

fn run(args: &[&str]) -> Output {
    Command::new(AGENT).arg("rehearse").args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A rehearsal under way, and where it answers.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(args: &[&str]) -> Running {
        let mut child = Command::new(AGENT)
            .args(["rehearse", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        err.read_line(&mut first).unwrap();
        let url =
            first.split_whitespace().find(|w| w.starts_with("http://")).unwrap_or_else(|| panic!("{first}")).to_owned();
        // Somebody has to read the rest.
        std::thread::spawn(move || err.read_to_end(&mut Vec::new()));
        Running { child, url }
    }

    fn get(&self, path: &str) -> (u16, String, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut r = ureq::Agent::new_with_config(config).get(format!("{}{path}", self.url)).call().unwrap();
        let marked = r.headers().get("cutover-rehearsal").map(|v| v.to_str().unwrap().to_owned());
        (r.status().as_u16(), marked.unwrap_or_default(), r.body_mut().read_to_string().unwrap())
    }

    fn cli(&self, args: &[&str]) -> Output {
        let mut c = Command::new(AGENT);
        c.args(args).env("CUTOVER_AGENT", &self.url).env("CUTOVER_TOKEN", "this-is-only-a-rehearsal");
        c.stdin(Stdio::null()).output().unwrap()
    }

    fn interrupt(mut self) -> i32 {
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_answers_like_an_agent_while_it_runs_and_every_answer_says_that_it_is_simulated() {
    let r = Running::start(&["--speed", "3"]);
    let mut ready = r.get("/ready/stop-consumers");
    for _ in 0..LOOKS {
        if ready.2.contains("predecessor") {
            break;
        }
        std::thread::sleep(PAUSE);
        ready = r.get("/ready/stop-consumers");
    }
    assert_eq!((ready.0, &*ready.1), (503, "simulated"), "{}", ready.2);
    let body: serde_json::Value = serde_json::from_str(&ready.2).unwrap();
    assert_eq!(body["rehearsal"]["simulated"], true);
    assert_eq!(body["migration"], "rehearsal");
    for path in ["/status", "/metrics", "/history", "/livez", "/readyz", "/"] {
        assert_eq!(r.get(path).1, "simulated", "{path}");
    }
    assert!(r.get("/metrics").2.contains("\ncutover_simulated 1\n"));
    let status = text(&r.cli(&["status"]).stdout);
    assert!(status.contains("REHEARSAL: the estate is simulated") && status.contains("switch-producers"), "{status}");
    let held = r.cli(&["hold", "stop-consumers", "--reason", "lunch"]);
    assert!(held.status.success(), "{}", text(&held.stderr));
    assert!(r.get("/ready/stop-consumers").2.contains("lunch"));
    assert!(text(&r.cli(&["history"]).stdout).contains("lunch"), "it is in the journal");
    let wait = r.cli(&["wait", "stop-consumers", "--timeout", "5s"]);
    assert_eq!(wait.status.code(), Some(4), "{}", text(&wait.stderr));
    assert!(text(&wait.stderr).contains("--allow-rehearsal"), "{}", text(&wait.stderr));
    r.interrupt();
}

#[test]
fn it_stays_with_the_answers_of_the_end_until_somebody_ends_it() {
    let r = Running::start(&["--speed", "max", "--stay"]);
    for _ in 0..LOOKS {
        if r.get("/done/retire-source").0 == 200 {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    let (status, marked, body) = r.get("/ready/retire-source");
    assert_eq!((status, &*marked), (409, "simulated"), "{body}");
    assert_eq!(r.get("/readyz").0, 200);
    let other = run(&["--listen", r.url.trim_start_matches("http://"), "--speed", "max"]);
    assert_eq!(other.status.code(), Some(1));
    let said = text(&other.stderr);
    assert!(said.contains("cannot listen on 127.0.0.1:") && said.contains("--listen"), "{said}");
    assert_eq!(r.interrupt(), 0);
}

#[test]
fn the_same_seed_prints_the_same_bytes() {
    let once = |speed: &str| run(&["--listen", "127.0.0.1:0", "--seed", "7", "--speed", speed]);
    let (a, b) = (once("max"), once("600"));
    assert!(a.status.success(), "{}", text(&a.stderr));
    assert_eq!(text(&a.stdout), text(&b.stdout));
    assert!(!a.stdout.contains(&0x1b), "no colour where nobody looks");
}

#[test]
fn every_scenario_is_a_row_and_a_broken_one_fails_the_suite() {
    let all = run(&["--all"]);
    let table = text(&all.stdout);
    for name in ["happy-claims", "killed-agent", "late-record", "phantom"] {
        assert!(table.lines().any(|l| l.starts_with(name) && l.contains(" ok ")), "{table}");
    }
    assert_eq!(all.status.code(), Some(i32::from(table.contains("BROKEN"))), "{table}");
    let json = text(&run(&["--all", "--json"]).stdout);
    let rows = json.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
    assert!(rows.filter(|r| r["broken"].as_array().is_some_and(Vec::is_empty)).count() > 20, "{json}");
}

#[test]
fn a_scenario_of_ones_own_is_played_and_a_wrong_one_refused_with_line_and_spelling() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.scn");
    let played = |text: &str| {
        std::fs::write(&file, text).unwrap();
        run(&["--listen", "127.0.0.1:0", "--speed", "max", "--scenario", &file.display().to_string()])
    };
    let estate =
        "topic a.ingestion 1\nreader g reads=a.ingestion\nproducer p topics=a.ingestion gap=2..5\nat 3 late 60\n";
    let good = played(&format!("{estate}expect done start-consumers by 2000\n"));
    assert!(good.status.success(), "{}{}", text(&good.stdout), text(&good.stderr));
    let missed = played(&format!("{estate}expect done start-consumers by 20\n"));
    assert_eq!(missed.status.code(), Some(1));
    assert!(text(&missed.stdout).contains("BROKEN"), "{}", text(&missed.stdout));
    let wrong = played(&format!("{estate}at 5 src dwon 9\n"));
    assert_eq!(wrong.status.code(), Some(2));
    let said = text(&wrong.stderr);
    assert!(said.contains("mine.scn:5: unknown word `dwon`; did you mean `down`?"), "{said}");
}

#[test]
fn a_recording_is_told_again_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("night.rec").display().to_string();
    let live = run(&["--listen", "127.0.0.1:0", "--speed", "max", "--json", "--record", &file]);
    assert!(live.status.success(), "{}", text(&live.stderr));
    let told = run(&["--replay", &file, "--json"]);
    assert!(told.status.success(), "{}", text(&told.stderr));
    let verdicts = |out: &[u8]| -> Vec<(String, String, String)> {
        let lines =
            text(out).lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()).collect::<Vec<_>>();
        let row = |l: &serde_json::Value| {
            let of = |k: &str| l[k].as_str().unwrap_or_default().to_owned();
            (l["who"] == "agent" && !l["verdict"].is_null()).then(|| (of("step"), of("verdict"), of("code")))
        };
        lines.iter().filter_map(row).collect()
    };
    let (then, now) = (verdicts(&live.stdout), verdicts(&told.stdout));
    assert!(then.len() > 10, "{then:?}");
    assert_eq!(then, now);
}
