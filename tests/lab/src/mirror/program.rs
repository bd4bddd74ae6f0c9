//! The mirror as a program: `mirror SETTINGS`, or any program of ours that was asked to be one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::board::Board;
use super::engine::{self, Engine};
use super::options::Settings;
use super::{control, http};
use crate::error::{Doing, Error, Result};
use crate::mongo::runtime;

/// How a program of ours is asked to be a mirror.
const ASKED: &str = "--cutover-lab-mirror";

/// Whether this program calls [`mirror_if_asked`] before anything else.
static WILLING: AtomicBool = AtomicBool::new(false);

/// Makes a program able to be a mirror: call it first in `main`, and end with the code it returns, if any. The lab then
/// starts the running program itself wherever it needs a mirror; a test binary with a `main` of its own does so.
pub fn mirror_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == ASKED) {
        return Some(arguments.next().map_or(ExitCode::FAILURE, |settings| mirror_main(Path::new(&settings))));
    }
    WILLING.store(true, Ordering::SeqCst);
    None
}

/// Is the mirror those settings describe, until the process is ended.
pub fn mirror_main(settings: &Path) -> ExitCode {
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The command that starts a mirror.
pub(super) fn command(given: Option<&Path>, settings: &Path) -> Result<(String, Vec<String>)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    if let Some(program) = given {
        return Ok((text(program), vec![text(settings)]));
    }
    let this = std::env::current_exe().doing(|| "find this program".to_owned())?;
    if WILLING.load(Ordering::SeqCst) {
        return Ok((text(&this), vec![ASKED.to_owned(), text(settings)]));
    }
    // Beside this program, or beside the folder of test binaries.
    let beside: Vec<PathBuf> = this.ancestors().skip(1).take(2).map(|dir| dir.join("mirror")).collect();
    match beside.iter().find(|program| program.is_file()) {
        Some(program) => Ok((text(program), vec![text(settings)])),
        None => Err(Error::Usage(format!(
            "no program to be the mirror: call cutover_lab::mirror_if_asked() first in main, name one in \
             MirrorOptions::program, or build it (cargo build -p cutover-lab --bin mirror); looked for {}",
            beside.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn serve(settings: &Path) -> Result<()> {
    let text = fs::read_to_string(settings).doing(|| format!("read {}", settings.display()))?;
    let settings: Settings = serde_json::from_str(&text).map_err(|error| Error::Usage(error.to_string()))?;
    runtime::wait(async {
        let board = Arc::new(Board::new());
        let status = tokio::spawn(http::status(settings.status_port, Arc::clone(&board)));
        let control_port = settings.control_port;
        let period = Duration::from_millis(settings.options.refresh_ms.max(10));
        let engine = Engine::open(settings, Arc::clone(&board)).await.doing(|| "connect".to_owned())?;
        let ends = engine.ends.clone();
        let control = tokio::spawn(control::listen(control_port, Arc::clone(&board), ends.destination));
        tokio::spawn(engine::refresh(ends.source, board, period));
        tokio::spawn(engine.run());
        // Neither port ends but by an error.
        let (what, ended) = tokio::select! {
            ended = status => ("the status port", ended),
            ended = control => ("the control port", ended),
        };
        let ended = ended.map_err(|error| Error::Usage(format!("{what}: {error}")))?;
        ended.doing(|| what.to_owned())
    })?
}
