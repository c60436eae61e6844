//! Pages, metrics and a JSON API over a scheduler, for people and their monitors: read only.
//!
//! | path | what |
//! |---|---|
//! | `/` | the page: task stream, progress, workers, graph, a task's story, transfers, profile, events |
//! | `/report.html` | the same page with what is known now inside: one file, to be kept |
//! | `/health` | 200 while the scheduler answers, 503 otherwise |
//! | `/metrics` | for Prometheus, under Dask's names |
//! | `/api/v1/status` | counts: tasks by state, clients, workers by status |
//! | `/api/v1/workers`, `/api/v1/layers` | each worker; each kind of layer: tasks by state, durations, what threads were seen at |
//! | `/api/v1/layers/LAYER/profile` | in which functions its tasks were, if workers sample that |
//! | `/api/v1/tasks`, `/api/v1/events` | the last tasks that ended; the last events |
//! | `/api/v1/task/KEY` | a task's story; 404 if there is no such task |
//! | `/api/v1/transfers` | between which workers values went |
//! | `/api/v1/graph` | the tasks and edges of a small computation |
//! | `/api/v1/stream` | server-sent events, what the page shows: bounded in size |
//!
//! Everything runs on a thread of its own; the scheduler answers short questions between two turns of its loop. With a
//! certificate ([`DashboardTls`], feature `tls`) all of it is served as https.
//! No other site can read any of it: there are no CORS headers, and where no token is asked for, a `Host` that is a name
//! of somebody else's is refused.
//!
#![doc = include_str!("api.md")]

mod api; // JSON
mod gather; // asking the scheduler, not too often
mod guard; // who may ask
mod metrics; // for Prometheus
mod options; // who may look, and how it is encrypted
mod page; // the page, live or kept
mod push; // what is sent to those who watch
mod serve; // connections
// How they begin, where they are encrypted.
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use axum::Router;
use axum::routing::get;
use tokio::sync::oneshot;

use crate::error::DistError;
use crate::shell::questions::{Asked, Questions};
use gather::Gather;
use guard::Guard;
pub use options::{DashboardOptions, DashboardTls};
use tls::Tls;

/// What every request needs.
#[derive(Clone)]
struct Shared {
    gather: Arc<Gather>,
    viewers: Arc<AtomicUsize>,
}

/// A server of pages; it ends when this is dropped.
#[derive(Debug)]
pub struct Dashboard {
    address: SocketAddr,
    is_encrypted: bool,
    questions: Questions,
    _stop: oneshot::Sender<()>,
}

impl Dashboard {
    /// Serves at `address`, such as `127.0.0.1:8787`, [as configured](DashboardOptions::configured); the scheduler is given
    /// what is returned too.
    ///
    /// ```
    /// use dask_dist::LocalCluster;
    /// let cluster = LocalCluster::builder().workers(1).dashboard("127.0.0.1:0").start()?;
    /// let address = cluster.dashboard().map(|dashboard| dashboard.address());
    /// assert!(address.is_some());
    /// # cluster.close();
    /// # Ok::<(), dask_dist::DistError>(())
    /// ```
    ///
    /// # Errors
    /// An address that is none, in use, or of another machine; one that others can reach without anything that keeps them
    /// out; files with certificates that are of no use.
    pub fn start(address: &str) -> Result<(Self, Asked), DistError> {
        Self::start_with(address, DashboardOptions::configured()?)
    }

    /// As [`start`](Dashboard::start), for others than those at this machine. `/health` is open to all.
    ///
    /// # Errors
    /// As [`start`](Dashboard::start).
    pub fn start_with(address: &str, options: DashboardOptions) -> Result<(Self, Asked), DistError> {
        let failed = |error| DistError::io(format!("serving the dashboard at {address}"), error);
        let DashboardOptions { readers, hosts, tls } = options;
        let tls = tls.map(|files| Tls::load(&files)).transpose()?.map(Arc::new);
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let asked = address;
        let address = listener.local_addr().map_err(failed)?;
        let guard = Guard { readers, hosts, tls: tls.clone() };
        if !guard.readers.lets_others_reach(guard.keeps_strangers_out(), address) {
            let why = "others than this machine can read it there, encrypted or not: give a token \
                       (`--dashboard-token-file`, `DashboardOptions::readers`), ask for certificates \
                       (`--dashboard-tls-ca-file`, `DashboardTls::ca_file`), serve it at 127.0.0.1 and forward the port or \
                       put a proxy before it, or say that the network is trusted (`--insecure`, `Security::insecure`)";
            return Err(DistError::BadSecurity { what: format!("the dashboard at {asked}"), why: why.to_owned() });
        }
        let (questions, asked) = Questions::new();
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Shared { gather: Arc::new(Gather::new(questions.clone())), viewers: Arc::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let is_encrypted = tls.is_some();
        let serve = async move {
            let listener = match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => listener,
                Err(error) => return crate::log::fail("dashboard", error),
            };
            tokio::select! {
                () = serve::serve(listener, router(shared, guard), tls, serve::Limits::default()) => {}
                _ = stopped => {}
            }
        };
        let thread = std::thread::Builder::new().name("dask-dashboard".to_owned());
        thread.spawn(move || runtime.block_on(serve)).map_err(failed)?;
        Ok((Self { address, is_encrypted, questions, _stop: stop }, asked))
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is for browsers, such as `http://127.0.0.1:8787/`.
    pub fn url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}/", self.address)
    }

    /// Writes what is known now as one self-contained page: the last tasks, progress, workers, events, the graph if it is
    /// small. What stood at `path` stays until the page is whole. Who has a client alone calls
    /// [`Client::performance_report`](crate::Client::performance_report).
    ///
    /// # Errors
    /// A scheduler that has ended; a file that cannot be written.
    pub fn performance_report(&self, path: impl AsRef<Path>) -> Result<(), DistError> {
        let path = path.as_ref();
        let questions = self.questions.clone();
        // On a thread of its own: the caller may be in a runtime, which must not be blocked on.
        let page = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(report(questions))
        });
        let page = page.join().ok().flatten();
        let page = page.ok_or_else(|| DistError::Other("no report: the scheduler has ended".to_owned()))?;
        crate::client::write_page(path, &page)
    }
}

/// What is known now, as one page; `None` if the scheduler does not answer.
pub(crate) async fn report(questions: Questions) -> Option<String> {
    page::report(&Gather::new(questions)).await
}

fn router(shared: Shared, guard: Guard) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/style.css", get(page::style))
        .route("/dashboard.js", get(page::script))
        .route("/report.html", get(page::report_html))
        .route("/health", get(api::health))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/workers", get(api::workers))
        .route("/api/v1/layers", get(api::layers))
        .route("/api/v1/layers/{layer}/profile", get(api::profile))
        .route("/api/v1/tasks", get(api::tasks))
        .route("/api/v1/events", get(api::events))
        .route("/api/v1/task/{*key}", get(api::task))
        .route("/api/v1/transfers", get(api::transfers))
        .route("/api/v1/graph", get(api::graph))
        .route("/api/v1/stream", get(push::stream))
        .fallback(api::not_found)
        .with_state(shared)
        .layer(axum::middleware::from_fn_with_state(Arc::new(guard), guard::check))
}

#[cfg(test)]
mod tests;
