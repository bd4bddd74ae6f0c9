//! `lab`: the real estate from the command line. What it can do is in the library; this is its handle.

mod action;
mod agent_config;
mod control;
mod estate;
mod files;
mod mongo_action;
mod status;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use cutover_lab::{Result, Version};

use action::Action;
use control::Ask;

const EXAMPLES: &str = "\
Examples:
  lab provision                      fetch Kafka 3.9.1 and 4.1.0 and MongoDB 6.0.5 once, verified
  lab up                             start everything and a shop on the sources, until Ctrl-C
  lab up --only mongodb              the one part alone
  lab up --destination-prefix shop.PROD.      the same without renaming the topics

Then, in another terminal, a migration with its near misses:
  lab status                         what is safe now, and why not
  lab do open-transaction --topic erp.orders.ingestion
  lab do switch-producers
  lab status                         stop-consumers is unsafe: the transaction is still open
  lab do commit-transaction
  lab do forget-producer --topic crm.customers.ingestion
  lab do stop-producer forgotten
  lab do stop-consumers
  lab do seed
  lab do start-consumers
  lab do retire-source
  lab do start-mirror
  lab do mirror-fault --hold-last    0 s behind, and not drained
  lab do switch-readers
  lab do stop-writers
  lab status                         stop-mirror is unsafe: an acknowledged write is missing
  lab do mirror-fault                mended
  lab do stop-mirror
  lab do start-writers
  lab timeline                       all of it, with milliseconds

MongoDB comes through python3 and pip. Java 17 and Maven are needed: apt-get install openjdk-17-jre-headless maven
Everything fetched is kept in $CUTOVER_CACHE, or ~/.cache/cutover-lab.";

/// Two real Kafka clusters, two MongoDB replica sets, a small Fast Data shop, and an oracle that knows what is safe.
#[derive(Debug, Parser)]
#[command(name = "lab", version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch both Kafkas and MongoDB into the cache and verify them; instant when they are there
    Provision {
        /// Compare every byte of what is in the cache with the committed sums
        #[arg(long)]
        verify: bool,
    },
    /// Start everything, print the command that runs the agent on it, and run until Ctrl-C
    Up(up::Up),
    /// Do something to the lab that runs
    Do {
        #[command(flatten)]
        run: Run,
        #[command(subcommand)]
        action: Action,
    },
    /// Per step of the tracks that run: safe or unsafe, with every reason
    Status {
        #[command(flatten)]
        run: Run,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// What happened so far, in milliseconds since each shop was opened
    Timeline {
        #[command(flatten)]
        run: Run,
    },
}

/// Where a running lab keeps its files.
#[derive(Debug, Clone, Args)]
struct Run {
    /// The run folder: `run` in the cache by default
    #[arg(long, env = "CUTOVER_LAB_RUN", value_name = "FOLDER")]
    run: Option<PathBuf>,
}

impl Run {
    fn folder(&self) -> Result<PathBuf> {
        match &self.run {
            Some(folder) => Ok(folder.clone()),
            None => Ok(cutover_lab::cache_dir()?.join("run")),
        }
    }
}

fn main() -> ExitCode {
    // The mirrors of this lab are this program.
    if let Some(code) = cutover_lab::mirror_if_asked() {
        return code;
    }
    match perform(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(command: Command) -> Result<()> {
    match command {
        Command::Provision { verify } => {
            for version in Version::ALL {
                cutover_lab::provision(version)?;
                if verify {
                    cutover_lab::verify(version)?;
                }
                println!("Kafka {version} is in {}", cutover_lab::cache_dir()?.display());
            }
            cutover_lab::provision_mongod()?;
            if verify {
                cutover_lab::verify_mongod()?;
            }
            println!("MongoDB {} is in {}", cutover_lab::MONGOD_VERSION, cutover_lab::cache_dir()?.display());
            Ok(())
        }
        Command::Up(up) => up.perform(),
        Command::Do { run, action } => print(control::ask(&run.folder()?, Ask::Do(action))?),
        Command::Status { run, json } => print(control::ask(&run.folder()?, Ask::Status { json })?),
        Command::Timeline { run } => print(control::ask(&run.folder()?, Ask::Timeline)?),
    }
}

#[allow(clippy::unnecessary_wraps, reason = "the last word of every command that asks")]
fn print(text: String) -> Result<()> {
    println!("{}", text.trim_end());
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
