//! Nothing is left at the end, and the machines' accounts are the stores'.

use crate::sim::host::Host;

/// Whether a worker's account is what its store has.
pub(in crate::sim) fn check_account(host: &Host) -> Result<(), String> {
    let (in_memory, _) = host.machine.memory();
    if in_memory == host.in_memory {
        Ok(())
    } else {
        Err(format!("a worker counts {in_memory} bytes in memory and holds {}", host.in_memory))
    }
}

/// What a worker has that nobody wants; nothing if it is as it should be.
pub(in crate::sim) fn left(host: &Host) -> Option<String> {
    if host.store.is_empty() && host.machine.is_empty() && host.functions.is_empty() {
        return None;
    }
    let n = host.functions.len();
    Some(format!("values {:?}, {n} functions, machine empty: {}", host.store, host.machine.is_empty()))
}
