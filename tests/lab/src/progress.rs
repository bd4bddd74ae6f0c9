//! What the lab is doing, on standard error: `lab: …`. `CUTOVER_LAB_QUIET` silences it.

/// Prints one line of progress.
pub(crate) fn say(text: impl AsRef<str>) {
    if std::env::var_os("CUTOVER_LAB_QUIET").is_none() {
        eprintln!("lab: {}", text.as_ref());
    }
}
