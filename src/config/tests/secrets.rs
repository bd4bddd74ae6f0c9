//! Secrets come from files and the environment, are checked, and are never printed.

use super::{BASE, load};
use expect_test::expect;
use std::path::Path;

const TOKEN: &str = "c0ffee-c0ffee-c0ffee";

/// A directory with secrets, and a text whose `/run/secrets` is that directory.
fn secrets(files: &[(&str, &str, u32)]) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    for (name, text, mode) in files {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(*mode)).unwrap();
    }
    dir
}

fn said(dir: &Path, second: &str, env: &[(&str, &str)]) -> String {
    let dir = dir.display().to_string();
    super::said_of(&[BASE, &second.replace("/run/secrets", &dir)], env).replace(&dir, "/run/secrets")
}

#[test]
fn tokens_are_checked() {
    let dir = secrets(&[
        ("short", "too short\n", 0o600),
        ("empty", " \n", 0o600),
        ("blank", "a token with blanks in it", 0o600),
        ("alice", TOKEN, 0o600),
        ("bob", "c0ffee-c0ffee-c0ffee\n", 0o600),
        ("binary", "\u{7f}", 0o600),
    ]);
    let text = "\
agent:
  tokens:
    short: { file: /run/secrets/short }
    empty: { file: /run/secrets/empty }
    blank: { file: /run/secrets/blank }
    alice: { file: /run/secrets/alice }
    bob: { file: /run/secrets/bob }
    missing: { file: /run/secrets/missing }
    dir: { file: /run/secrets }
    unset: { env: UNSET }
    both: { file: /run/secrets/alice, env: SET }
    none: {}
    inline: c0ffee-c0ffee-c0ffee-inline
    key: { c0ffee-c0ffee-c0ffee-key }
    relative: { file: c0ffee-c0ffee-c0ffee-path }
    as-name: { env: c0ffee-c0ffee-c0ffee-name }
    typo: { flie: /run/secrets/alice }
    'not a name': { env: SET }
";
    let said = said(dir.path(), text, &[("SET", "0123456789abcdef")]);
    expect![[r#"
        the configuration has 15 errors:
          2.yaml:3:12: agent.tokens.short: the token has fewer than 16 bytes and could be guessed; make one with `openssl rand -hex 32`
          2.yaml:4:20: agent.tokens.empty.file: /run/secrets/empty is empty
          2.yaml:5:12: agent.tokens.blank: the token has blanks or characters in it that no HTTP header can carry
          2.yaml:7:10: agent.tokens.bob: is the same token as `alice`: nobody could tell who spoke
          2.yaml:8:22: agent.tokens.missing.file: /run/secrets/missing cannot be read: No such file or directory (os error 2)
          2.yaml:9:18: agent.tokens.dir.file: /run/secrets is not a file
          2.yaml:10:19: agent.tokens.unset.env: the environment variable `UNSET` is not set or empty
          2.yaml:11:11: agent.tokens.both: has both `file` and `env`; keep one
          2.yaml:12:11: agent.tokens.none: is missing: give `file` or `env`
          2.yaml:13:13: agent.tokens.inline: came a single value; expected a map whose keys are file or env
          2.yaml:14:10: agent.tokens.key: has a key that does not belong there; expected `file` or `env`
          2.yaml:15:23: agent.tokens.relative.file: the file (its path is not absolute and could be the secret itself: it is not shown) cannot be read: No such file or directory (os error 2)
          2.yaml:16:21: agent.tokens.as-name.env: the environment variable is not set or empty
          2.yaml:17:19: agent.tokens.typo.flie: unknown key; did you mean `file`?
          2.yaml:18:19: agent.tokens."not a name": a token's name stands in the journal as the author: letters, digits, `.`, `_`, `-` and `@`, at most 60
    "#]].assert_eq(&said);
    assert!(!said.contains(TOKEN));
}

#[test]
fn a_file_that_everyone_may_read_is_a_warning() {
    let dir = secrets(&[("alice", TOKEN, 0o644), ("kafka", "bootstrap.servers=older:9092", 0o640)]);
    let text = "agent: { tokens: { alice: { file: /run/secrets/alice } } }\n";
    expect![[r#"
        warning: 2.yaml:1:35: agent.tokens.alice.file: /run/secrets/alice can be read by everyone on this machine; chmod o-r
    "#]].assert_eq(&said(dir.path(), text, &[]));
}

#[test]
fn properties_come_from_files_and_are_checked_there() {
    let base = BASE.replace("properties: { bootstrap.servers: 'old:9092' }", "properties_file: /run/secrets/kafka");
    let properties = "bootstrap.servers=old:9092\nsasl.pasword=hunter2\nsecurity.protocol=SASL_PLAINTEXT\n\
                      sasl.mechanism=PLAIN\nsasl.jaas.config=hunter2 hunter2\n";
    let dir = secrets(&[("kafka", properties, 0o600)]);
    let path = dir.path().display().to_string();
    let said = super::said_of(&[&base.replace("/run/secrets", &path)], &[]).replace(&path, "/run/secrets");
    expect![[r#"
        the configuration has 2 errors:
          1.yaml:4:11: kafka.source: /run/secrets/kafka: line 2: sasl.pasword is not a known setting; did you mean sasl.password?
          1.yaml:4:11: kafka.source: /run/secrets/kafka: line 5: sasl.jaas.config: only PlainLoginModule and ScramLoginModule are supported
    "#]].assert_eq(&said);
    assert!(!said.contains("hunter2"));
}

#[test]
fn nothing_prints_a_secret() {
    let sasl = |host: &str| {
        format!(
            "bootstrap.servers={host}:9092\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
             sasl.username=agent\nsasl.password=hunter2\n"
        )
    };
    let dir = secrets(&[("src", &sasl("old"), 0o600), ("alice", TOKEN, 0o600)]);
    let text = "\
migration: m
scope: s
expect_none: { producers: none }
agent: { tokens: { alice: { file: /run/secrets/alice }, ci: { env: CI_TOKEN } } }
kafka: { source: { properties_file: /run/secrets/src }, destination: { properties_env: DST } }
";
    let text = text.replace("/run/secrets", &dir.path().display().to_string());
    let config = load(&[&text], &[("CI_TOKEN", "0123456789abcdef-hunter2"), ("DST", &sasl("new"))]).unwrap();
    let printed = format!("{config:?}{config:#?}{}", config.explain());
    assert!(!printed.contains("hunter2") && !printed.contains(TOKEN), "{printed}");
    let explained = config.explain();
    assert!(explained.contains("alice: \"***\""));
    // Secrets are there all the same.
    assert_eq!(config.agent.tokens["alice"].expose(), TOKEN);
    let kafka = config.kafka.unwrap();
    assert_eq!(kafka.source.client.sasl.unwrap().password.expose(), "hunter2");
    assert_eq!(kafka.destination.client.bootstrap[0].to_string(), "new:9092");
    let from = format!("source: \"***\"  # file {}: old:9092\n", dir.path().join("src").display());
    assert!(explained.contains(&from), "{explained}");
}

#[test]
fn the_hash_knows_no_secret_and_no_path() {
    let with = |name: &str, token: &str| {
        let dir = secrets(&[(name, token, 0o600)]);
        let file = dir.path().join(name).display().to_string();
        let text = format!("agent: {{ tokens: {{ alice: {{ file: {file} }} }} }}");
        load(&[BASE, &text], &[]).unwrap().settings.config_hash
    };
    assert_eq!(with("a", TOKEN), with("b", "another-token-of-alice"));
}
