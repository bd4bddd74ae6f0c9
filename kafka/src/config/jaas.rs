//! `sasl.jaas.config`: a login module, a flag and options, ended by a semicolon.

use crate::Secret;

/// What a login module says.
#[derive(Debug)]
pub(super) struct Jaas {
    pub(super) module: Module,
    pub(super) username: String,
    pub(super) password: Secret,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Module {
    Plain,
    Scram,
}

/// Parses the value; a problem never quotes it.
pub(super) fn parse(text: &str) -> Result<Jaas, String> {
    let tokens = tokens(text)?;
    let mut tokens = tokens.iter().map(String::as_str);
    let class = tokens.next().ok_or("is empty")?;
    let module = match class.rsplit('.').next() {
        Some("PlainLoginModule") => Module::Plain,
        Some("ScramLoginModule") => Module::Scram,
        _ => return Err("only PlainLoginModule and ScramLoginModule are supported".into()),
    };
    if !matches!(tokens.next(), Some("required" | "requisite" | "sufficient" | "optional")) {
        return Err("a flag such as `required` must follow the login module".into());
    }
    let (mut username, mut password) = (None, None);
    loop {
        match (tokens.next(), tokens.next()) {
            (Some(";"), None) => break,
            (Some(";"), Some(_)) => {
                return Err("has something after the semicolon; only one login module is supported".into());
            }
            (Some(option), Some("=")) => {
                let value = tokens.next().filter(|value| *value != ";").ok_or("has an option without a value")?;
                match option {
                    "username" => username = Some(value.to_owned()),
                    "password" => password = Some(Secret::new(value)),
                    "tokenauth" if value == "false" => {}
                    "serviceName" => {}
                    "tokenauth" => {
                        return Err("delegation tokens (tokenauth) are not supported; use a SCRAM user".into());
                    }
                    _ => return Err("has an option other than username and password".into()),
                }
            }
            (None, _) => return Err("must end with a semicolon".into()),
            (Some(_), _) => return Err("options must be written name=\"value\"".into()),
        }
    }
    Ok(Jaas { module, username: username.ok_or("has no username")?, password: password.ok_or("has no password")? })
}

/// Words, quoted strings, `=` and `;`.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '=' | ';' => out.push(c.to_string()),
            '"' | '\'' => {
                let mut word = String::new();
                loop {
                    match chars.next().ok_or("has a quote that is not closed")? {
                        end if end == c => break,
                        '\\' => word.push(chars.next().ok_or("has a quote that is not closed")?),
                        other => word.push(other),
                    }
                }
                out.push(word);
            }
            first => {
                let mut word = String::from(first);
                while let Some(next) = chars.next_if(|next| !next.is_whitespace() && !matches!(next, '=' | ';' | '"')) {
                    word.push(next);
                }
                out.push(word);
            }
        }
    }
    Ok(out)
}
