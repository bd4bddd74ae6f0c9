//! What the unit of `packaging/` rests on: systemd does not start again what ended with 2, and `run` ends so by itself.

use std::process::{Command, Output, Stdio};

const AGENT: &str = env!("CARGO_BIN_EXE_cutover-agent");
const UNIT: &str = include_str!("../packaging/cutover-agent.service");

fn run(config: &std::path::Path) -> Output {
    Command::new(AGENT).args(["run", "--config"]).arg(config).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn run_ends_with_2_where_the_configuration_makes_no_sense() {
    let dir = std::env::temp_dir().join(format!("cutover-packaging-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (wrong, missing) = (dir.join("wrong.yaml"), dir.join("missing.yaml"));
    std::fs::write(&wrong, "migration: shop\nscop: shop\n").unwrap();
    let ended = [&wrong, &missing].map(|file| run(file));
    std::fs::remove_dir_all(&dir).unwrap();
    for (output, named) in ended.iter().zip(["scop: unknown key", "missing.yaml"]) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(named), "{said}");
    }
}

/// What fails before the main process is started again whatever its exit code.
#[test]
fn nothing_but_run_decides_whether_the_unit_is_started_again() {
    let of = |key: &str| -> Vec<&str> { UNIT.lines().filter_map(|l| l.strip_prefix(key)?.strip_prefix('=')).collect() };
    for before in ["ExecCondition", "ExecStartPre", "ExecStartPost"] {
        assert_eq!(of(before), [] as [&str; 0], "{before}");
    }
    assert_eq!(of("ExecStart"), ["/usr/local/bin/cutover-agent run --config /etc/cutover-agent/config.yaml"]);
    assert_eq!((of("Restart"), of("RestartPreventExitStatus")), (vec!["on-failure"], vec!["2"]));
}
