//! Students: name, house, serial number, e-mail; names and addresses by a faker.

use fake::Fake;
use fake::faker::internet::en::SafeEmail;
use fake::faker::name::en::{FirstName, LastName};

use super::random::Random;
use super::{Options, write};

/// One file of 50,000 students, at scale 1.
pub(super) fn csv(options: &Options) -> dask_core::Result<()> {
    let mut random = Random::new(options.seed, 300);
    write(&options.folder.join("students.csv"), |out| {
        writeln!(out, "name,HID,Serial_No,email")?;
        for serial in 0..options.scaled(50_000) {
            let house = random.below(40);
            let first: &str = FirstName().fake_with_rng(&mut random);
            let last: &str = LastName().fake_with_rng(&mut random);
            let email: String = SafeEmail().fake_with_rng(&mut random);
            writeln!(out, "{first} {last},H{house:02},{serial},{email}")?;
        }
        Ok(())
    })
}
