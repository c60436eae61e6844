//! Both sides, against the targets.

use std::fmt::Write;
use std::path::Path;

use dask_benches::shapes::Shape;
use serde::Serialize;

use crate::Options;
use crate::ours::Costs;

/// One measure on one shape; microseconds or bytes a task.
#[derive(Serialize)]
pub(crate) struct Row {
    shape: &'static str,
    measure: &'static str,
    unit: &'static str,
    /// At the number of tasks that the targets speak of.
    ours: f64,
    /// At the number of tasks that both sides ran.
    ours_beside: Option<f64>,
    theirs: Option<f64>,
    /// Ours by theirs, at the same number of tasks.
    ratio: Option<f64>,
    target: Option<f64>,
    is_met: Option<bool>,
}

struct Measure {
    name: &'static str,
    unit: &'static str,
    of: fn(&Costs) -> f64,
    target: fn(Shape) -> Option<f64>,
}

const MEASURES: [Measure; 5] = [
    Measure {
        name: "build+optimize+order",
        unit: "µs",
        of: |costs| costs.prepare_us,
        target: |shape| (shape != Shape::Chain).then_some(1.0),
    },
    Measure { name: "order alone", unit: "µs", of: |costs| costs.order_us, target: |_| Some(0.3) },
    Measure { name: "sync", unit: "µs", of: |costs| costs.sync_us, target: |_| Some(0.2) },
    Measure {
        name: "threads(2)",
        unit: "µs",
        of: |costs| costs.threads_us,
        target: |shape| match shape {
            Shape::Independent | Shape::Tree => Some(0.5),
            Shape::Chain => Some(0.3),
            Shape::Stencil | Shape::Shuffle => None,
        },
    },
    Measure { name: "memory before results", unit: "B", of: |costs| costs.bytes, target: |_| Some(200.0) },
];

/// The rows of a shape.
pub(crate) fn rows(shape: Shape, large: &Costs, beside: Option<(&Costs, &Costs)>) -> Vec<Row> {
    let row = |measure: &Measure| {
        let ours = (measure.of)(large);
        let target = (measure.target)(shape);
        let beside = beside.map(|(ours, theirs)| ((measure.of)(ours), (measure.of)(theirs)));
        Row {
            shape: shape.name(),
            measure: measure.name,
            unit: measure.unit,
            ours,
            ours_beside: beside.map(|(ours, _)| ours),
            theirs: beside.map(|(_, theirs)| theirs),
            ratio: beside.map(|(ours, theirs)| ours / theirs),
            target,
            is_met: target.map(|target| ours <= target),
        }
    };
    MEASURES.iter().map(row).collect()
}

/// A table for people.
pub(crate) fn text(rows: &[Row], options: &Options) -> String {
    let mut out = format!(
        "\nWhat an empty task costs, medians of {}: ours at {} tasks; then, and the ratio, both sides at {}.\n\n",
        options.n_repeats, options.n_tasks, options.n_peer_tasks
    );
    let head = ["shape", "measure", "ours", "ours", "Dask", "ours/Dask", "target", "met"];
    let lines = rows.iter().map(|row| {
        let number = |x: f64| {
            let digits = if row.unit == "B" || x >= 100.0 { 0 } else { 3 };
            format!("{x:.digits$} {}", row.unit)
        };
        let maybe = |x: Option<f64>| x.map_or("-".to_owned(), number);
        [
            row.shape.to_owned(),
            row.measure.to_owned(),
            number(row.ours),
            maybe(row.ours_beside),
            maybe(row.theirs),
            row.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.5}")),
            row.target.map_or("-".to_owned(), |target| format!("≤ {target} {}", row.unit)),
            row.is_met.map_or("-", |is_met| if is_met { "yes" } else { "NO" }).to_owned(),
        ]
    });
    let lines: Vec<[String; 8]> = std::iter::once(head.map(str::to_owned)).chain(lines).collect();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
            let _ = if column < 2 { write!(out, "{cell:<width$}  ") } else { write!(out, "{cell:>width$}  ") };
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    let missed = rows.iter().filter(|row| row.is_met == Some(false)).count();
    let _ = match missed {
        0 => write!(out, "\nevery target met"),
        _ => write!(out, "\n{missed} targets missed"),
    };
    if options.python.is_none() {
        out.push_str("; Dask was not measured: no Python with Dask was given (`--python`)");
    }
    out
}

/// The same for programs.
pub(crate) fn write_json(
    path: &Path,
    rows: &[Row],
    options: &Options,
    versions: &serde_json::Value,
    load: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let report = serde_json::json!({
        "n_tasks": options.n_tasks,
        "n_tasks_beside": options.n_peer_tasks,
        "n_repeats": options.n_repeats,
        "n_cores": std::thread::available_parallelism().map_or(1, usize::from),
        "load_before": load,
        "peer": versions,
        "rows": rows,
    });
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
