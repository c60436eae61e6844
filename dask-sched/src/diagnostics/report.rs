//! One self-contained page: the task stream and the memory curve of a profiled computation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::{Profiler, TaskRecord};

const WIDTH: f64 = 1100.0;
const ROW: f64 = 26.0;
const CURVE: f64 = 180.0;
/// Height of the line with times.
const AXIS: f64 = 18.0;
/// Tasks drawn one by one; of more, the longest.
const DRAWN_MAX: usize = 20_000;

/// A curve by time, drawn beneath the task stream.
struct Curve {
    title: &'static str,
    /// Text of the highest point.
    peak: String,
    points: Vec<(Duration, f64)>,
    /// A value holds until the next one; else points are joined.
    holds: bool,
}

/// A report of a profiled computation, as one HTML page that needs nothing else.
///
/// ```
/// use dask_sched::diagnostics::{Profiler, Report};
/// let profiler = Profiler::new();
/// // … compute, observed by the profiler …
/// let directory = tempfile::tempdir()?;
/// Report::new(&profiler).write(directory.path().join("report.html"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Report {
    tasks: Vec<TaskRecord>,
    curves: Vec<Curve>,
    #[cfg(feature = "profile")]
    origin: std::time::Instant,
}

impl Report {
    /// Of what the profiler has recorded so far.
    pub fn new(profiler: &Profiler) -> Self {
        let memory = profiler.memory();
        let curve = Curve {
            title: "Memory of live values",
            peak: bytes(profiler.peak_nbytes()),
            points: memory.into_iter().map(|(time, nbytes)| (time, nbytes as f64)).collect(),
            holds: true,
        };
        Self {
            tasks: profiler.tasks(),
            curves: vec![curve],
            #[cfg(feature = "profile")]
            origin: profiler.origin(),
        }
    }

    /// With the CPU and the memory of the process.
    #[cfg(feature = "profile")]
    #[must_use]
    pub fn with_resources(mut self, resources: &super::ResourceProfiler) -> Self {
        let samples = resources.samples();
        // The clocks started at different times.
        let at = |time| (resources.origin() + time).saturating_duration_since(self.origin);
        let peak_rss = samples.iter().map(|sample| sample.rss_nbytes).max().unwrap_or(0);
        let peak_cpu = samples.iter().map(|sample| sample.cpu_percent).fold(0.0, f32::max);
        self.curves.push(Curve {
            title: "Resident memory of the process",
            peak: bytes(usize::try_from(peak_rss).unwrap_or(usize::MAX)),
            points: samples.iter().map(|sample| (at(sample.time), sample.rss_nbytes as f64)).collect(),
            holds: false,
        });
        self.curves.push(Curve {
            title: "CPU of the process",
            peak: format!("{peak_cpu:.0} % of one core"),
            points: samples.iter().map(|sample| (at(sample.time), f64::from(sample.cpu_percent))).collect(),
            holds: false,
        });
        self
    }

