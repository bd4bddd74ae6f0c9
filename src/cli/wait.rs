//! `wait`: asks until every agent says go at the same poll, then claims and runs what it was given.

use super::args::WaitArgs;
use super::claim::{Claims, claim};
use super::http::{Base, Http, bases, encoded, plain};
use super::judge::{Asked, Poll, judge, still};
use super::{Io, exit};
use crate::clock;
use cutover_core::render;
use cutover_core::time::{Dur, Mono};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// A line at least this often, so that a pipeline's log shows that somebody waits.
const HEARTBEAT: Dur = Dur::secs(60);
/// The least between two polls.
const LEAST: Dur = Dur(100);

/// Waits; see the module.
pub(super) fn wait(args: &WaitArgs, io: &mut Io<'_>) -> u8 {
    let claims = args.begin || !args.command.is_empty();
    let prepared = bases(&args.at).and_then(|b| Ok((b, Http::new(&args.at)?)));
    let (bases, http) = match prepared {
        Ok(p) => p,
        Err(said) => {
            io.note(&format!("wait: {said}"));
            return exit::USAGE;
        }
    };
    if args.reason.is_some() && !claims {
        io.note("wait: --reason is why a step is claimed, and nothing is claimed without --begin or a command");
        return exit::USAGE;
    }
    if claims && !http.has_token() {
        io.note(
            "wait: claiming wants a token: give --token-file, or set CUTOVER_TOKEN_FILE or CUTOVER_TOKEN; \
             without --begin and without a command nothing is claimed",
        );
        return exit::USAGE;
    }
    let waiting = Waiting { args, bases: &bases, http: &http };
    match waiting.until_go(io, claims) {
        Err(code) => code,
        Ok(()) if args.command.is_empty() => exit::OK,
        Ok(()) => run(args, io),
    }
}

struct Waiting<'a> {
    args: &'a WaitArgs,
    bases: &'a [Base],
    http: &'a Http,
}

/// What was said last, to say only what is new.
#[derive(Default)]
struct Progress {
    said: BTreeMap<String, String>,
    last: Option<Mono>,
}

impl Waiting<'_> {
    fn until_go(&self, io: &mut Io<'_>, claims: bool) -> Result<(), u8> {
        let begun = clock::now().mono;
        let deadline = begun + millis(self.args.timeout);
        let mut progress = Progress::default();
        let mut answered = vec![false; self.bases.len()];
        let mut claimed = Claims::default();
        loop {
            let polls: Vec<Poll> = self.bases.iter().map(|b| self.ask(b)).collect();
            for (seen, poll) in answered.iter_mut().zip(&polls) {
                *seen |= !matches!(poll, Poll::NoAgent(_));
            }
            if let Some(code) = self.refusal(&polls, io) {
                return Err(code);
            }
            // Every go must still stand when the last one has come in.
            let go = polls.iter().all(|p| matches!(p, Poll::Go(until) if still(*until)));
            if go && !claims {
                io.note(&stamped(&format!("{} {}: go{}", self.args.step, self.question(), self.everywhere())));
                return Ok(());
            }
            if go {
                match claim(self.http, self.bases, self.args, &mut claimed, io) {
                    Ok(()) => return Ok(()),
                    Err(Some(code)) => return Err(code),
                    Err(None) => {}
                }
            } else {
                progress.show(self.bases, &polls, self.args, io);
            }
            let now = clock::now().mono;
            if now >= deadline {
                return Err(self.too_late(&polls, &answered, now - begun, io));
            }
            let pause = millis(self.args.every).max(LEAST).min(deadline - now);
            std::thread::sleep(std::time::Duration::from_millis(u64::try_from(pause.0).unwrap_or(0)));
        }
    }

    fn ask(&self, base: &Base) -> Poll {
        let asked = Asked {
            step: &self.args.step,
            question: self.question(),
            migration: self.args.migration.as_deref(),
            allow_rehearsal: self.args.allow_rehearsal,
        };
        let migration = self.args.migration.as_deref().map(|m| format!("?migration={}", encoded(m)));
        let path = format!("/{}/{}{}", asked.question, encoded(asked.step), migration.unwrap_or_default());
        let sent = clock::now().mono;
        judge(&asked, sent, self.http.get(base, &path, "application/json"))
    }

    fn question(&self) -> &'static str {
        if self.args.done { "done" } else { "ready" }
    }

    fn everywhere(&self) -> String {
        if self.bases.len() > 1 { format!(", says each of the {} agents", self.bases.len()) } else { String::new() }
    }

    fn refusal(&self, polls: &[Poll], io: &mut Io<'_>) -> Option<u8> {
        let mut code = None;
        for (base, poll) in self.bases.iter().zip(polls) {
            let (said, c) = match poll {
                Poll::Refused(said) => (said, exit::REFUSED),
                Poll::Usage(said) => (said, exit::USAGE),
                _ => continue,
            };
            io.note(&stamped(&format!("{}: refused by {}: {said}", self.args.step, base.as_str())));
            code = Some(c);
        }
        code
    }

    fn too_late(&self, polls: &[Poll], answered: &[bool], waited: Dur, io: &mut Io<'_>) -> u8 {
        let mut code = exit::NOT_NOW;
        for ((base, poll), seen) in self.bases.iter().zip(polls).zip(answered) {
            let said = match poll {
                Poll::Go(_) => "go".to_owned(),
                Poll::Not(s) | Poll::NoAgent(s) | Poll::Refused(s) | Poll::Usage(s) => s.clone(),
            };
            let step = &self.args.step;
            io.note(&stamped(&format!("{step}: gave up after {waited}; {} says: {said}", base.as_str())));
            if !seen {
                code = exit::UNREACHABLE;
                io.note(&format!(
                    "  no agent answered at {} the whole time; is it running, and is the address right? try: curl {}/livez",
                    base.as_str(),
                    base.as_str()
                ));
            }
        }
        if code == exit::NOT_NOW {
            io.note(&format!("  see what is missing: cutover-agent status {}", self.args.step));
        }
        code
    }
}

