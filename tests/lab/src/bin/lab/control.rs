//! The control port of a running lab: one line of JSON in, one out, on the loopback.
//!
//! The port and a secret are in `control.json` of the run folder, which only its owner can read: another user of the
//! machine cannot act on the lab.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use cutover_lab::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::estate::Estate;
use crate::{files, status};

/// The longest line either side reads.
const LONGEST: u64 = 4 << 20;

/// What a terminal asks of a running lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ask {
    Do(Action),
    Status { json: bool },
    Timeline,
}

/// How to reach a running lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Door {
    pub(crate) port: u16,
    pub(crate) secret: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    secret: String,
    ask: Ask,
}

#[derive(Debug, Serialize, Deserialize)]
struct Response {
    ok: bool,
    text: String,
}

/// Asks the lab that runs in `folder`.
pub(crate) fn ask(folder: &Path, ask: Ask) -> Result<String> {
    let file = folder.join(files::CONTROL);
    let nobody = |what: String| {
        Error::Usage(format!(
            "no lab runs in {}: {what}\n  start one with `lab up`, or name its folder with --run",
            folder.display()
        ))
    };
    let text = std::fs::read_to_string(&file).map_err(|error| nobody(error.to_string()))?;
    let door: Door = serde_json::from_str(&text).map_err(|error| nobody(error.to_string()))?;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port)).map_err(|error| nobody(error.to_string()))?;
    let response: Response =
        exchange(stream, &Request { secret: door.secret, ask }).map_err(|error| nobody(error.to_string()))?;
    if response.ok { Ok(response.text) } else { Err(Error::Usage(response.text)) }
}

fn exchange(mut stream: TcpStream, request: &Request) -> std::io::Result<Response> {
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

/// Listens for as long as the process lives; a thread per connection.
pub(crate) fn listen(estate: &Arc<Estate>) -> std::io::Result<Door> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let secret = cutover_lab::secret();
    let door = Door { port: listener.local_addr()?.port(), secret };
    let expected = door.secret.clone();
    // One action at a time; status and timeline are answered while one runs.
    let busy = Arc::new(Mutex::new(()));
    // The listening thread holds the estate weakly, so that the one who opened it also ends it.
    let estate = Arc::downgrade(estate);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Some(estate) = estate.upgrade() else { return };
            let (expected, busy) = (expected.clone(), Arc::clone(&busy));
            thread::spawn(move || {
                // Whoever went away does not get an answer.
                let _ = serve(stream, &expected, &estate, &busy);
            });
        }
    });
    Ok(door)
}

fn serve(stream: TcpStream, secret: &str, estate: &Estate, busy: &Mutex<()>) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.try_clone()?.take(LONGEST)).read_line(&mut line)?;
    let answer = match serde_json::from_str::<Request>(&line) {
        Err(error) => Err(format!("not a request: {error}")),
        Ok(request) if request.secret != secret => Err("wrong secret".to_owned()),
        Ok(request) => answer(&request.ask, estate, busy),
    };
    let (ok, text) = match answer {
        Ok(text) => (true, text),
        Err(text) => (false, text),
    };
    let mut out = serde_json::to_string(&Response { ok, text })?;
    out.push('\n');
    (&stream).write_all(out.as_bytes())
}

fn answer(ask: &Ask, estate: &Estate, busy: &Mutex<()>) -> Result<String, String> {
    match ask {
        Ask::Status { json } => Ok(status::status(estate, *json)),
        Ask::Timeline => Ok(status::timeline(estate)),
        // What ends a wait may be needed while another action waits.
        Ask::Do(action) if action.is_urgent() => action.perform(estate).map_err(|error| error.to_string()),
        Ask::Do(action) => {
            let Ok(_busy) = busy.try_lock() else { return Err("another action is still running".to_owned()) };
            action.perform(estate).map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::At;
    use crate::mongo_action::MongoAction;

    #[test]
    fn requests_survive_the_wire() {
        let asks = [
            Ask::Do(Action::StartConsumers { side: At::Destination }),
            Ask::Do(Action::CommitTransaction { id: None }),
            Ask::Do(Action::SwitchProducers),
            Ask::Do(Action::Mongo(MongoAction::StartWriters { side: At::Destination })),
            Ask::Do(Action::Mongo(MongoAction::StopMirror)),
            Ask::Status { json: true },
            Ask::Timeline,
        ];
        for ask in asks {
            let line = serde_json::to_string(&Request { secret: "s".to_owned(), ask: ask.clone() }).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Request>(&line).unwrap().ask, ask);
        }
    }

    #[test]
    fn nobody_there_is_said_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let error = ask(dir.path(), Ask::Timeline).unwrap_err().to_string();
        assert!(error.contains("no lab runs in") && error.contains("lab up"), "{error}");
    }
}
