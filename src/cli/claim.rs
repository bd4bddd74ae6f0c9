//! Claiming a step at one agent or several, in order. A claim that was accepted cannot be taken back by itself: what
//! was claimed and what was not is said to the letter.

use super::args::WaitArgs;
use super::http::{Base, Http, encoded};
use super::judge::foreign;
use super::wait::stamped;
use super::{Io, exit};
use serde_json::json;

/// Agents at which the step is claimed already.
#[derive(Debug, Default)]
pub(super) struct Claims(Vec<String>);

/// Claims the step everywhere. `Err(None)`: nothing is claimed, and it is worth asking again.
///
/// # Errors
/// The exit code where it is not.
pub(super) fn claim(
    http: &Http,
    bases: &[Base],
    args: &WaitArgs,
    claimed: &mut Claims,
    io: &mut Io<'_>,
) -> Result<(), Option<u8>> {
    let step = &args.step;
    let migration = args.migration.as_deref().map(|m| format!("?migration={}", encoded(m))).unwrap_or_default();
    let path = format!("/begin/{}{migration}", encoded(step));
    for base in bases {
        let at = base.as_str();
        let (said, code) = match http.post(base, &path, &json!({ "reason": args.reason })) {
            Err(e) if e.unsent => (e.said, exit::UNREACHABLE),
            // Sent, and no agent's answer came: it may have been journaled, and asking again could not tell one's own
            // claim from another's.
            Err(e) => return Err(Some(lost(step, at, &e.said, claimed, io))),
            Ok(a) if !a.is_agents() => return Err(Some(lost(step, at, &foreign(&a), claimed, io))),
            Ok(a) if a.status == 200 && a.json().is_some_and(|b| b["accepted"] == "begin") => {
                io.note(&stamped(&format!("{at}: {}", a.summary())));
                claimed.0.push(at.to_owned());
                continue;
            }
            Ok(a) => {
                let code = match a.status {
                    400 => exit::USAGE,
                    401 | 404 | 409 | 412 => exit::REFUSED,
                    503 => exit::NOT_NOW,
                    _ => exit::UNREACHABLE,
                };
                let token = if a.status == 401 {
                    format!("with the token from {}: ", http.token_from())
                } else {
                    String::new()
                };
                (format!("{token}{}", a.summary()), code)
            }
        };
        io.note(&stamped(&format!("{step}: not claimed at {at}: {said}")));
        if !claimed.0.is_empty() {
            claimed.tell(step, io);
            return Err(Some(code));
        }
        let again = matches!(code, exit::NOT_NOW | exit::UNREACHABLE);
        return Err((!again).then_some(code));
    }
    Ok(())
}

fn lost(step: &str, at: &str, why: &str, claimed: &Claims, io: &mut Io<'_>) -> u8 {
    io.note(&stamped(&format!("{step}: the claim was sent to {at} and no agent's answer came: {why}")));
    io.note(&format!("  it may stand; look before anything else: cutover-agent status {step} --agent {at}"));
    claimed.tell(step, io);
    exit::UNREACHABLE
}

impl Claims {
    /// Says where the step is claimed although the whole did not succeed.
    fn tell(&self, step: &str, io: &mut Io<'_>) {
        if self.0.is_empty() {
            return;
        }
        io.note(&format!("  {step} IS CLAIMED at {}, and nothing was run", self.0.join(", ")));
        for at in &self.0 {
            io.note(&format!("  to take it back: cutover-agent withdraw {step} --agent {at} --reason …"));
        }
        io.note(&format!("  to go on: cutover-agent begin {step} --agent <each of the others>, then act by hand"));
    }
}