    /// Writes it to a file, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written; what stood there before stays.
    pub fn write(&self, path: impl AsRef<Path>) -> std::io::Result<()> {
        let path = path.as_ref();
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory)?;
        let mut builder = tempfile::Builder::new();
        // Others may read it, as far as the umask lets them.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(directory)?;
        file.write_all(page(&self.tasks, &self.curves).as_bytes())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Writes the report of a profiler alone: [`Report::new`] and [`Report::write`] in one.
///
/// # Errors
/// As [`Report::write`].
pub fn write_report(profiler: &Profiler, path: &Path) -> std::io::Result<()> {
    Report::new(profiler).write(path)
}

fn page(tasks: &[TaskRecord], curves: &[Curve]) -> String {
    let first = tasks.iter().map(|task| task.start).min().unwrap_or_default();
    let last = tasks.iter().map(|task| task.end).max().unwrap_or_default();
    let seconds = (last.saturating_sub(first)).as_secs_f64().max(1e-9);
    let x = |time: Duration| (time.saturating_sub(first).as_secs_f64() / seconds * WIDTH).min(WIDTH);
    let mut html = String::from(HEAD);
    let rows = Rows::of(tasks);
    let busy: f64 = tasks.iter().map(|task| (task.end - task.start).as_secs_f64()).sum();
    let _ = write!(
        html,
        "<p>{} tasks on {} workers in {seconds:.3} s; workers busy {:.0} % of the time.</p><h2>Task stream</h2>",
        tasks.len(),
        rows.n,
        100.0 * busy / (seconds * rows.n.max(1) as f64),
    );
    task_stream(&mut html, tasks, &rows, seconds, x);
    curves.iter().for_each(|curve| draw_curve(&mut html, curve, seconds, x));
    html.push_str("<h2>Layers</h2>");
    layers(&mut html, tasks);
    html.push_str("</main></body></html>\n");
    html
}

/// Lines at round times, with the seconds since the first task beneath.
fn time_axis(html: &mut String, height: f64, seconds: f64) {
    let rough = seconds / 8.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|round| round * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    for i in 0..=(seconds / step) as u32 {
        let (time, x) = (f64::from(i) * step, f64::from(i) * step / seconds * WIDTH);
        let anchor = if i == 0 {
            "start"
        } else if x > WIDTH - 30.0 {
            "end"
        } else {
            "middle"
        };
        let _ = write!(
            html,
            "<path class='grid' d='M{x:.1} 0V{height}'/><text x='{x:.1}' y='{}' text-anchor='{anchor}'>{time:.digits$} s</text>",
            height + AXIS - 5.0,
        );
    }
}

/// Where workers stand in the task stream. Computations one after another share rows; what is computed inside a task
/// stands beneath it.
struct Rows {
    /// The row of worker 0 of each computation.
    first: Vec<usize>,
    n: usize,
}

impl Rows {
    fn of(tasks: &[TaskRecord]) -> Self {
        let n_runs = tasks.iter().map(|task| task.run + 1).max().unwrap_or(0);
        let mut spans = vec![(Duration::MAX, Duration::ZERO, 0); n_runs];
        for task in tasks {
            let (start, end, n_workers) = spans[task.run];
            spans[task.run] = (start.min(task.start), end.max(task.end), n_workers.max(task.worker + 1));
        }
        let mut by_start: Vec<usize> = (0..n_runs).collect();
        by_start.sort_by_key(|&run| spans[run].0);
        let (mut first, mut n, mut beside) = (vec![0; n_runs], 0, Vec::<usize>::new());
        for run in by_start {
            let (start, _, n_workers) = spans[run];
            beside.retain(|&other| spans[other].1 > start);
            first[run] = beside.iter().map(|&other| first[other] + spans[other].2).max().unwrap_or(0);
            n = n.max(first[run] + n_workers);
            beside.push(run);
        }
        Self { first, n }
    }
}

fn task_stream(html: &mut String, tasks: &[TaskRecord], rows: &Rows, seconds: f64, x: impl Fn(Duration) -> f64) {
    let height = ROW * rows.n as f64;
    let _ =
        write!(html, "<svg viewBox='0 0 {WIDTH} {}' role='img' aria-label='tasks by worker and time'>", height + AXIS);
    time_axis(html, height, seconds);
    let mut drawn: Vec<&TaskRecord> = tasks.iter().collect();
    if drawn.len() > DRAWN_MAX {
        drawn.sort_by_key(|task| std::cmp::Reverse(task.end - task.start));
        drawn.truncate(DRAWN_MAX);
    }
    for task in drawn {
        let (left, right) = (x(task.start), x(task.end));
        let _ = write!(
            html,
            "<rect x='{left:.2}' y='{:.0}' width='{:.2}' height='{:.0}' fill='{}'><title>{} — {:.3} ms, {}</title></rect>",
            ROW * (rows.first[task.run] + task.worker) as f64 + 2.0,
            (right - left).max(0.3),
            ROW - 4.0,
            colour(task.key.name().what()),
            escape(&task.key.to_string()),
            (task.end - task.start).as_secs_f64() * 1e3,
            bytes(task.nbytes),
        );
    }
    html.push_str("</svg>");
}

fn draw_curve(html: &mut String, curve: &Curve, seconds: f64, x: impl Fn(Duration) -> f64) {
    let Curve { title, peak, points, holds } = curve;
    let highest = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let _ = write!(
        html,
        "<h2>{title}</h2><p>Peak {peak}.</p><svg viewBox='0 0 {WIDTH} {}' role='img' aria-label='{title}'>",
        CURVE + AXIS
    );
    time_axis(html, CURVE, seconds);
    html.push_str("<polyline class='curve' points='");
    let group_of = points.len().div_ceil(4000).max(1);
    let mut y_before = None;
    // Of each group the highest point: peaks stay.
    for group in points.chunks(group_of) {
        if let Some((time, value)) = group.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
            let (x, y) = (x(*time), CURVE - 2.0 - (CURVE - 4.0) * value / highest.max(f64::MIN_POSITIVE));
            if let Some(before) = y_before.replace(y).filter(|_| *holds) {
                let _ = write!(html, "{x:.1},{before:.1} ");
            }
            let _ = write!(html, "{x:.1},{y:.1} ");
        }
    }
    html.push_str("'/></svg>");
}

