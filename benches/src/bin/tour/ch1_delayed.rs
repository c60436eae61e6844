//! 1: functions called later.

use std::collections::BTreeMap;
use std::path::Path;

use dask_core::visualize::{Color, DrawOptions};
use dask_core::{Collection, Delayed, delayed};

use crate::step::{Outcome, chapter, check, run};

fn inc(x: i64) -> i64 {
    x + 1
}
fn add(x: i64, y: i64) -> i64 {
    x + y
}
fn sum(of: Vec<i64>) -> i64 {
    of.into_iter().sum()
}

pub(crate) fn chapter_1(out: &Path) -> Outcome {
    chapter("1. Delayed");
    let total = delayed!(add(delayed!(inc(1)), delayed!(inc(2))));
    // Installs the schedulers, as any collection does.
    dask_sched::install();
    let found = run("add(inc(1), inc(2)).compute()", || Ok(total.compute()?))?;
    check("add(inc(1), inc(2))", &found, &5)?;
    let parts: Vec<Delayed<i64>> = (0..1000).map(|i| delayed!(inc(i))).collect();
    let found = run("sum([inc(0), inc(1), …, inc(999)]).compute()", || Ok(delayed!(sum(parts)).compute()?))?;
    check("sum of 1000", &found, &500_500)?;

    let ten: Vec<Delayed<i64>> = (0..10).map(|i| delayed!(add(delayed!(inc(i)), delayed!(inc(i + 1))))).collect();
    let tree = delayed!(sum(ten));
    let by_layer = DrawOptions { color: Color::Layer, ..DrawOptions::default() };
    draw(&total, &out.join("add.svg"), by_layer, &[("add", 1), ("inc", 2)])?;
    let all = [("add", 10), ("inc", 20), ("list", 1), ("sum", 1)];
    draw(&tree, &out.join("sum.svg"), by_layer, &all)?;
    // Constants and lists become a part of the functions that need them.
    let will_run = DrawOptions { optimized: true, color: Color::Order, ..DrawOptions::default() };
    draw(&tree, &out.join("sum-order.svg"), will_run, &[("add", 10), ("inc", 20), ("sum", 1)])
}

/// Draws a graph and looks whether the drawing has a box for every task, by its label.
fn draw(graph: &Delayed<i64>, path: &Path, options: DrawOptions, boxes: &[(&str, usize)]) -> Outcome {
    let shown = path.display().to_string();
    run(&format!("visualize({:?})", path.file_name().unwrap_or_default()), || {
        graph.visualize(&shown, options)?;
        Ok(shown.as_str())
    })?;
    let svg = std::fs::read_to_string(path)?;
    check("an SVG", &(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>")), &true)?;
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for text in svg.split("<text").skip(1) {
        let label =
            text.split_once('>').and_then(|(_, rest)| rest.split_once("</text>")).map_or("", |(label, _)| label);
        *found.entry(label).or_default() += 1;
    }
    check("boxes by label", &found.into_iter().collect::<Vec<_>>(), &boxes.to_vec())
}
