//! Measurements: those of criterion, and those with other systems beside.

use crate::run::{Failure, cargo};
use crate::tools::{self, Hdf5};

/// `bench` alone is `cargo bench`; `bench sched …`, `bench dist …` and `bench metg …` run ours and Dask's in one go;
/// `bench simulated …` runs the scheduler alone, and the cluster in the simulator.
pub(crate) fn bench(rest: &[String]) -> Result<(), Failure> {
    match rest.split_first() {
        Some((what, rest)) if what == "sched" || what == "dist" => with_peer(what, rest),
        Some((what, rest)) if what == "metg" => {
            cargo(&["build", "--release", "-p", "dask-benches", "--example", "kernel"], &Hdf5::Without)?;
            with_peer("metg", rest)
        }
        Some((what, rest)) if what == "simulated" => {
            let mut arguments = vec!["run", "--release", "-p", "dask-benches", "--bin", "simulated", "--"];
            arguments.extend(rest.iter().map(String::as_str));
            cargo(&arguments, &Hdf5::Without)
        }
        _ => {
            let mut arguments = vec!["bench", "-p", "dask-benches"];
            arguments.extend(rest.iter().map(String::as_str));
            cargo(&arguments, &Hdf5::Without)
        }
    }
}

/// Runs a program of `benches` with the Python that has its peers.
fn with_peer(program: &str, rest: &[String]) -> Result<(), Failure> {
    let mut rest = rest.to_vec();
    let alone = rest.windows(2).position(|pair| pair == ["--without", "dask"]);
    if let Some(at) = alone {
        rest.drain(at..at + 2);
    } else if !rest.iter().any(|argument| argument == "--python") {
        match tools::peers() {
            Ok(python) => rest.extend(["--python".to_owned(), python.display().to_string()]),
            Err(Failure(why)) => eprintln!("xtask: {why}; ours is measured alone"),
        }
    }
    let mut arguments = vec!["run", "--release", "-p", "dask-benches", "--bin", program, "--"];
    arguments.extend(rest.iter().map(String::as_str));
    cargo(&arguments, &Hdf5::Without)
}
