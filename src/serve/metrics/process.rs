//! The agent's own process, from `/proc`; absent where there is none.

use super::board::seconds;
use super::family::{Families, count};
use super::names as m;
use crate::agent::Published;

/// Clock ticks a second in `/proc/<pid>/stat`: a constant of Linux's interface to programs.
const TICKS: f64 = 100.0;

/// Adds what `/proc/self` says.
pub(super) fn add(f: &mut Families, published: Option<&Published>) {
    if let Some(ticks) = std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_ticks) {
        f.add(&m::PROCESS_CPU, &[], count(ticks) / TICKS);
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        for (field, metric) in [("VmRSS:", &m::PROCESS_RESIDENT), ("VmSize:", &m::PROCESS_VIRTUAL)] {
            if let Some(kib) = kib(&status, field) {
                f.add(metric, &[], count(kib.saturating_mul(1024)));
            }
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // Reading the directory takes one itself.
        f.add(&m::PROCESS_FDS, &[], count(u64::try_from(open.count().saturating_sub(1)).unwrap_or(0)));
    }
    if let Some(p) = published {
        f.add(&m::PROCESS_START, &[], seconds(p.started.wall));
    }
}

/// User and system time, the 14th and 15th field; the second one is a name in parentheses that may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    user.checked_add(fields.next()?.parse().ok()?)
}

fn kib(status: &str, field: &str) -> Option<u64> {
    status.lines().find_map(|l| l.strip_prefix(field))?.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_does_not_shift_the_fields() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("garbage"), None);
        assert_eq!(kib("VmSize:\t  20 kB\nVmRSS:\t     7 kB\n", "VmRSS:"), Some(7));
    }
}
