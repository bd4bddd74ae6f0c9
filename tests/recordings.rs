//! Recordings as tests: every file of `tests/recordings/` must be answered as it was answered then. And what the real
//! agent records holds no secret.
//!
//! `REMAKE=1 cargo test --test recordings` makes them again after a wanted change of the gate (docs/rehearse.md).

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const AGENT: &str = env!("CARGO_BIN_EXE_cutover-agent");
/// Generous: these machines are noisy, and no test asserts a time.
const LOOKS: usize = 1_200;
const PAUSE: Duration = Duration::from_millis(100);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rehearse(args: &[&str]) -> Output {
    let args = ["rehearse", "--listen", "127.0.0.1:0", "--speed", "max"].iter().chain(args);
    Command::new(AGENT).args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn files() -> Vec<PathBuf> {
    let folder = root().join("tests/recordings");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "rec"));
    files.sort();
    files
}

/// The scenario that a recording is one of, if there is one of its name.
fn scenario(file: &Path) -> Option<PathBuf> {
    let scenario = root().join("sim/scenarios").join(file.with_extension("scn").file_name()?);
    scenario.exists().then_some(scenario)
}

/// Makes a recording again in another file: a scenario's by playing it, any other with the answers of this version.
fn made(file: &Path, to: &Path) {
    let to = to.to_str().unwrap();
    let out = match scenario(file) {
        Some(scenario) => rehearse(&["--scenario", scenario.to_str().unwrap(), "--record", to]),
        None => rehearse(&["--replay", file.to_str().unwrap(), "--record", to]),
    };
    let code = out.status.code();
    // What is answered differently is what is wanted to be.
    let fine = code == Some(0) || (code == Some(1) && scenario(file).is_none());
    assert!(fine, "{}: {}{}", file.display(), text(&out.stdout), text(&out.stderr));
}

#[test]
fn every_recording_is_answered_as_it_was_then() {
    let again = std::env::var_os("REMAKE").is_some();
    let files = files();
    assert!(files.len() >= 5, "{files:?}");
    let mut wrong = Vec::new();
    for file in &files {
        if again {
            let dir = tempfile::tempdir().unwrap();
            let new = dir.path().join("new.rec");
            made(file, &new);
            std::fs::write(file, std::fs::read(&new).unwrap()).unwrap();
        }
        let out = rehearse(&["--replay", file.to_str().unwrap(), "--json"]);
        let told = text(&out.stdout);
        let last: serde_json::Value = serde_json::from_str(told.lines().last().unwrap_or("{}")).unwrap_or_default();
        if out.status.code() != Some(0) || last["compared"].as_u64().unwrap_or(0) == 0 {
            let lines = told.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
            let lines = lines.filter_map(|l| Some((l["at_ms"].as_i64()?, l["text"].as_str()?.to_owned())));
            let said = lines.filter(|(_, text)| text.contains("this version") || text.contains(" evaluations, "));
            let mut shown: Vec<String> = said.map(|(at, text)| format!("after {} s: {text}", at / 1000)).collect();
            // The first instants say most, and the last line how many there are.
            if shown.len() > 12 {
                shown.drain(10..shown.len() - 1);
            }
            let shown = shown.join("\n  ");
            let file = file.strip_prefix(root()).unwrap().display();
            wrong.push(format!(
                "{file}:\n  {shown}{}\n  all of it: cutover-agent rehearse --replay {file}",
                text(&out.stderr)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "what was recorded is answered differently now. If that is wanted, make them again with\n  REMAKE=1 cargo test --test \
         recordings every_recording\nand say in the commit what is answered differently, and why. If not, the gate is \
         wrong.\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_recording_is_made_again_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let file = root().join("tests/recordings/phantom.rec");
    let made: Vec<Vec<u8>> = ["a.rec", "b.rec"]
        .map(|name| {
            let to = dir.path().join(name);
            made(&file, &to);
            std::fs::read(to).unwrap()
        })
        .into();
    assert!(!made[0].is_empty() && made[0] == made[1]);
}

/// What a recording holds, unpacked.
fn unpacked(file: &Path) -> Vec<u8> {
    let bytes = std::fs::read(file).unwrap();
    let mut rest = bytes.strip_prefix(b"cutover-recording 2\n").expect("its first line");
    let mut all = Vec::new();
    while let Some((head, tail)) = rest.split_first_chunk::<12>() {
        let word = |i: usize| u32::from_le_bytes(head[4 * i..4 * i + 4].try_into().unwrap()) as usize;
        let (packed, len) = (word(0), word(1));
        all.extend(zstd::bulk::decompress(&tail[..packed], len).unwrap());
        rest = &tail[packed..];
    }
    all
}

/// A server that says again whatever it is told, as HTTP or as a Kafka broker that takes no password; and how often it was
/// asked.
fn echo() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::<AtomicUsize>::default();
    let count = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let count = count.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(n @ 1..) = stream.read(&mut bytes) {
                    count.fetch_add(1, Ordering::SeqCst);
                    let Some(answer) = said_again(&bytes[..n]) else { return };
                    if stream.write_all(&answer).is_err() || bytes.starts_with(b"GET ") {
                        return;
                    }
                }
            });
        }
    });
    (port, asked)
}

