//! What the words of people do, and until when each counts.

use super::Exit;
use crate::time::Dur;

/// Shortens the silence that is asked for where nobody is shown to be left; the same word for both tracks.
pub const SCALED: Exit = Exit {
    confirm: "scaled-to-zero",
    about: &["track"],
    says: "every consumer (kafka) or every writer (mongodb) of the source is stopped, and nothing starts one again",
};

/// What a word does once it is given.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// It only shortens how long an absence must have lasted; nothing is settled by it alone.
    pub shortens: bool,
    /// Until when it counts.
    pub until: &'static str,
}

/// What the word of that name does.
pub fn word(confirm: &str) -> Word {
    let until = match confirm {
        "ingestion-idle" => "until one of its topics grows on the source again",
        "source-kafka-fenced" => "until the source Kafka answers the agent",
        "source-fenced" => "until the source MongoDB answers the agent",
        "reconciled" => "until another record is written there, or a topic that is gone comes back",
        "deleted" => "until the topic is there again",
        "recreated" => "until it is made again once more",
        "reconciled-destination" => "until the start of the log moves again",
        "reconciled-writes" => "until there is another write",
        "redeployed" => "until start-consumers is withdrawn",
        "nothing-skipped" => "until start-consumers is withdrawn, or the recorded start of the topic is moved",
        "scaled-to-zero" => "until one of them is seen there again, or the step that stopped them is withdrawn",
        "counts" => "while both counts stay what they are",
        "topics-listed" => "until a broker tells of a topic that is not listed; retire-source asks for it anew",
        "mirror-removed" => "until something of it is seen again, or stop-mirror is withdrawn",
        "writers-started" => "until start-writers is withdrawn",
        "traffic-moved" => "until redirect-traffic is withdrawn, and not against a probe that measures otherwise",
        "names-moved" => "until switch-dns is withdrawn, and not against a resolver that answers otherwise",
        _ => "for this attempt of the migration",
    };
    Word { shortens: matches!(confirm, "scaled-to-zero" | "mirror-removed"), until }
}

/// The line that offers a word which shortens a waiting to `then`.
pub(crate) fn shortened(said: &str, then: Dur) -> String {
    format!("{said}  # then {then} is enough")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::exits;

    #[test]
    fn every_word_is_listed_once_and_says_until_when_it_counts() {
        let mut names: Vec<&str> = exits().iter().map(|e| e.confirm).collect();
        names.sort_unstable();
        let number = names.len();
        names.dedup();
        assert_eq!(names.len(), number, "{names:?}");
        // Only these are said once and for all.
        let forever: Vec<&str> = names.into_iter().filter(|n| word(n).until.starts_with("for this attempt")).collect();
        assert_eq!(forever, ["keeping-up", "offsets-handled", "readers-read-only", "requirement", "source-retired"]);
    }
}
