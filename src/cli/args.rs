//! What the commands take. Every `--help` ends with an example.

use super::values::{anchor, duration, size};
use crate::rehearse::Pace;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(super) const EXITS: &str = "\
Exit codes of the commands that ask an agent (`check --help` and `wait --help` have their own): 0 yes or done, 1 not now, 2 the command line or the request makes no \
sense, 3 the agent cannot be reached or something else answers there, 4 refused for good (401, 404, 409, 412).

A migration in short:
  cutover-agent check --config cutover.yaml --connect
  cutover-agent run --config cutover.yaml
  cutover-agent status --watch
  cutover-agent wait stop-consumers -- ./stop-consumers.sh";

/// A command.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Runs the agent: samples the estate, judges every step, answers over HTTP.
    #[command(after_help = "Example:\n  cutover-agent run --config base.yaml --config prod.yaml")]
    Run(RunArgs),
    /// Checks a configuration, and with --connect what the agent can read of every target.
    #[command(after_help = "\
Example:
  cutover-agent check --config cutover.yaml --connect

Exit codes: 0 the configuration is good and everything that is required can be read, 1 something required cannot be read \
(or no target was read and no probe passes), 2 the configuration or the command line makes no sense, 3 a target cannot \
be reached at all. Optional readings that are missing (`miss`) change nothing.")]
    Check(CheckArgs),
    /// Plays a whole migration of a simulated estate, with the real gate, journal, answers and metrics on it.
    #[command(after_help = "\
Examples:
  cutover-agent rehearse
      the built-in estate, in about two minutes; ask it meanwhile as you would ask an agent
  cutover-agent rehearse --speed max --json > account.jsonl
  cutover-agent rehearse --config cutover.yaml --report rehearsal.json
      your own limits, on an estate invented from your configuration
  cutover-agent rehearse --scenario mine.scn --seed 7
  cutover-agent rehearse --replay night.rec --config other.yaml
      a recording of `run --record`, and where other limits would have answered differently
  cutover-agent rehearse --replay night.rec --record new.rec
      the same recording with the answers of this version
  cutover-agent rehearse --all
      every built-in scenario: what each must say, and whether it does")]
    Rehearse(RehearseArgs),
    /// Prints the playbook: steps, checks, how long each must hold, and the exits a person's word opens.
    #[command(after_help = "Example:\n  cutover-agent playbook --markdown > playbook.md\n  \
        cutover-agent playbook --config cutover.yaml     # with the limits in force")]
    Playbook(PlaybookArgs),
    /// Commands that ask a running agent.
    #[command(flatten)]
    Client(Client),
}

/// A command that asks a running agent.
#[derive(Subcommand, Debug)]
pub(crate) enum Client {
    /// Waits until a step is safe to start; may claim it and run a command then.
    #[command(after_help = "\
Examples:
  cutover-agent wait stop-consumers
      until it is safe
  cutover-agent wait stop-consumers -- kubectl scale deployment/rtu --replicas=0
      until it is safe, claims the step, then runs the command
  cutover-agent wait stop-consumers --done --timeout 2h
      until it took effect
  cutover-agent wait start-consumers --begin --agent http://a:9820 --agent http://b:9820
      until both say go at once, then claims it at both

Exit codes: 0 go (with a command: the command's own), 1 not go in time, 2 usage, 3 no agent answered the whole time, \
4 refused for good: done or begun already (409), unknown step (404), another migration (412), no token (401), a \
rehearsal without --allow-rehearsal.")]
    Wait(WaitArgs),
    /// Shows every step of the migration, or everything about one.
    #[command(after_help = "Examples:\n  cutover-agent status\n  cutover-agent status stop-consumers\n  \
        cutover-agent status --watch")]
    Status(StatusArgs),
    /// Prints the facts in the agent's journal, newest last.
    #[command(after_help = "Example:\n  cutover-agent history --limit 50")]
    History(HistoryArgs),
    /// Claims a step: succeeds only while it is safe, and is journaled with its evidence.
    #[command(after_help = "Example:\n  cutover-agent begin stop-consumers --token-file ~/.cutover-token")]
    Begin(BeginArgs),
    /// Stops a step, or all of them, until released.
    #[command(after_help = "Example:\n  cutover-agent hold stop-consumers --reason \"waiting for the batch of 22:00\"")]
    Hold(HoldArgs),
    /// Takes a hold off.
    #[command(after_help = "Example:\n  cutover-agent release stop-consumers --reason \"the batch is through\"")]
    Release(HoldArgs),
    /// Gives a person's word where the playbook offers that exit.
    #[command(after_help = "Examples:\n  \
        cutover-agent confirm ingestion-idle crm-cdc --reason \"connector deleted, checked with team-crm\"\n  \
        cutover-agent confirm reconciled shop.crm.orders.ingestion 0 1042 --reason \"copied by hand\"")]
    Confirm(ConfirmArgs),
    /// Takes a word back that was given with `confirm` and does not hold (any more).
    #[command(after_help = "Example:\n  \
        cutover-agent retract scaled-to-zero mongodb --reason \"svc-orders was started again\"")]
    Retract(ConfirmArgs),
    /// Takes a step as done that nobody claimed; possible only while its done checks hold.
    #[command(
        after_help = "Example:\n  cutover-agent adopt switch-producers --reason \"done before the agent ran\" \\\n    \
        --anchor shop.crm.orders.ingestion/0=1042"
    )]
    Adopt(AdoptArgs),
    /// Takes a begun or done step back, once its done checks are measured false.
    #[command(after_help = "Example:\n  cutover-agent withdraw stop-consumers --reason \"started again, must drain\"")]
    Withdraw(StepReasonArgs),
    /// Takes a partition that a group will never commit off the list, at the offsets of now.
    #[command(
        after_help = "Example:\n  cutover-agent accept-offset shop.orders.rtu shop.crm.orders.ingestion 3 \\\n    \
        --reason \"poison message, agreed with the owner\""
    )]
    AcceptOffset(AcceptOffsetArgs),
}