fn layers(html: &mut String, tasks: &[TaskRecord]) {
    let mut by_layer: BTreeMap<&str, (usize, Duration, usize)> = BTreeMap::new();
    for task in tasks {
        let layer = by_layer.entry(task.key.name().what()).or_default();
        *layer = (layer.0 + 1, layer.1 + (task.end - task.start), layer.2 + task.nbytes);
    }
    let mut rows: Vec<_> = by_layer.into_iter().collect();
    rows.sort_by_key(|(_, (_, time, _))| std::cmp::Reverse(*time));
    html.push_str("<table><tr><th>layer<th>tasks<th>time<th>made</tr>");
    for (layer, (n_tasks, time, nbytes)) in rows {
        let (colour, layer) = (colour(layer), escape(layer));
        let _ = write!(
            html,
            "<tr><td><i style='background:{colour}'></i>{layer}<td>{n_tasks}<td>{:.3} s<td>{}</tr>",
            time.as_secs_f64(),
            bytes(nbytes)
        );
    }
    html.push_str("</table>");
}

/// The same name always has the same colour.
fn colour(name: &str) -> String {
    let hash = name.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("hsl({} 55% {}%)", hash % 360, 45 + (hash >> 16) % 15)
}

fn bytes(n: usize) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (n.max(1).ilog2() / 10).min(4);
    format!("{:.1} {}", n as f64 / 1024f64.powi(power as i32), UNITS[power as usize])
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

const HEAD: &str = "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Computation report</title><style>
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--line:#d0d7de}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--line:#30363d}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0}
main{max-width:1140px;margin:auto;padding:1rem}svg{width:100%;border:1px solid var(--line);border-radius:6px}
.grid{stroke:var(--line);stroke-width:1}text{font-size:12px;fill:var(--ink)}.curve{fill:none;stroke:#3b82f6;stroke-width:1.5}table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid var(--line)}
td:first-child,th:first-child{text-align:left}i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.5em}
</style></head><body><main><h1>Computation report</h1>";

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: usize, worker: usize, start_ms: u64, end_ms: u64) -> TaskRecord {
        let (start, end) = (Duration::from_millis(start_ms), Duration::from_millis(end_ms));
        TaskRecord { key: dask_core::Name::new("a<b").at(&[1]), run, worker, start, end, nbytes: 2048 }
    }

    #[test]
    fn a_computation_inside_a_task_stands_beneath_the_one_around_it() {
        // Two workers; the second one's task computes, and computes again; a run with one worker follows.
        let tasks =
            [record(0, 0, 0, 9), record(1, 1, 2, 4), record(2, 0, 5, 6), record(0, 1, 1, 8), record(3, 0, 9, 12)];
        let rows = Rows::of(&tasks);
        assert_eq!((rows.first, rows.n), (vec![0, 2, 2, 0], 4));
        assert_eq!(Rows::of(&[]).n, 0);
    }

    #[test]
    fn the_page_shows_every_task_and_escapes_its_name() {
        let task = record(0, 1, 1, 3);
        let points = vec![(Duration::from_millis(2), 2048.0), (Duration::from_millis(3), 0.0)];
        let page = page(&[task], &[Curve { title: "Memory", peak: bytes(2048), points, holds: true }]);
        assert!(page.contains("1 tasks on 2 workers in 0.002 s"), "{page}");
        assert!(page.contains("(&#39;a&lt;b&#39;, 1) — 2.000 ms, 2.0 KiB"), "{page}");
        assert!(page.contains("<h2>Memory</h2><p>Peak 2.0 KiB."));
        // What is in memory is there until it is dropped.
        assert!(page.contains("points='550.0,2.0 1100.0,2.0 1100.0,178.0 '"), "{page}");
        // Round times.
        assert!(page.contains(">0.0000 s</text>") && page.contains(">0.0010 s</text>"), "{page}");
    }
}
