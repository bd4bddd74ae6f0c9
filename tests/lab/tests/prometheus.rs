//! The lab's Prometheus on a tiny server: what is scraped is what is answered, labels, gaps and refusals included.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cutover_lab::{Prometheus, Scratch, wait_for};

const LONG: Duration = Duration::from_secs(60);

/// Serves one metric on a free port for as long as the process lives; `gone` takes it away.
fn serve(gone: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The head to its end: closing with bytes unread would reset the connection.
            let head = BufReader::new(stream.try_clone().unwrap());
            let _ = head.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            let body = match gone.load(Ordering::SeqCst) {
                true => "",
                false => {
                    "# TYPE lab_lag gauge\nlab_lag{side=\"source\",group=\"a\\\"b\"} 1204\nlab_lag{side=\"destination\",group=\"a\"} 0\n"
                }
            };
            let n = body.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
            let _ = write!(stream, "{head}\r\nContent-Length: {n}\r\n\r\n{body}");
        }
    });
    at
}

#[test]
fn it_scrapes_and_answers() {
    let gone = Arc::new(AtomicBool::new(false));
    let at = serve(gone.clone());
    let rules = Scratch::new("rules").unwrap();
    let file = rules.join("rules.yaml");
    let rule = r#"{ "groups": [{ "name": "lab", "rules": [{ "alert": "Behind", "expr": "lab_lag > 1000" }] }] }"#;
    std::fs::write(&file, rule).unwrap();
    let p = Prometheus::start("lab", &[at], &[file]).unwrap();

    let found = p.wait_for_sample("lab_lag{side=\"source\"}", LONG).unwrap();
    let (labels, value) = &found[0];
    assert_eq!((found.len(), *value), (1, 1204.0));
    assert_eq!((labels["__name__"].as_str(), labels["group"].as_str()), ("lab_lag", "a\"b"));
    assert_eq!((labels["job"].as_str(), labels["instance"].as_str()), ("lab", at.to_string().as_str()));
    assert_eq!(p.wait_for_sample("sum by (side) (lab_lag)", LONG).unwrap().len(), 2);
    wait_for("a sum", LONG, || match p.query("scalar(lab_lag{side=\"source\"} + 1)").unwrap() {
        sum if sum == [(Default::default(), 1205.0)] => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .unwrap();
    assert_eq!(p.query("lab_lag{side=\"nowhere\"}").unwrap(), []);
    let alerts = p.wait_for_sample("ALERTS{alertstate=\"firing\"}", LONG).unwrap();
    assert_eq!(alerts[0].0["alertname"], "Behind");

    // What Prometheus refuses is an error and not an empty answer.
    let refused = p.query("sum by (").unwrap_err().to_string();
    assert!(refused.contains("parse error"), "{refused}");
    // A series that is no longer there ends at once, not after five minutes.
    gone.store(true, Ordering::SeqCst);
    wait_for("the end of the series", LONG, || match p.query("lab_lag").unwrap() {
        gone if gone.is_empty() => Ok(()),
        still => Err(format!("{still:?}")),
    })
    .unwrap();
    wait_for("the target to be up, though it has nothing", LONG, || match p.query("up").unwrap() {
        up if up[0].1 == 1.0 => Ok(()),
        down => Err(format!("{down:?}")),
    })
    .unwrap();
    p.stop().unwrap();
}

#[test]
fn a_configuration_it_refuses_is_an_error_with_its_log() {
    let missing = Scratch::new("rules").unwrap();
    let file = missing.join("rules.yaml");
    std::fs::write(&file, "groups: nonsense").unwrap();
    let error = Prometheus::start("lab", &[], &[file]).unwrap_err().to_string();
    assert!(error.contains("ended with") && error.contains("rules.yaml"), "{error}");
}
