//! Programs that measure in parts, each in a process of its own, so that nothing of one is left for the next; what
//! another system needs for the same is measured right after it.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::arguments;
use crate::peers;
use crate::rows::{Row, conclude, load, put_beside, table, write_json};

/// What a part measures.
pub type Part = fn(&Options) -> Result<Vec<Row>, Box<dyn Error>>;

/// Tells a process which part is its own.
const PART: &str = "BENCHES_PART";

/// Options of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of our graphs.
    pub n_tasks: u32,
    /// Of graphs that both sides run.
    pub n_peer_tasks: u32,
    /// After one that warms up.
    pub n_repeats: usize,
    /// One that has the other system.
    pub python: Option<String>,
    /// These parts alone.
    pub only: Vec<String>,
    /// Whether a dashboard is served, and somebody looks at it.
    pub dashboard: bool,
    /// Whether a target that is missed is an error.
    pub is_strict: bool,
}

/// A program.
pub struct Program<'a> {
    /// Its results are `target/bench/{name}.json`, the other system's side is `peers/{name}.py`.
    pub name: &'a str,
    /// What it says above its table.
    pub about: &'a str,
    /// What it measures, in this order.
    pub parts: &'a [(&'a str, Part)],
    /// Unless others are asked for.
    pub n_tasks: u32,
    /// Unless others are asked for.
    pub n_peer_tasks: u32,
}

/// What the process of a part hands over.
#[derive(Serialize, Deserialize)]
struct Found {
    rows: Vec<Row>,
    versions: Option<Value>,
}

impl Program<'_> {
    /// Measures what the arguments of this process ask for; prints a table and writes a file.
    ///
    /// # Errors
    /// A part that fails; with `--strict` a target that is missed.
    pub fn run(&self) -> Result<(), Box<dyn Error>> {
        let options = self.options()?;
        let path = Path::new("target/bench").join(format!("{}-part.json", self.name));
        if let Ok(name) = std::env::var(PART) {
            std::fs::write(path, serde_json::to_vec(&self.measure(&name, &options)?)?)?;
            return Ok(());
        }
        std::fs::create_dir_all("target/bench")?;
        let (load, mut rows, mut versions) = (load(), Vec::new(), None);
        for (name, _) in self.parts.iter().filter(|(name, _)| options.wants(name)) {
            eprintln!("{name}");
            let mut command = Command::new(std::env::current_exe()?);
            let status = command.args(std::env::args_os().skip(1)).env(PART, name).status()?;
            if !status.success() {
                return Err(format!("the part {name} failed ({status})").into());
            }
            let found: Found = serde_json::from_slice(&std::fs::read(&path)?)?;
            rows.extend(found.rows);
            versions = found.versions.or(versions);
        }
        std::fs::remove_file(&path)?;
        let Options { n_tasks, n_peer_tasks, n_repeats, .. } = options;
        println!("\n{}; medians of {n_repeats}; {n_tasks} tasks, beside Dask {n_peer_tasks}\n", self.about);
        println!("{}", table(&rows));
        if options.python.is_none() {
            println!("Dask was not measured: no Python with Dask was given (`--python`)");
        }
        let about = json!({
            "n_tasks": n_tasks, "n_peer_tasks": n_peer_tasks, "n_repeats": n_repeats, "load_before": load,
            "peer": versions,
        });
        write_json(self.name, &rows, about)?;
        conclude(&rows, options.is_strict)
    }

    /// One part, ours and then the other system's.
    fn measure(&self, name: &str, options: &Options) -> Result<Found, Box<dyn Error>> {
        let (_, part) = self.parts.iter().find(|(known, _)| *known == name).ok_or("no such part")?;
        let mut rows = part(options)?;
        let Some(python) = &options.python else { return Ok(Found { rows, versions: None }) };
        let what = json!({ "part": name, "n_tasks": options.n_peer_tasks, "n_repeats": options.n_repeats });
        let theirs: peers::Report = peers::run(python, &format!("{}.py", self.name), &[what.to_string()])?;
        put_beside(&mut rows, &theirs.measures)?;
        Ok(Found { rows, versions: Some(theirs.versions) })
    }

    fn options(&self) -> Result<Options, Box<dyn Error>> {
        let mut options = Options {
            n_tasks: self.n_tasks,
            n_peer_tasks: self.n_peer_tasks,
            n_repeats: 5,
            python: None,
            only: Vec::new(),
            dashboard: false,
            is_strict: false,
        };
        let known = "--only, --tasks, --peer-tasks, --repeats, --dashboard yes, --strict, --python";
        arguments::read::<Box<dyn Error>>(known, &["--strict"], |name, value| {
            match name {
                "--strict" => options.is_strict = true,
                "--tasks" => options.n_tasks = value.parse()?,
                "--peer-tasks" => options.n_peer_tasks = value.parse()?,
                "--repeats" => options.n_repeats = value.parse()?,
                "--python" => options.python = Some(value),
                "--only" => options.only = value.split(',').map(|name| self.part(name)).collect::<Result<_, _>>()?,
                "--dashboard" => options.dashboard = value == "yes",
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let few = options.n_tasks.min(options.n_peer_tasks) < 16 || options.n_repeats == 0;
        if few { Err("at least 16 tasks and 1 repeat are needed".into()) } else { Ok(options) }
    }

    fn part(&self, name: &str) -> Result<String, Box<dyn Error>> {
        let names: Vec<&str> = self.parts.iter().map(|(name, _)| *name).collect();
        let unknown = || format!("no part is called {name}; there are {}", names.join(", ")).into();
        names.contains(&name).then(|| name.to_owned()).ok_or_else(unknown)
    }
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}