fn said_again(told: &[u8]) -> Option<Vec<u8>> {
    let line: String = text(told).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if told.starts_with(b"GET ") {
        let body = serde_json::json!({ "errorMessage": line, "status": "error", "error": line }).to_string();
        return Some(format!("HTTP/1.1 400 {line}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes());
    }
    let word = |at: usize| Some(i16::from_be_bytes(told.get(at..at + 2)?.try_into().ok()?));
    let shorts = |all: &[i16]| all.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let body = match (word(4)?, word(6)?) {
        // ApiVersions: itself, SaslHandshake and SaslAuthenticate; the oldest form of the answer only.
        (18, version) => shorts(&[if version == 0 { 0 } else { 35 }, 0, 3, 18, 0, 0, 17, 1, 1, 36, 0, 0]),
        (17, _) => shorts(&[0, 0, 0]),
        // SASL_AUTHENTICATION_FAILED, with a message and no bytes.
        (36, _) => [shorts(&[58, i16::try_from(line.len()).ok()?]), line.into_bytes(), vec![0; 4]].concat(),
        _ => return None,
    };
    let len = u32::try_from(body.len() + 4).ok()?;
    Some([&len.to_be_bytes()[..], &told[8..12], &body].concat())
}

#[test]
fn a_recording_of_a_configuration_full_of_secrets_holds_none() {
    const WORDS: [&str; 6] = [
        "hunter2-kafka-source",
        "hunter2-kafka-destination",
        "hunter2-mongodb-source",
        "hunter2-mongodb-destination",
        "hunter2-token-in-a-file",
        "hunter2-token-in-the-environment",
    ];
    let dir = tempfile::tempdir().unwrap();
    // Two clusters, two deployments: what is asked of each is the same.
    let servers = [echo(), echo()];
    let [port, other] = [servers[0].0, servers[1].0];
    let write = |name: &str, text: String| {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    let kafka = |port: u16, word: &str, mechanism: &str| {
        format!(
            "bootstrap.servers=127.0.0.1:{port}\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n\
             sasl.jaas.config=org.apache.kafka.common.security.{} required username=\"agent\" password=\"{word}\";\n",
            if mechanism == "PLAIN" { "plain.PlainLoginModule" } else { "scram.ScramLoginModule" }
        )
    };
    let mongodb = |port: u16, word: &str| {
        format!("mongodb://agent:{word}@127.0.0.1:{port}/?authSource=admin&directConnection=true&tls=false\n")
    };
    write("kafka-src", kafka(port, WORDS[0], "PLAIN"));
    write("kafka-dst", kafka(other, WORDS[1], "SCRAM-SHA-256"));
    write("mongo-src", mongodb(port, WORDS[2]));
    write("mongo-dst", mongodb(other, WORDS[3]));
    write("alice", format!("{}\n", WORDS[4]));
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = dir.path().display();
    write(
        "c.yaml",
        format!(
            "migration: m\nscope: shop\n\
             agent:\n  interval: 1s\n  timeout: 500ms\n  listen: \"{listen}\"\n  data_dir: {folder}/data\n  \
             hold_file: {folder}/hold\n  tokens: {{ alice: {{ file: {folder}/alice }}, ci: {{ env: CI_TOKEN }} }}\n\
             producers: {{ crm: {{ topics: [\"*\"] }} }}\n\
             kafka:\n  source: {{ properties_file: {folder}/kafka-src }}\n  destination: {{ properties_file: {folder}/kafka-dst }}\n\
             mongodb:\n  source: {{ uri_file: {folder}/mongo-src }}\n  destination: {{ uri_file: {folder}/mongo-dst }}\n  \
             databases: [shop]\n  mirrors: {{ all: {{ kind: mongomirror, url: \"http://127.0.0.1:{port}/\", \
             client: {{ address: 10.0.0.7 }} }} }}\n\
             probes:\n  api: {{ kind: http, side: destination, url: \"http://127.0.0.1:{port}/healthz\", interval: 1s, timeout: 500ms }}\n  \
             traffic: {{ kind: promql, side: destination, url: \"http://127.0.0.1:{port}\", query: \"sum(up) > 1\", \
             interval: 1s, timeout: 500ms }}\n"
        ),
    );
    let file = dir.path().join("a.rec");
    let log = dir.path().join("log");
    let output = std::fs::File::create(&log).unwrap();
    let mut agent = Command::new(AGENT)
        .args(["run", "--config", dir.path().join("c.yaml").to_str().unwrap(), "--record", file.to_str().unwrap()])
        .env("CI_TOKEN", WORDS[5])
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    let held = (0..LOOKS).any(|_| {
        std::thread::sleep(PAUSE);
        let mut cli = Command::new(AGENT);
        cli.args(["hold", "--reason", "because", "--agent", &format!("http://{listen}")]);
        cli.env("CUTOVER_TOKEN", WORDS[5]).stdin(Stdio::null()).output().unwrap().status.success()
    });
    // Who is told a secret says it again.
    let enough = (0..LOOKS).any(|_| {
        std::thread::sleep(PAUSE);
        servers.iter().all(|(_, asked)| asked.load(Ordering::SeqCst) > 30)
    });
    std::fs::write(dir.path().join("hold"), "stop").unwrap();
    std::thread::sleep(Duration::from_secs(2));
    Command::new("kill").args(["-TERM", &agent.id().to_string()]).status().unwrap();
    agent.wait().unwrap();
    let log = text(&std::fs::read(&log).unwrap());
    assert!(held && enough, "{log}");
    let bytes = unpacked(&file);
    let holds = |word: &str| bytes.windows(word.len()).any(|w| w == word.as_bytes());
    // It did record: settings, what was asked and answered, and that the targets could not be read.
    for word in ["stop-consumers", "because", "Turned", "Asked", "Mirror", "Probe", "SASL_AUTHENTICATION_FAILED"] {
        assert!(holds(word), "{word}\n{log}");
    }
    for word in WORDS {
        assert!(!holds(word), "{word} is in the recording");
        assert!(!log.contains(word), "{word} is in the log");
    }
}
