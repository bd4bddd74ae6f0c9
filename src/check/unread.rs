//! What the configuration names and this version does not read: nothing will measure it, however long one waits.

use super::Row;
use super::probe::needed_by;
use crate::config::Config;
use crate::sample::mirror;
use cutover_core::settings::ProbeKind;

/// A row for each.
pub(crate) fn unread(config: &Config) -> Vec<Row> {
    let mirrors = config.mongodb.iter().flat_map(|m| &m.mirrors).filter(|(_, m)| !mirror::Sampler::reads(m.kind));
    let mirrors = mirrors.map(|(name, m)| Row {
        needed_by: "start-mirror to start-writers".into(),
        ..row(format!("mirror/{name}"), m.kind.as_str(), "mirrors of this kind are")
    });
    let probes = config.settings.probes.iter().filter(|(_, p)| !reads(p.kind));
    let probes = probes.map(|(name, p)| Row {
        needed_by: needed_by(p).into(),
        required: !p.gates.is_empty() || p.requirement.is_some(),
        ..row(format!("probe/{name}"), p.kind.as_str(), "probes of this kind are")
    });
    mirrors.chain(probes).collect()
}

/// Whether this version reads such a probe.
pub(super) fn reads(kind: ProbeKind) -> bool {
    match kind {
        ProbeKind::Tcp | ProbeKind::Http | ProbeKind::Dns | ProbeKind::Promql => true,
        ProbeKind::Count | ProbeKind::Pods => false,
    }
}

fn row(target: String, capability: &'static str, what: &str) -> Row {
    Row {
        target,
        capability,
        needed_by: "".into(),
        ok: false,
        required: true,
        found: format!("{what} not read by this version: what needs it stays unknown"),
        fix: None,
        passes: None,
    }
}
