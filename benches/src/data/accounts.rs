//! Accounts: amounts by person, as CSV, and as nested JSON with gaps.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::random::{NAMES, Random};
use super::{Options, write};

const N_ACCOUNTS: u64 = 500;

/// Three files of a million rows each, at scale 1: id, name, amount.
pub(super) fn csv(options: &Options) -> dask_core::Result<()> {
    for file in 0..3 {
        let mut random = Random::new(options.seed, 100 + file);
        write(&options.folder.join(format!("accounts.{file}.csv")), |out| {
            writeln!(out, "id,names,amount")?;
            for _ in 0..options.scaled(1_000_000) {
                let id = random.below(N_ACCOUNTS);
                writeln!(out, "{id},{},{}", name_of(id), random.below(5000) as i64 - 100)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The same person always has the same name.
fn name_of(id: u64) -> &'static str {
    NAMES[(id * 7 % NAMES.len() as u64) as usize]
}

/// Fifty files of two hundred accounts each, at scale 1, with transactions; some lack their name or a transaction its amount.
pub(super) fn json(options: &Options) -> dask_core::Result<()> {
    for file in 0..50 {
        let mut random = Random::new(options.seed, 200 + file);
        write(&options.folder.join(format!("accounts.{file:02}.json.gz")), |out| {
            let mut out = GzEncoder::new(out, Compression::fast());
            for _ in 0..options.scaled(200) {
                let id = random.below(N_ACCOUNTS);
                write!(out, "{{\"id\": {id}")?;
                if random.below(50) > 0 {
                    write!(out, ", \"name\": \"{}\"", name_of(id))?;
                }
                write!(out, ", \"transactions\": [")?;
                for i in 0..random.below(60) {
                    let separator = if i == 0 { "" } else { ", " };
                    write!(out, "{separator}{{\"transaction-id\": {}", random.below(100_000))?;
                    if random.below(100) > 0 {
                        write!(out, ", \"amount\": {}", random.below(3000) as i64 - 1000)?;
                    }
                    write!(out, "}}")?;
                }
                writeln!(out, "]}}")?;
            }
            out.finish().map(drop)
        })?;
    }
    Ok(())
}
