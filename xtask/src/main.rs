//! `cargo xtask`: prepares tools and calls cargo. Links no crate of the workspace: it must be there before HDF5 can be
//! built.

mod bench; // measurements, with other systems beside
mod run; // commands, and where the workspace is
mod tidy; // the rules of the house
mod tools; // cmake, for the static build of HDF5

use std::process::ExitCode;

use run::{Failure, cargo};

const USAGE: &str = "cargo xtask COMMAND [--without hdf5] [ARGUMENTS]

  test       everything CI checks of behaviour: unit and integration tests, doctests
  ci         what CI runs: format, clippy, test, features alone, documentation
  tidy       the rules of the house: arrows between crates, file sizes, module docs
  features   every feature of every crate builds alone
  tour       the main job, on data it makes first; arguments go to the tour
  gen-data   makes the sample data; arguments go to the generator
  chaos      kills workers at random under work of collections: `chaos [--minutes M]`
  soak       a cluster works and keeps its memory: `soak [--minutes M] [--workers N] [--dashboard yes]`
  bench      cargo bench; or `bench sched`: what a task costs; `bench metg`: how small tasks may be; `bench dist`: the
             cluster; these with Dask beside, from an environment of its own (`--python PYTHON`: that Python's;
             `--without dask`: ours alone)

--without hdf5 leaves out what needs the HDF5 library (and so cmake).";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let hdf5 = match arguments.windows(2).position(|pair| pair == ["--without", "hdf5"]) {
        Some(at) => {
            arguments.drain(at..at + 2);
            false
        }
        None => true,
    };
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    match dispatch(command, rest, hdf5) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &str, rest: &[String], hdf5: bool) -> Result<(), Failure> {
    match command {
        "test" => test(hdf5),
        "ci" => ci(hdf5),
        "tidy" => tidy::all(),
        "features" => tidy::features(hdf5),
        "tour" => program("tour", rest, hdf5),
        "gen-data" => program("gen_data", rest, hdf5),
        "chaos" | "soak" => program(command, rest, false),
        "bench" => bench::bench(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(Failure(format!("no command is called {other:?}\n\n{USAGE}"))),
    }
}

/// Calls cargo on everything: `first`, all crates with all their features, `last`.
fn on_everything(first: &[&str], hdf5: bool, last: &[&str], environment: &[(&str, &str)]) -> Result<(), Failure> {
    let features = if hdf5 { String::new() } else { tidy::features_without_hdf5()? };
    let everything: &[&str] =
        if hdf5 { &["--workspace", "--all-features"] } else { &["--workspace", "--features", &features] };
    run::cargo_with(&[first, everything, last].concat(), hdf5, environment)
}

fn test(hdf5: bool) -> Result<(), Failure> {
    if run::has_nextest() {
        on_everything(&["nextest", "run"], hdf5, &[], &[])?;
    } else {
        on_everything(&["test"], hdf5, &["--lib", "--bins", "--tests"], &[])?;
    }
    on_everything(&["test"], hdf5, &["--doc"], &[])
}

fn ci(hdf5: bool) -> Result<(), Failure> {
    cargo(&["fmt", "--all", "--check"], false)?;
    on_everything(&["clippy"], hdf5, &["--all-targets", "--", "-D", "warnings"], &[])?;
    tidy::features(hdf5)?;
    on_everything(&["doc"], hdf5, &["--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])
}

fn program(name: &str, rest: &[String], hdf5: bool) -> Result<(), Failure> {
    let mut arguments = vec!["run", "--release", "-p", "dask-benches", "--bin", name];
    if hdf5 {
        arguments.extend(["--features", "hdf5"]);
    }
    arguments.push("--");
    arguments.extend(rest.iter().map(String::as_str));
    cargo(&arguments, hdf5)
}
