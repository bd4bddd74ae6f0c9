//! A string that is never printed and is wiped when dropped.
//!
//! It leaves out comparison and hashing on purpose: nothing here needs to look a secret up.

use std::fmt;

use zeroize::Zeroizing;

/// A password or private key: `Debug` and `Display` print `***`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the one place that has to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text from outside that may quote the secret, without it.
    pub fn hidden_in(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(self.0.as_str(), "***") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn is_never_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn who_quotes_it_is_not_quoted() {
        assert_eq!(Secret::new("hunter2").hidden_in("no agent:hunter2, hunter"), "no agent:***, hunter");
        assert_eq!(Secret::new("").hidden_in("as it is"), "as it is");
    }
}
