//! TERM and INT: the first ends in order, the second at once.

use std::io::Read;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// When to end in order.
#[derive(Default)]
pub(crate) struct When {
    /// After so long.
    pub(crate) lifetime: Option<Duration>,
    /// When standard input ends.
    pub(crate) with_input: bool,
}

/// Becomes true at the first signal, or [`When`] it is said. At the second signal the process ends, after `last`.
pub(crate) fn stop(
    when: When,
    last: impl FnOnce() + Send + 'static,
) -> std::io::Result<(watch::Sender<bool>, watch::Receiver<bool>)> {
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ends = stop.clone();
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || runtime.block_on(wait(ends, when.lifetime, last)))?;
    if when.with_input {
        let ends = stop.clone();
        std::thread::Builder::new().name("input".to_owned()).spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = ends.send(true);
        })?;
    }
    Ok((stop, stopped))
}

async fn wait(stop: watch::Sender<bool>, lifetime: Option<Duration>, last: impl FnOnce()) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return dask_dist::log::warn("signals", "the system takes no handlers: signals end this process at once");
    };
    let life = async {
        match lifetime {
            Some(life) => tokio::time::sleep(life).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = life => {}
    }
    let _ = stop.send(true);
    let code = tokio::select! {
        _ = terminate.recv() => 143,
        _ = interrupt.recv() => 130,
    };
    last();
    std::process::exit(code);
}
