//! The command line: what it takes, and the commands that talk to a running agent. They are plain functions that
//! return exit codes; `run` and `check` are only described here.

mod act;
pub(crate) mod args;
mod claim;
mod http;
mod judge;
mod playbook;
mod show;
#[cfg(test)]
mod tests;
mod values;
mod wait;

pub(crate) use args::{Client, Command};
pub(crate) use playbook::print as playbook;

use clap::Parser;
use std::io::Write;

/// Says when each step of a migration is safe, with the evidence.
#[derive(Parser, Debug)]
#[command(name = "cutover-agent", version, max_term_width = 100, after_help = args::EXITS)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Exit codes of the client commands.
pub(crate) mod exit {
    /// It is so, or it was done.
    pub(crate) const OK: u8 = 0;
    /// Not now.
    pub(crate) const NOT_NOW: u8 = 1;
    /// The command line or the request makes no sense.
    pub(crate) const USAGE: u8 = 2;
    /// The agent cannot be reached, or something else answers.
    pub(crate) const UNREACHABLE: u8 = 3;
    /// It will stay refused.
    pub(crate) const REFUSED: u8 = 4;
}

/// Where a command writes.
pub(crate) struct Io<'a> {
    /// What was asked for.
    pub(crate) out: &'a mut dyn Write,
    /// Everything else.
    pub(crate) err: &'a mut dyn Write,
}

impl Io<'_> {
    /// A line on the standard output; a closed pipe is not worth more than silence.
    fn say(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}");
        let _ = self.out.flush();
    }

    /// A line on the standard error.
    fn note(&mut self, line: &str) {
        let _ = writeln!(self.err, "{line}");
        let _ = self.err.flush();
    }
}

/// The command line, parsed; on a mistake it says what is wrong and ends with exit code 2.
pub(crate) fn parse() -> Cli {
    Cli::parse()
}

/// Runs a client command on the standard streams and returns its exit code.
pub(crate) fn client(command: Client) -> u8 {
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    client_on(command, &mut Io { out: &mut out, err: &mut err })
}

fn client_on(command: Client, io: &mut Io<'_>) -> u8 {
    match command {
        Client::Wait(a) => wait::wait(&a, io),
        Client::Status(a) => show::status(&a, io),
        Client::History(a) => show::history(&a, io),
        Client::Begin(a) => act::begin(&a, io),
        Client::Hold(a) => act::hold(&a, io),
        Client::Release(a) => act::release(&a, io),
        Client::Confirm(a) => act::confirm(&a, io),
        Client::Retract(a) => act::retract(&a, io),
        Client::Adopt(a) => act::adopt(&a, io),
        Client::Withdraw(a) => act::withdraw(&a, io),
        Client::AcceptOffset(a) => act::accept_offset(&a, io),
    }
}
