//! What is wrong with a configuration: every problem at once, each with its place, its path and what would be right.
//!
//! Values never get in here by themselves: whoever reports a problem decides whether a value may be quoted, and the
//! readers of secrets never do.

pub(super) use cutover_core::hint::nearest;
use std::fmt;
use std::sync::Arc;

/// Everything that is wrong, in the order of the layers; never empty.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) struct ConfigErrors {
    problems: Vec<Problem>,
}

/// One thing that is wrong, or worth a warning.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Problem {
    /// Where the value came from; a missing one came from nowhere and is listed last.
    at: Place,
    /// Its path, as in `kafka.rename.topics`; empty for a whole file.
    path: String,
    /// What came, and what is allowed.
    what: String,
}

/// Where a value came from, in the order of the layers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    /// A file.
    File {
        /// Its position among the files.
        layer: usize,
        /// Its name, as given.
        name: Arc<str>,
        /// The line, from 1; 0 for the file as a whole.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A variable of the environment.
    Environment(Arc<str>),
    /// Nobody gave it.
    Nowhere,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { name, line: 0, .. } => f.write_str(name),
            Place::File { name, line, column, .. } => write!(f, "{name}:{line}:{column}"),
            Place::Environment(name) => write!(f, "environment {name}"),
            Place::Nowhere => f.write_str("default"),
        }
    }
}

impl Problem {
    /// A problem of the value at `path`.
    pub(super) fn new(at: Place, path: impl Into<String>, what: impl Into<String>) -> Problem {
        Problem { at, path: path.into(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Place::Nowhere => {}
            at => write!(f, "{at}: ")?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)
    }
}

impl ConfigErrors {
    /// The problems in order, each once; `None` if there is none.
    pub(super) fn of(mut problems: Vec<Problem>) -> Option<ConfigErrors> {
        problems.sort();
        problems.dedup();
        (!problems.is_empty()).then_some(ConfigErrors { problems })
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => f.write_str("the configuration has an error:")?,
            n => write!(f, "the configuration has {n} errors:")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {}", problem.to_string().replace('\n', "\n    "))?;
        }
        Ok(())
    }
}

/// `; did you mean …?` for the nearest of the known names, or nothing where none is near.
pub(super) fn did_you_mean<'a>(came: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(came, known).map_or_else(String::new, |n| format!("; did you mean `{n}`?"))
}

/// Names in backticks, the last one after `or`.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
    match (names.pop(), names.is_empty()) {
        (None, _) => "nothing".into(),
        (Some(only), true) => only,
        (Some(last), false) => format!("{} or {last}", names.join(", ")),
    }
}

/// Says that there is no such thing: the nearest one if there is one, all of them otherwise.
pub(super) fn unknown<'a>(came: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(came, known.clone()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; there is {}", listed(known)),
    }
}

/// A value as it came, on one line and not longer than a person reads.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().count() > 60 {
        shown.push('…');
    }
    format!("`{}`", shown.replace("\\'", "'").replace("\\\"", "\""))
}
