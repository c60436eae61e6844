//! What is known of a worker process from outside: how much memory it takes, whether it is to be ended for that, and
//! how it has ended.

use std::process::ExitStatus;

use crate::shell::Thresholds;
use crate::shell::cgroups::system_kills;
use crate::shell::process::own_bytes;

/// A worker process, seen from outside.
#[derive(Debug)]
pub struct Watched {
    process: u32,
    limit: u64,
    terminate_at: Option<u64>,
    /// Bytes it took when it was last looked at.
    resident: u64,
    killed_before: u64,
    why_killed: Option<String>,
}

impl Watched {
    /// A process that has just been started and may use so many bytes, or any if 0.
    pub fn new(process: u32, limit: u64, thresholds: &Thresholds) -> Self {
        let terminate_at = thresholds.terminate_at(limit);
        Self { process, limit, terminate_at, resident: 0, killed_before: system_kills(), why_killed: None }
    }

    /// Looks at the process; true, once, if it takes more than it may and is to be killed.
    pub fn takes_too_much(&mut self) -> bool {
        let resident = own_bytes(self.process);
        // A process that ends takes nothing: what it took before is of interest.
        if resident != 0 {
            self.resident = resident;
        }
        if self.why_killed.is_some() || self.terminate_at.is_none_or(|most| self.resident <= most) {
            return false;
        }
        let (took, limit) = (mebibytes(self.resident), mebibytes(self.limit));
        self.why_killed =
            Some(format!("out of memory: it took {took}, of {limit} that it may; terminated by its nanny"));
        true
    }

    /// How it has ended, in words.
    pub fn describe(&self, status: ExitStatus) -> String {
        if let Some(why) = &self.why_killed {
            return why.clone();
        }
        let of =
            if self.limit == 0 { String::new() } else { format!(" of {} that it may take", mebibytes(self.limit)) };
        let took =
            if self.resident == 0 { String::new() } else { format!("; it last took {}{of}", mebibytes(self.resident)) };
        format!("{}{took}", how(status, self.killed_before < system_kills()))
    }
}

#[cfg(unix)]
fn how(status: ExitStatus, system_killed: bool) -> String {
    match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(9) if system_killed => "out of memory: killed by the system".to_owned(),
        Some(9) => "signal 9, killed, by the system if memory was short".to_owned(),
        Some(4) => "signal 4, illegal instruction".to_owned(),
        Some(6) => "signal 6, aborted".to_owned(),
        Some(7) => "signal 7, bus error".to_owned(),
        Some(11) => "signal 11, segmentation fault".to_owned(),
        Some(15) => "signal 15, terminated".to_owned(),
        Some(signal) => format!("signal {signal}"),
        None => status.to_string(),
    }
}

#[cfg(not(unix))]
fn how(status: ExitStatus, _: bool) -> String {
    status.to_string()
}

fn mebibytes(n: u64) -> String {
    format!("{} MiB", n >> 20)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { target: 0.6, spill: 0.7, pause: 0.8, terminate: 0.95 };

    #[test]
    fn who_takes_more_than_it_may_is_killed_once_and_that_is_said() {
        let held = std::hint::black_box(vec![1_u8; 8 << 20]);
        let mut watched = Watched::new(std::process::id(), 1 << 20, &THRESHOLDS);
        assert!(watched.takes_too_much());
        assert!(!watched.takes_too_much(), "once is enough");
        drop(held);
        let why = watched.describe(ExitStatus::from_raw(9));
        assert!(why.starts_with("out of memory: it took ") && why.contains("of 1 MiB"), "{why}");
    }

    #[test]
    fn who_dies_otherwise_is_described_with_what_it_took() {
        let mut watched = Watched::new(std::process::id(), 1 << 40, &THRESHOLDS);
        assert!(!watched.takes_too_much());
        let why = watched.describe(ExitStatus::from_raw(11));
        assert!(
            why.starts_with("signal 11, segmentation fault; it last took ") && why.contains("1048576 MiB"),
            "{why}"
        );
        let mut free = Watched::new(std::process::id(), 0, &THRESHOLDS);
        assert!(!free.takes_too_much(), "without a limit it may take any");
        assert!(!free.describe(ExitStatus::from_raw(6)).contains("that it may take"));
    }
}
