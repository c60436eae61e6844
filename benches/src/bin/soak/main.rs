//! Does a cluster that works for long keep its memory? A scheduler and workers, each a process, under everything that
//! clients do, one round after another; what each process has for itself is read between rounds, when nothing runs.
//!
//! `soak [--minutes M | --rounds N] [--workers N] [--seed S] [--dashboard yes]`. Exits with an error if a result is wrong,
//! if anything is left on the cluster between rounds, or if a process has grown: see [`trend`].

mod cast; // the processes
mod rounds; // what clients do
mod trend; // whether memory is flat

use std::time::{Duration, Instant};

use dask_benches::arguments;
use dask_dist::Client;

use cast::Cast;
use trend::{Series, Verdict};

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Options {
    minutes: f64,
    /// Ends after so many rounds, however long they take; few of them say nothing of memory.
    n_rounds: u64,
    n_workers: usize,
    seed: u64,
    dashboard: bool,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if cast::played(&arguments)? {
        return Ok(());
    }
    let options = options()?;
    let cast = Cast::start(options.n_workers, options.dashboard)?;
    let client = Client::connect(cast.address())?;
    client.wait_for_workers(options.n_workers).wait()?;

    let mut series: Vec<Series> = cast.members().map(|(name, process)| Series::new(name, process)).collect();
    let (start, length) = (Instant::now(), Duration::from_secs_f64(60.0 * options.minutes));
    let mut n_rounds = 0u64;
    while start.elapsed() < length && n_rounds < options.n_rounds {
        rounds::round(&client, cast.address(), options.seed.wrapping_add(n_rounds))
            .map_err(|error| format!("round {n_rounds}: {error}"))?;
        cast.pages().map_or(Ok(()), rounds::look)?;
        rounds::nothing_left(&client)?;
        n_rounds += 1;
        series.iter_mut().for_each(|series| series.look(start.elapsed().as_secs_f64()));
    }
    println!("{n_rounds} rounds in {:.1} minutes, every result right", start.elapsed().as_secs_f64() / 60.0);
    let verdicts: Vec<(&Series, Option<Verdict>)> = series.iter().map(|series| (series, series.verdict())).collect();
    for (series, verdict) in &verdicts {
        println!("{series}{}", verdict.as_ref().map_or(": too few rounds to say".to_owned(), |v| format!(": {v}")));
    }
    let grown: Vec<&str> = verdicts
        .iter()
        .filter(|(_, verdict)| verdict.as_ref().map_or(options.n_rounds == u64::MAX, |verdict| !verdict.is_flat()))
        .map(|(series, _)| series.name())
        .collect();
    if grown.is_empty() { Ok(()) } else { Err(format!("memory is not seen to be flat: {}", grown.join(", ")).into()) }
}

fn options() -> Result<Options, Failure> {
    let mut options = Options { minutes: 1.0, n_rounds: u64::MAX, n_workers: 2, seed: 42, dashboard: false };
    let known = "--minutes, --rounds, --workers, --seed, --dashboard yes";
    arguments::read::<Failure>(known, &[], |name, value| {
        match name {
            "--minutes" => options.minutes = value.parse()?,
            "--rounds" => (options.minutes, options.n_rounds) = (f64::from(u32::MAX), value.parse()?),
            "--workers" => options.n_workers = value.parse()?,
            "--seed" => options.seed = value.parse()?,
            "--dashboard" => options.dashboard = value == "yes",
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if options.n_workers == 0 { Err("at least one worker is needed".into()) } else { Ok(options) }
}