/// `run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Configuration files, merged in order: later ones override single keys.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) config: Vec<PathBuf>,
    /// Records everything it decides by, for `rehearse --replay`; an earlier recording there is gone on with.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// The recording ends at this size.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    pub(crate) record_limit: u64,
}

/// `rehearse`.
#[derive(Args, Debug)]
pub(crate) struct RehearseArgs {
    /// Your own configuration: its scope, producers, renames and limits, on an estate invented from it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "all"])]
    pub(crate) config: Vec<PathBuf>,
    /// A scenario of your own (docs/rehearse.md has the language).
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub(crate) scenario: Option<PathBuf>,
    /// Feeds a recording (`run --record`) to the gate and tells its verdicts, and where this version does not answer as
    /// was answered then; with --config, where that configuration would answer differently.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "all"])]
    pub(crate) replay: Option<PathBuf>,
    /// Records what the agent decides by and answers, as `run --record` does, in a new file; with --replay the same again
    /// with the answers of this version.
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub(crate) record: Option<PathBuf>,
    /// The recording ends at this size.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    pub(crate) record_limit: u64,
    /// Runs every built-in scenario instead, as fast as it goes, and prints a table.
    #[arg(long)]
    pub(crate) all: bool,
    /// The seed of everything random: the same seed gives the same account.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How many times faster than real time, or `max`; by default the whole takes two minutes.
    #[arg(long, value_name = "N", value_parser = Pace::parse)]
    pub(crate) speed: Option<Pace>,
    /// Records each producer writes in a second, with --config.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rate: u32,
    /// A recording of the real estate (`run --record`) from before anything is moved, with --config: its topics, rates,
    /// groups, collections and clients instead of invented ones.
    #[arg(long, value_name = "FILE", requires = "config", conflicts_with_all = ["rate", "replay"])]
    pub(crate) measured: Option<PathBuf>,
    /// Goes on answering at the end, until ctrl-c.
    #[arg(long)]
    pub(crate) stay: bool,
    /// Prints one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where it answers.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9820")]
    pub(crate) listen: SocketAddr,
    /// Where the journal is kept; a temporary folder otherwise, gone at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Writes the closing report there, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Configuration files, merged in order.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) config: Vec<PathBuf>,
    /// Also reads every target once and says what is missing, and what would grant it.
    #[arg(long)]
    pub(crate) connect: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `playbook`.
#[derive(Args, Debug, Default)]
pub(crate) struct PlaybookArgs {
    /// Configuration files, to show the limits in force rather than the defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
    /// Prints JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Prints Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// Which agent, and who asks.
#[derive(Args, Debug, Clone)]
pub(crate) struct AgentArgs {
    /// The agent's address.
    #[arg(
        long,
        env = "CUTOVER_AGENT",
        value_name = "URL",
        default_value = "http://127.0.0.1:9820",
        value_delimiter = ','
    )]
    pub(crate) agent: Vec<String>,
    /// A file that holds your token; without it the environment variable CUTOVER_TOKEN is read.
    #[arg(long, env = "CUTOVER_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// `wait`.
#[derive(Args, Debug)]
pub(crate) struct WaitArgs {
    /// The step.
    pub(crate) step: String,
    /// Asks whether the step took effect instead of whether it is safe to start.
    #[arg(long, conflicts_with_all = ["begin", "command"])]
    pub(crate) done: bool,
    /// Claims the step once it is go.
    #[arg(long)]
    pub(crate) begin: bool,
    /// Why it is claimed; journaled.
    #[arg(long, value_name = "TEXT", conflicts_with = "done")]
    pub(crate) reason: Option<String>,
    /// How long to wait at most.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// How often to ask.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) every: Duration,
    /// Refuses an agent that watches another migration.
    #[arg(long, value_name = "NAME")]
    pub(crate) migration: Option<String>,
    /// Accepts the answer of a rehearsal, whose times are shortened.
    #[arg(long)]
    pub(crate) allow_rehearsal: bool,
    #[command(flatten)]
    pub(crate) at: AgentArgs,
    /// Claims the step once it is go, then runs this and returns its exit code.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// `status`.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// One step; all of them otherwise.
    pub(crate) step: Option<String>,
    /// Shows it again and again.
    #[arg(long, conflicts_with = "json")]
    pub(crate) watch: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// How often to ask, with --watch.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) every: Duration,
    #[command(flatten)]
    pub(crate) at: AgentArgs,
}

/// `history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// How many of the newest facts.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Also what the agent notes for itself: pairs, topics and members seen, gaps, proofs.
    #[arg(long)]
    pub(crate) all: bool,
    /// Prints the JSON lines as they are.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) at: AgentArgs,
}

