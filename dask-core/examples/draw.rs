//! Draws a graph, as it is written and as it will run: `cargo run -p dask-core --features svg --example draw -- FOLDER`.

use dask_core::visualize::{Color, DrawOptions};
use dask_core::{Collection, Delayed, Result, delayed};

fn load(part: i64) -> i64 {
    part
}
fn clean(part: i64) -> i64 {
    part.abs()
}
fn mean(of: Vec<i64>) -> i64 {
    of.iter().sum::<i64>() / of.len().max(1) as i64
}
fn center(part: i64, mean: i64) -> i64 {
    part - mean
}
fn report(of: Vec<i64>) -> String {
    format!("{of:?}")
}

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let parts: Vec<Delayed<i64>> = (0..6).map(|i| delayed!(clean(delayed!(load(i))))).collect();
    let mean = delayed!(mean(parts.clone()));
    let centered: Vec<Delayed<i64>> = parts.iter().map(|part| delayed!(center(part, &mean))).collect();
    let report = delayed!(report(centered));
    for (name, optimized, color) in [("written", false, Color::Layer), ("optimized", true, Color::Order)] {
        let path = format!("{folder}/{name}.svg");
        report.visualize(&path, DrawOptions { optimized, color, ..DrawOptions::default() })?;
        println!("{path}");
    }
    Ok(())
}
