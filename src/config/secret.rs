//! Secrets: from a file or from the environment, never from the configuration itself, never printed.

use super::read::At;
use cutover_core::Name;
pub(crate) use cutover_kafka::Secret;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a secret is shown as.
pub(super) const HIDDEN: &str = "***";
/// The least a token has; shorter ones can be guessed.
const TOKEN_BYTES: usize = 16;
/// The most a secret file has.
const FILE_BYTES: u64 = 1024 * 1024;

/// A secret and the file it was read from, if it was.
#[derive(Debug)]
pub(super) struct Found {
    /// The secret.
    pub(super) secret: Secret,
    /// Its file.
    pub(super) file: Option<PathBuf>,
}

/// The tokens of people and pipelines, by their names.
pub(super) fn tokens(at: &At<'_>) -> BTreeMap<Name, Secret> {
    let mut tokens: BTreeMap<Name, Secret> = BTreeMap::new();
    for (name, entry) in at.entries() {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        if name.is_empty() || name.chars().count() > 60 || !name.chars().all(legal) {
            entry.fail(
                "a token's name stands in the journal as the author: letters, digits, `.`, `_`, `-` and `@`, at most 60",
            );
        }
        let Some(found) = find(&entry, "file", "env") else { continue };
        let text = found.secret.expose().trim();
        if text.len() < TOKEN_BYTES {
            entry.fail(format!(
                "the token has fewer than {TOKEN_BYTES} bytes and could be guessed; make one with `openssl rand -hex 32`"
            ));
        } else if !text.bytes().all(|b| b.is_ascii_graphic()) {
            entry.fail("the token has blanks or characters in it that no HTTP header can carry");
        } else if let Some((other, _)) = tokens.iter().find(|(_, secret)| secret.expose() == text) {
            entry.fail(format!("is the same token as `{other}`: nobody could tell who spoke"));
        } else {
            tokens.insert(name, Secret::new(text));
        }
    }
    tokens
}

/// The secret that exactly one of two keys of `at` points to: a file, or a variable of the environment.
pub(super) fn find(at: &At<'_>, file: &'static str, env: &'static str) -> Option<Found> {
    let (in_file, in_env) = (at.get(file), at.get(env));
    match (in_file.given(), in_env.given()) {
        (true, true) => {
            at.fail(format!("has both `{file}` and `{env}`; keep one"));
            None
        }
        (true, false) => from_file(at, &in_file),
        (false, true) => from_environment(at, &in_env),
        (false, false) => {
            // A wrong shape and a wrong key were reported already.
            if at.lacks() {
                at.fail(format!("is missing: give `{file}` or `{env}`"));
            }
            None
        }
    }
}

fn from_environment(owner: &At<'_>, at: &At<'_>) -> Option<Found> {
    let name = at.secret_place()?;
    owner.hold_from(HIDDEN, format!("environment {name}"));
    match at.pass().env.get(&*name).filter(|value| !value.trim().is_empty()) {
        Some(value) => Some(Found { secret: Secret::new(value.as_str()), file: None }),
        None => {
            // Somebody may have put the secret itself here: the name is not quoted unless it looks like one.
            let named = if looks_like_variable(&name) { format!("`{name}` ") } else { String::new() };
            at.fail(format!("the environment variable {named}is not set or empty"));
            None
        }
    }
}

fn looks_like_variable(name: &str) -> bool {
    name.len() <= 64 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn from_file(owner: &At<'_>, at: &At<'_>) -> Option<Found> {
    let path = PathBuf::from(&*at.secret_place()?);
    owner.hold_from(HIDDEN, format!("file {}", path.display()));
    match read(&path) {
        Ok((secret, exposed)) => {
            if exposed {
                at.warn(format!("{} can be read by everyone on this machine; chmod o-r", path.display()));
            }
            Some(Found { secret, file: Some(path) })
        }
        Err(what) => {
            // Likewise: a secret written in the place of its file has no slash or dot in front.
            let looks_like_path = path.is_absolute() || path.starts_with(".") || path.starts_with("..");
            let hidden = "the file (its path is not absolute and could be the secret itself: it is not shown)";
            let named = if looks_like_path { path.display().to_string() } else { hidden.into() };
            at.fail(format!("{named} {what}"));
            None
        }
    }
}

/// The content of a secret file, and whether everyone may read it.
fn read(path: &Path) -> Result<(Secret, bool), String> {
    let cannot = |e: std::io::Error| format!("cannot be read: {e}");
    let meta = std::fs::metadata(path).map_err(cannot)?;
    if !meta.is_file() {
        return Err("is not a file".into());
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(format!("is longer than {FILE_BYTES} bytes"));
    }
    if text.trim().is_empty() {
        return Err("is empty".into());
    }
    Ok((Secret::new(text), readable_by_all(&meta)))
}

#[cfg(unix)]
fn readable_by_all(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::Metadata) -> bool {
    false
}
