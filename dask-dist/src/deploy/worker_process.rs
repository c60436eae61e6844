//! This executable again, as a worker.
//!
//! A worker process must have the closures of the program, so it is the program: the same executable, started with
//! an environment variable. Where the platform has constructors that run before `main`, one of them looks for the
//! variable, and if it is there the process becomes a worker and never reaches `main`: programs and tests need no
//! preparation. Elsewhere, `main` calls [`init`] first.
//!
//! The worker ends when its standard input does: the parent holds the other end, however it dies.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::error::DistError;
use crate::log::Format;
use crate::security::Security;
use crate::shell::worker::{WorkerOptions, serve_worker};
use crate::shell::{comm_settings, worker_settings};
use crate::transport::{Address, CommSettings, Role};
use crate::worker::Settings;

const SCHEDULER: &str = "DASK_DIST_WORKER_OF";
const NAME: &str = "DASK_DIST_WORKER_NAME";
const THREADS: &str = "DASK_DIST_WORKER_THREADS";
const MEMORY: &str = "DASK_DIST_WORKER_MEMORY";
const DIRECTORY: &str = "DASK_DIST_WORKER_DIRECTORY";
const RESOURCES: &str = "DASK_DIST_WORKER_RESOURCES";
/// Microseconds between samples of call stacks, if they are sampled.
const PROFILE: &str = "DASK_DIST_WORKER_PROFILE";
/// There if it is to log as JSON.
const JSON: &str = "DASK_DIST_WORKER_JSON";

/// Bytes of what a parent says.
const TOLD_MAX: usize = 64 << 10;

/// Starts a worker process.
pub(super) fn spawn(scheduler: &Address, options: &WorkerOptions) -> Result<Child, DistError> {
    let failed = |error| DistError::io("starting a worker process", error);
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command
        .env(SCHEDULER, scheduler.to_string())
        .env(NAME, &options.name)
        .env(THREADS, options.settings.n_threads.to_string())
        .env(MEMORY, options.settings.memory_limit.to_string())
        .stdin(Stdio::piped());
    if let Some(directory) = &options.directory {
        command.env(DIRECTORY, directory);
    }
    if let Some(interval) = options.profile {
        command.env(PROFILE, interval.as_micros().to_string());
    }
    if crate::log::format() == Format::Json {
        command.env(JSON, "1");
    }
    let resources: Vec<String> = options.resources.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
    command.env(RESOURCES, resources.join(","));
    // Named, so that the constructor is linked.
    std::hint::black_box(&CONSTRUCTOR);
    let mut child = command.spawn().map_err(failed)?;
    // What is secret is neither in the arguments nor in the environment, which others may see.
    let security = options.comm.security.to_bytes().map_err(|error| DistError::Other(error.to_string()))?;
    if let Some(stdin) = &mut child.stdin {
        let told = stdin.write_all(&(security.len() as u32).to_le_bytes()).and_then(|()| stdin.write_all(&security));
        // One that has died already is noticed by whoever watches it.
        let _ = told.and_then(|()| stdin.flush());
    }
    Ok(child)
}

/// What the parent has said first.
fn told() -> Result<Security, DistError> {
    let mut stdin = std::io::stdin().lock();
    let mut read = |n: usize| {
        let mut bytes = vec![0; n];
        stdin.read_exact(&mut bytes).map(|()| bytes).map_err(|error| DistError::io("hearing from the parent", error))
    };
    let length = u32::from_le_bytes(read(4)?.try_into().unwrap_or_default());
    Security::from_bytes(&read((length as usize).min(TOLD_MAX))?)
}

/// Becomes a worker, if this process was started as one, and does not return then. Needed as the first line of `main`
/// only where nothing runs before `main`; harmless elsewhere.
pub fn init() {
    if let Some(scheduler) = std::env::var_os(SCHEDULER) {
        let scheduler = scheduler.to_string_lossy().into_owned();
        // On a thread of its own: before `main` the first one has no name, and its stack is the system's.
        let worker = std::thread::Builder::new().name("dask-worker".to_owned()).spawn(move || run(&scheduler));
        let code = worker.ok().and_then(|worker| worker.join().ok()).unwrap_or(1);
        std::process::exit(code);
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = before_main;

#[cfg(target_vendor = "apple")]
#[used]
#[unsafe(link_section = "__DATA,__mod_init_func")]
static CONSTRUCTOR: extern "C" fn() = before_main;

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple")))]
static CONSTRUCTOR: extern "C" fn() = before_main;

extern "C" fn before_main() {
    if std::env::var_os(SCHEDULER).is_none() {
        return;
    }
    // What the runtime does before `main`: a peer that goes must not end this process.
    #[cfg(unix)]
    // SAFETY: no other thread runs yet, and ignoring a signal needs no handler.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
    init();
}

fn run(scheduler: &str) -> i32 {
    let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let number = |name: &str| text(name).and_then(|text| text.parse::<u64>().ok());
    if text(JSON).is_some() {
        crate::log::set_format(Format::Json);
        crate::log::say_panics("worker");
    }
    let resources = text(RESOURCES).unwrap_or_default();
    let resources = resources.split(',').filter_map(|pair| {
        let (name, amount) = pair.split_once('=')?;
        Some((name.to_owned(), amount.parse().ok()?))
    });
    let configured = worker_settings().and_then(|settings| {
        let comm = CommSettings { security: told()?, ..comm_settings(Role::Worker)? };
        Ok((settings, comm))
    });
    let (settings, comm) = match configured {
        Ok(configured) => configured,
        Err(error) => {
            crate::log::fail("worker", format_args!("{error}"));
            return 1;
        }
    };
    let options = WorkerOptions {
        name: text(NAME).unwrap_or_default(),
        resources: resources.collect(),
        directory: text(DIRECTORY).map(PathBuf::from),
        settings: Settings {
            n_threads: number(THREADS).unwrap_or(1) as u32,
            memory_limit: number(MEMORY).unwrap_or(0),
            ..settings
        },
        comm,
        profile: number(PROFILE).map(Duration::from_micros),
        ..WorkerOptions::default()
    };
    // SAFETY: this thread is the only one that runs but the first, which waits for it.
    unsafe {
        [SCHEDULER, NAME, THREADS, MEMORY, DIRECTORY, RESOURCES, PROFILE, JSON]
            .into_iter()
            .for_each(|name| std::env::remove_var(name));
    }
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        drop(std::io::stdin().read_to_end(&mut rest));
        std::process::exit(0);
    });
    let served = scheduler.parse::<Address>().and_then(|scheduler| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| DistError::io("starting the worker's loop", error))?;
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        runtime.block_on(serve_worker(&scheduler, options, stopped))
    });
    match served {
        Ok(()) | Err(DistError::SchedulerGone { .. }) => 0,
        Err(error) => {
            crate::log::fail("worker", format_args!("{error}"));
            1
        }
    }
}
