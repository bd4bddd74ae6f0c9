//! Child processes that die with their parent, and signals to them.
//!
//! A child is started through `setpriv --pdeathsig KILL` where there is one: the kernel then kills it when the *thread*
//! that started it ends, so all are started by one thread that lives as long as the process. Only processes started
//! here are ever signalled, by their own id, and only while they have not been reaped. Each has a process group of its
//! own, so that a Ctrl-C in the terminal reaches the lab alone, which then ends them in the right order.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock;
use crate::error::{Doing, Error, Result};

type Job = (Command, Sender<io::Result<Child>>);

/// A running child with its log file. Dropping it kills and reaps it.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `program` with `args`; its output is appended to `log`.
    pub(crate) fn start(name: &str, program: &str, args: &[String], dir: &Path, log: &Path) -> Result<Self> {
        let mut command = match setpriv() {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", program]);
                command
            }
            None => Command::new(program),
        };
        let out = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .doing(|| format!("open {}", log.display()))?;
        let err = out.try_clone().doing(|| "share the log file".to_owned())?;
        command.args(args).current_dir(dir).process_group(0).stdin(std::process::Stdio::null()).stdout(out).stderr(err);
        let child = spawn(command).doing(|| format!("start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), ended: None })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The status with which it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Sends a signal, unless it has ended.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended().is_some() {
            return Ok(());
        }
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else {
            return Ok(());
        };
        kill_process(pid, signal).map_err(io::Error::from).doing(|| format!("signal {}", self.name))
    }

    /// SIGTERM, and SIGKILL when it has not ended after `grace`. Returns when it has ended.
    pub(crate) fn stop(&mut self, grace: Duration) -> Result<()> {
        self.signal(Signal::CONT)?;
        self.signal(Signal::TERM)?;
        let ended = clock::wait_for("the end of a process", grace, || self.ended().ok_or_else(|| "alive".to_owned()));
        match ended {
            Ok(_) => Ok(()),
            Err(_) => self.kill(),
        }
    }

    /// SIGKILL. Returns when it has ended.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        if self.ended.is_none() {
            let status = self.child.wait().doing(|| format!("wait for {}", self.name))?;
            self.ended = Some(status);
        }
        Ok(())
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> String {
        tail(&self.log)
    }

    /// An error about it, with the tail of its log.
    pub(crate) fn error(&self, problem: impl Into<String>) -> Error {
        Error::Server { what: self.name.clone(), problem: problem.into(), log: self.tail() }
    }

    /// Resident memory in kB, as the kernel tells it.
    pub(crate) fn resident_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Runs a short-lived program to its end and returns its output, or an error carrying it.
pub(crate) fn run(
    name: &str,
    program: &str,
    args: &[String],
    dir: &Path,
    log: &Path,
    limit: Duration,
) -> Result<String> {
    let mut process = Process::start(name, program, args, dir, log)?;
    let status = clock::wait_for(name, limit, || process.ended().ok_or_else(|| "still running".to_owned()))?;
    if status.success() {
        std::fs::read_to_string(log).doing(|| format!("read {}", log.display()))
    } else {
        Err(process.error(format!("ended with {status}")))
    }
}

pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, inbox) = channel::<Job>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        jobs
    });
    let gone = || io::Error::other("the thread that starts processes is gone");
    let (reply, answer) = channel();
    spawner.send((command, reply)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

fn setpriv() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| which("setpriv")).as_deref()
}

/// The program of that name on the path.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_ends_on_stop_and_tells_its_status() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut child = Process::start("sleep", "sleep", &["60".to_owned()], dir.path(), &log).unwrap();
        assert!(child.ended().is_none());
        child.stop(Duration::from_secs(5)).unwrap();
        assert!(child.ended().is_some());
    }

    #[test]
    fn a_failing_program_brings_its_output() {
        let dir = tempfile::tempdir().unwrap();
        let args = ["-c".to_owned(), "echo broken pipe dream; exit 3".to_owned()];
        let log = dir.path().join("log");
        let error = run("the shell", "sh", &args, dir.path(), &log, Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("broken pipe dream"), "{error}");
    }
}
