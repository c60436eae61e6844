//! Students: name, house, serial number, e-mail.

use super::random::{NAMES, Random};
use super::{Options, write};

/// One file of 50,000 students, at scale 1.
pub(super) fn csv(options: &Options) -> dask_core::Result<()> {
    let mut random = Random::new(options.seed, 300);
    write(&options.folder.join("students.csv"), |out| {
        writeln!(out, "name,HID,Serial_No,email")?;
        for serial in 0..options.scaled(50_000) {
            let name = random.pick(NAMES);
            let number = (random.uniform() * 1e4) as u64;
            let house = random.below(40);
            writeln!(out, "{name},H{house:02},{serial},{}{number}@example.org", name.to_lowercase())?;
        }
        Ok(())
    })
}