/// `begin`.
#[derive(Args, Debug)]
pub(crate) struct BeginArgs {
    /// The step.
    pub(crate) step: String,
    /// Why; journaled.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Refuses an agent that watches another migration.
    #[arg(long, value_name = "NAME")]
    pub(crate) migration: Option<String>,
    #[command(flatten)]
    pub(crate) at: AgentArgs,
}

/// `hold` and `release`.
#[derive(Args, Debug)]
pub(crate) struct HoldArgs {
    /// The step; all of them if none is named.
    pub(crate) step: Option<String>,
    /// Why; journaled and shown.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) at: AgentArgs,
}

/// `confirm` and `retract`.
#[derive(Args, Debug)]
pub(crate) struct ConfirmArgs {
    /// The word, as `cutover-agent playbook` lists them.
    pub(crate) word: String,
    /// What it is about.
    pub(crate) about: Vec<String>,
    /// Why; journaled and shown.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) at: AgentArgs,
}

/// `adopt`.
#[derive(Args, Debug)]
pub(crate) struct AdoptArgs {
    /// The step.
    pub(crate) step: String,
    /// A value that can no longer be measured: `<topic>/<partition>=<offset>`; as often as needed.
    #[arg(long, value_name = "ANCHOR", value_parser = anchor)]
    pub(crate) anchor: Vec<(String, i64)>,
    /// Why; journaled and shown.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) at: AgentArgs,
}

/// `withdraw`.
#[derive(Args, Debug)]
pub(crate) struct StepReasonArgs {
    /// The step.
    pub(crate) step: String,
    /// Why; journaled and shown.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) at: AgentArgs,
}

/// `accept-offset`.
#[derive(Args, Debug)]
pub(crate) struct AcceptOffsetArgs {
    /// The group, as on the source.
    pub(crate) group: String,
    /// The topic, as on the source.
    pub(crate) topic: String,
    /// The partition.
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) partition: i32,
    /// Why; journaled and shown.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) at: AgentArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_exit_codes_of_check_are_in_its_help() {
        let mut cli = super::super::Cli::command();
        let help = cli.find_subcommand_mut("check").unwrap().render_long_help().to_string();
        for code in ["0 the", "1 something", "2 the", "3 a target"] {
            assert!(help.contains(code), "{code}: {help}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed_and_every_command_teaches() {
        let mut cli = super::super::Cli::command();
        cli.build();
        cli.clone().debug_assert();
        for c in cli.get_subcommands().filter(|c| c.get_name() != "help") {
            let help = c.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{} has no example", c.get_name());
            assert!(help.contains(&format!("cutover-agent {}", c.get_name())), "{}", c.get_name());
        }
    }
}
