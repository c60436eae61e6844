//! The main job, on data it makes first; every step is checked against an answer computed in another way.
//!
//! `tour [--scale S] [--dir DIR] [--out DIR]`. Exits with an error if a step is wrong.

mod ch1_delayed;
mod ch2_bag;
mod ch3_schedulers;
#[cfg(feature = "hdf5")]
mod ch4_array;
mod ch5_frame;
mod ch6_storage;
mod ch7_futures;
mod plain; // answers by plain loops
mod step; // headings, timings, checks
mod table; // tables shown and compared

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use dask_benches::arguments;
use dask_benches::data::{Options, make};
use dask_sched::diagnostics::{Profiler, ProgressBar, Report, ResourceProfiler};

fn main() -> ExitCode {
    dask_dist::init();
    match given().and_then(|(options, out)| tour(&options, &out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ntour: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What data, and where drawings and the report go.
fn given() -> step::Outcome<(Options, PathBuf)> {
    let mut options = Options { folder: "target/data".into(), scale: 1.0, seed: 42 };
    let mut out = PathBuf::from("target/tour");
    arguments::read::<dask_core::TaskError>("--scale, --dir, --out", &[], |name, value| {
        match name {
            "--scale" => options.scale = value.parse().map_err(|error| format!("--scale {value}: {error}"))?,
            "--dir" => options.folder = value.into(),
            "--out" => out = value.into(),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok((options, out))
}

fn tour(options: &Options, out: &Path) -> step::Outcome {
    step::run("the data is made where it is missing", || make(options).map_err(Into::into))?;
    std::fs::create_dir_all(out)?;
    let (profiler, resources) = (Arc::new(Profiler::new()), Arc::new(ResourceProfiler::new()));
    let guards = (
        dask_core::with_observer(profiler.clone()),
        dask_core::with_observer(resources.clone()),
        dask_core::with_observer(Arc::new(ProgressBar::new())),
    );
    ch1_delayed::chapter_1(out)?;
    ch2_bag::chapter_2(&options.folder)?;
    ch3_schedulers::chapter_3()?;
    #[cfg(feature = "hdf5")]
    ch4_array::chapter_4(&options.folder)?;
    ch5_frame::chapter_5(&options.folder)?;
    ch6_storage::chapter_6(&options.folder, out)?;
    ch7_futures::chapter_7(&options.folder)?;
    step::end_chapter();
    drop(guards);
    let report = out.join("report.html");
    Report::new(&profiler).with_resources(&resources).write(&report)?;
    let shown = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.into()).display().to_string();
    println!("\nevery step gave what it should; {} tasks ran", profiler.tasks().len());
    println!("report and profile (task stream, memory, CPU): {}", shown(&report));
    for drawing in ["add.svg", "sum.svg", "sum-order.svg"] {
        println!("graph drawn: {}", shown(&out.join(drawing)));
    }
    Ok(())
}
