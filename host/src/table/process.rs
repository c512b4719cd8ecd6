//! Whether a builder is a process of this machine that has ended.

/// The name of a builder of this process: the machine, the process, and a number.
pub(super) fn own_name() -> String {
    format!(
        "{}/{}/{:08x}",
        machine(),
        process_name(),
        rand::random::<u32>()
    )
}

/// The name of this process: its number, and when it began.
pub(super) fn process_name() -> String {
    let process = std::process::id();
    format!("{process}-{}", began_at(process).unwrap_or(0))
}

/// Whether what begins with the name of a process of this machine names one that has ended.
pub(super) fn process_has_ended(name: &str) -> bool {
    let mut parts = name.split('-');
    let process: Option<u32> = parts.next().and_then(|process| process.parse().ok());
    let began: Option<u64> = parts.next().and_then(|began| began.parse().ok());
    match (process, began) {
        (Some(process), Some(began)) if began > 0 => began_at(process) != Some(began),
        _ => false,
    }
}

/// Whether a builder was a process of this machine that has ended. Of other machines, nobody knows. If two are taken for one
/// machine, two builders may work at once, which does no harm.
pub(super) fn has_ended(owner: &str) -> bool {
    let mut parts = owner.split('/');
    parts.next() == Some(&machine()) && parts.next().is_some_and(process_has_ended)
}

/// The name of this machine, without slashes.
pub(super) fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().replace('/', "_")
}

/// When a process began, in ticks since the machine was started; `None` if there is no such process.
#[cfg(target_os = "linux")]
fn began_at(process: u32) -> Option<u64> {
    let process = procfs::process::Process::new(i32::try_from(process).ok()?).ok()?;
    let stat = process.stat().ok()?;
    (stat.state != 'Z').then_some(stat.starttime)
}

/// Elsewhere, it is not known.
#[cfg(not(target_os = "linux"))]
fn began_at(_: u32) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_has_no_lease() {
        let own = own_name();
        assert!(!has_ended(&own), "{own}");
        let process = std::process::id().to_string();
        let another = own.replace(&format!("/{process}-"), "/999999999-");
        assert!(has_ended(&another), "{another}");
        let began = began_at(std::process::id()).unwrap();
        let earlier = own.replace(&format!("-{began}/"), &format!("-{}/", began + 1));
        assert!(has_ended(&earlier), "{earlier}");
        for other in [format!("elsewhere-{own}"), "first".into(), String::new()] {
            assert!(!has_ended(&other), "{other}");
        }
    }
}
