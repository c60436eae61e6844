//! `cargo xtask`: prepares tools and calls cargo. Links no crate of the workspace: it must be there before HDF5 can be
//! built.

mod bench; // measurements, with other systems beside
mod run; // commands, and where the workspace is
mod tidy; // the rules of the house
mod tools; // the HDF5 library, cmake to build it, other systems

use std::process::ExitCode;

use run::{Failure, cargo};
use tools::{Hdf5, Wish};

const USAGE: &str = "cargo xtask COMMAND [--without hdf5 | --static-hdf5] [ARGUMENTS]

  test       everything CI checks of behaviour: unit and integration tests, doctests
  ci         what CI runs besides `test`: format, clippy, features alone, tour and formats without HDF5, documentation
  tidy       the rules of the house: arrows between crates, what a crate never compiles, file sizes, module docs, what
             pages say; then `features`. `tidy --quick` builds nothing; `test` checks that part too
  features   every feature of every crate builds alone
  tour       the main job, on data it makes first; arguments go to the tour
  gen-data   makes the sample data; arguments go to the generator
  chaos      kills workers at random under work of collections: `chaos [--minutes M]`
  soak       a cluster works and keeps its memory: `soak [--minutes M] [--workers N] [--dashboard yes]`
  bench      cargo bench; or `bench sched`: what a task costs, and the passes over graphs; `bench metg`: how small tasks may
             be; `bench dist`: the cluster; these with Dask beside, from an environment of its own (`--python PYTHON`:
             that Python's; `--without dask`: ours alone); `bench simulated`: the scheduler alone, and its schedules of a
             thousand simulated workers, which must not miss their targets. `--only PARTS` of each, such as
             `bench dist --only merge,spill`; `--strict`: a time or a size that misses its target is an error too

The HDF5 library is the system's where HDF5_DIR, pkg-config or h5cc finds one that fits, else it is built from its
sources, with cmake. --static-hdf5 builds it in any case; --without hdf5 leaves out what needs it (and so cmake).";

/// The commands, by their names in the usage.
fn commands() -> impl Iterator<Item = &'static str> {
    USAGE.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty())
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let wish = wish(&mut arguments);
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    match dispatch(command, rest, wish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Takes what concerns the HDF5 library out of the arguments.
fn wish(arguments: &mut Vec<String>) -> Wish {
    if let Some(at) = arguments.windows(2).position(|pair| pair == ["--without", "hdf5"]) {
        arguments.drain(at..at + 2);
        return Wish::Without;
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "--static-hdf5") {
        arguments.remove(at);
        return Wish::Static;
    }
    Wish::Any
}

fn dispatch(command: &str, rest: &[String], wish: Wish) -> Result<(), Failure> {
    match command {
        "test" => test(&Hdf5::choose(wish)?),
        "ci" => ci(&Hdf5::choose(wish)?),
        "tidy" if rest.iter().any(|argument| argument == "--quick") => tidy::quick(),
        "tidy" => tidy::quick().and_then(|()| tidy::features(&Hdf5::choose(wish)?)),
        "features" => tidy::features(&Hdf5::choose(wish)?),
        "tour" => program("tour", rest, &Hdf5::choose(wish)?),
        "gen-data" => program("gen_data", rest, &Hdf5::choose(wish)?),
        "chaos" | "soak" => program(command, rest, &Hdf5::Without),
        "bench" => bench::bench(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(Failure(format!("no command is called {other:?}\n\n{USAGE}"))),
    }
}

/// Calls cargo on everything: `first`, all crates with all their features, `last`.
fn on_everything(first: &[&str], hdf5: &Hdf5, last: &[&str], environment: &[(&str, &str)]) -> Result<(), Failure> {
    let features = tidy::all_features(hdf5)?;
    run::cargo_with(&[first, &["--workspace", "--features", &features], last].concat(), hdf5, environment)
}

fn test(hdf5: &Hdf5) -> Result<(), Failure> {
    if run::has_nextest() {
        on_everything(&["nextest", "run"], hdf5, &[], &[])?;
    } else {
        on_everything(&["test"], hdf5, &["--lib", "--bins", "--tests"], &[])?;
    }
    on_everything(&["test"], hdf5, &["--doc"], &[])
}

fn ci(hdf5: &Hdf5) -> Result<(), Failure> {
    cargo(&["fmt", "--all", "--check"], &Hdf5::Without)?;
    on_everything(&["clippy"], hdf5, &["--all-targets", "--", "-D", "warnings"], &[])?;
    tidy::features(hdf5)?;
    if *hdf5 != Hdf5::Without {
        without_hdf5()?;
    }
    on_everything(&["doc"], hdf5, &["--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])
}

/// The tour and the formats as they are where HDF5 cannot be had.
fn without_hdf5() -> Result<(), Failure> {
    let what = [
        "test",
        "-p",
        "dask-benches",
        "-p",
        "dask-io",
        "--features",
        "dask-io/array",
        "--test",
        "tour",
        "--test",
        "it",
    ];
    cargo(&what, &Hdf5::Without)
}

fn program(name: &str, rest: &[String], hdf5: &Hdf5) -> Result<(), Failure> {
    let mut arguments = vec!["run", "--release", "-p", "dask-benches", "--bin", name];
    arguments.extend(hdf5.feature().iter().flat_map(|feature| ["--features", feature]));
    arguments.push("--");
    arguments.extend(rest.iter().map(String::as_str));
    cargo(&arguments, hdf5)
}
