//! The mutants, as cargo-mutants lists them.

use serde::Deserialize;
use std::path::Path;
use std::process::Command;

/// The version whose list this was written for.
pub(crate) const VERSION: &str = "27.1.0";

/// What kind of change a mutant is.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
pub(crate) enum Genre {
    /// A function returns a value at once.
    FnValue,
    /// Another operator.
    BinaryOperator,
    /// No operator.
    UnaryOperator,
    /// A guard that is always true or false.
    MatchArmGuard,
    /// An arm less.
    MatchArm,
    /// A field less, where others fill it in.
    StructField,
}

/// A place in a source: a line and a column in characters, both from one on.
#[derive(Copy, Clone, Debug, Deserialize)]
pub(crate) struct Place {
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

/// A stretch of a source.
#[derive(Copy, Clone, Debug, Deserialize)]
pub(crate) struct Span {
    /// Where it begins.
    pub(crate) start: Place,
    /// Where the next one begins.
    pub(crate) end: Place,
}

/// A mutant.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mutant {
    /// Where and what, as it is told.
    pub(crate) name: String,
    /// The source, from the workspace's root.
    pub(crate) file: String,
    /// What is replaced.
    pub(crate) span: Span,
    /// With what.
    pub(crate) replacement: String,
    /// The kind of change.
    pub(crate) genre: Genre,
}

impl Mutant {
    /// What it is, without the place: it stays the same while lines are added above.
    pub(crate) fn what(&self) -> String {
        let place = format!("{}:{}:{}: ", self.file, self.span.start.line, self.span.start.column);
        format!("{}: {}", self.file, self.name.strip_prefix(&place).unwrap_or(&self.name))
    }
}

/// Every mutant of the core.
///
/// # Errors
/// cargo-mutants cannot be run, or says something else.
pub(crate) fn of_core(root: &Path) -> Result<Vec<Mutant>, String> {
    let install = format!("install it: cargo install cargo-mutants --locked --version {VERSION}");
    let mut list = Command::new("cargo");
    list.args(["mutants", "--list", "--json", "--package", "cutover-core"]).current_dir(root);
    let out = list.output().map_err(|e| format!("cargo mutants cannot be run: {e}; {install}"))?;
    if !out.status.success() {
        return Err(format!("cargo mutants --list: {}; {install}", String::from_utf8_lossy(&out.stderr).trim()));
    }
    serde_json::from_slice(&out.stdout)
        .map_err(|e| format!("cargo mutants --list --json: not the list of {VERSION}: {e}"))
}
