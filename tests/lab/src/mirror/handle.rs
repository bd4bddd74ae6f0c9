//! A mirror in the hand of a test: started, killed, started again, disturbed, asked.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::control::Index;
use super::options::{Faults, MirrorOptions, MirrorState, Settings};
use super::program;
use crate::clock;
use crate::error::{Doing, Error, Result};
use crate::mongo::{MongoPair, Rights};
use crate::ports;
use crate::process::Process;
use crate::progress::say;
use crate::scratch::Scratch;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A mirror between the two replica sets of a pair. Dropping it kills its process.
///
/// The program it runs is, in this order: `MirrorOptions::program`; this very program, if it calls
/// [`mirror_if_asked`](crate::mirror_if_asked) in its `main`; one called `mirror` beside it.
#[derive(Debug)]
pub struct Mirror {
    // Before the folder: it ends first.
    process: Mutex<Option<Process>>,
    settings: Settings,
    scratch: Scratch,
}

impl Mirror {
    /// Prepares one: its users on both sides, its ports, its folder. Nothing runs yet.
    pub fn open(pair: &MongoPair, options: MirrorOptions) -> Result<Self> {
        // What MongoMirror's documentation asks for; at the destination "Atlas admin", which root comes nearest to.
        let reads = ["readAnyDatabase", "clusterMonitor", "backup"];
        let rights = reads.iter().fold(Rights::none(), |rights, role| rights.role(role, "admin"));
        let source = pair.source.create_user(&format!("{}-src", options.name), rights)?;
        let destination =
            pair.destination.create_user(&format!("{}-dst", options.name), Rights::none().role("root", "admin"))?;
        let scratch = Scratch::new("mirror")?;
        let settings = Settings {
            source_uri: pair.source.uri(&source),
            destination_uri: pair.destination.uri(&destination),
            status_port: ports::free()?,
            control_port: ports::free()?,
            bookmark: scratch.join("mongomirror.bookmark"),
            drop: false,
            options,
        };
        Ok(Self { process: Mutex::new(None), settings, scratch })
    }

    /// What it was opened with.
    pub fn options(&self) -> &MirrorOptions {
        &self.settings.options
    }

    /// Where its status port is: `http://127.0.0.1:…`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.settings.status_port)
    }

    /// Starts a run: from the bookmark where there is one, else with an initial sync into an empty destination. Returns
    /// when its ports answer.
    pub fn start(&self) -> Result<()> {
        self.launch(false)
    }

    /// Starts a run from scratch: what it carries is dropped at the destination first (`--drop`), whatever the bookmark.
    pub fn start_with_drop(&self) -> Result<()> {
        self.launch(true)
    }

    /// Ends it as an operator would. Returns when it has ended.
    pub fn stop(&self) -> Result<()> {
        self.lock().take().map_or(Ok(()), |mut process| process.stop(Duration::from_secs(10)))
    }

    /// Kills it (SIGKILL).
    pub fn kill(&self) -> Result<()> {
        self.lock().take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Stops it from running without ending it (SIGSTOP): its ports accept and say nothing.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it run on (SIGCONT).
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Whether its process lives, frozen or not.
    pub fn is_alive(&self) -> bool {
        self.lock().as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// The body of its status port.
    pub fn status(&self) -> Result<Value> {
        exchange(self.settings.status_port, "GET", "/", "")
    }

    /// What it really is, from its control port.
    pub fn state(&self) -> Result<MirrorState> {
        self.control("GET", "/", "")
    }

    /// Switches exactly these faults on and all others off.
    pub fn set_faults(&self, faults: &Faults) -> Result<()> {
        let body = serde_json::json!(faults).to_string();
        self.control("PUT", "/faults", &body).map(drop)
    }

    /// Switches all faults off.
    pub fn mend(&self) -> Result<()> {
        self.set_faults(&Faults::default())
    }

    /// Drops an index at the destination, as a mirror that has lost one would leave it.
    pub fn drop_index(&self, namespace: &str, name: &str) -> Result<()> {
        let index = Index { namespace: namespace.to_owned(), name: name.to_owned() };
        self.control("POST", "/drop-index", &serde_json::json!(index).to_string()).map(drop)
    }

    /// Waits until the initial sync is over and it follows the oplog.
    pub fn await_oplog_sync(&self, limit: Duration) -> Result<()> {
        clock::wait_for(&format!("{} to follow the oplog", self.settings.options.name), limit, || {
            let state = self.state().map_err(|error| error.to_string())?;
            match (state.stage.as_str(), state.error) {
                ("oplog sync", None) => Ok(()),
                (stage, error) => Err(format!("{stage} {}", error.unwrap_or_default())),
            }
        })
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        crate::process::tail(&self.scratch.join("mirror.log"))
    }

    fn launch(&self, drop: bool) -> Result<()> {
        let mut running = self.lock();
        let name = &self.settings.options.name;
        if running.as_mut().is_some_and(|process| process.ended().is_none()) {
            return Err(Error::Usage(format!("{name} runs already")));
        }
        let file = self.scratch.join("settings.json");
        let settings = Settings { drop, ..self.settings.clone() };
        let text = serde_json::json!(settings).to_string();
        let mut options = OpenOptions::new();
        let opened = options.create(true).truncate(true).write(true).mode(0o600).open(&file);
        opened.and_then(|mut file| file.write_all(text.as_bytes())).doing(|| format!("write {}", file.display()))?;
        if drop {
            let _ = fs::remove_file(&settings.bookmark);
        }
        let (program, arguments) = program::command(settings.options.program.as_deref(), &file)?;
        say(format!("starting {name}; its status port is {}", self.url()));
        let log = self.scratch.join("mirror.log");
        let mut process = Process::start(name, &program, &arguments, self.scratch.path(), &log)?;
        clock::wait_for(&format!("{name} to answer"), Duration::from_secs(60), || {
            if let Some(status) = process.ended() {
                return Ok(Err(process.error(format!("ended by itself with {status}"))));
            }
            self.state().map(|_| Ok(())).map_err(|error| error.to_string())
        })??;
        *running = Some(process);
        Ok(())
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Result<MirrorState> {
        let answer = exchange(self.settings.control_port, method, path, body)?;
        serde_json::from_value(answer.clone()).map_err(|_| Error::Usage(format!("{path}: {answer}")))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match self.lock().as_mut() {
            Some(process) => process.signal(signal),
            None => Err(Error::Usage(format!("{} does not run", self.settings.options.name))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request to a port of the loopback; the answer's body as JSON.
fn exchange(port: u16, method: &str, path: &str, body: &str) -> Result<Value> {
    let doing = || format!("{method} http://127.0.0.1:{port}{path}");
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut text = String::new();
    let mut ask = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&at, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes())?;
        stream.read_to_string(&mut text).map(drop)
    };
    ask().doing(doing)?;
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str(body).map_err(|error| Error::Usage(format!("{}: {error}", doing())))
}