impl Progress {
    /// A line where what an agent says has changed, numbers aside, and one at least every minute.
    fn show(&mut self, bases: &[Base], polls: &[Poll], args: &WaitArgs, io: &mut Io<'_>) {
        let now = clock::now().mono;
        let due = self.last.is_none_or(|l| now - l >= HEARTBEAT);
        for (base, poll) in bases.iter().zip(polls) {
            let said = match poll {
                Poll::Go(_) => "go, waiting for the others".to_owned(),
                Poll::Not(s) | Poll::Refused(s) | Poll::Usage(s) | Poll::NoAgent(s) => s.clone(),
            };
            let gist: String = said.chars().filter(|c| !c.is_ascii_digit() && !c.is_whitespace()).collect();
            let news = self.said.insert(base.as_str().to_owned(), gist.clone()) != Some(gist);
            if news || due {
                let at = if bases.len() > 1 { format!("{}: ", base.as_str()) } else { String::new() };
                io.note(&stamped(&format!("{}: {at}{said}", args.step)));
                self.last = Some(now);
            }
        }
    }
}

/// Runs the command; the step is claimed.
fn run(args: &WaitArgs, io: &mut Io<'_>) -> u8 {
    let Some((program, rest)) = args.command.split_first() else { return exit::OK };
    match Command::new(program).args(rest).status() {
        Ok(status) => {
            let code = status.code().or(status.signal().map(|s| 128 + s)).unwrap_or(exit::NOT_NOW.into());
            io.note(&stamped(&format!("{}: the command ended with {code}", args.step)));
            u8::try_from(code).unwrap_or(exit::NOT_NOW)
        }
        Err(e) => {
            let step = &args.step;
            io.note(&stamped(&format!(
                "{step} is claimed, but `{}` cannot be started: {e}; run it by hand now, or: \
                 cutover-agent withdraw {step} --reason …",
                plain(program)
            )));
            if e.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
        }
    }
}

/// A line with the time, for logs that have none.
pub(super) fn stamped(line: &str) -> String {
    format!("{} {line}", render::instant(clock::now().wall))
}

fn millis(d: std::time::Duration) -> Dur {
    Dur(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
