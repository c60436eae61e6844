//! TERM and INT: the first ends in order, the second at once.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Becomes true at the first signal, or after `lifetime`.
pub(crate) fn stop(lifetime: Option<Duration>) -> std::io::Result<(watch::Sender<bool>, watch::Receiver<bool>)> {
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ends = stop.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(wait(ends, lifetime)))?;
    Ok((stop, stopped))
}

async fn wait(stop: watch::Sender<bool>, lifetime: Option<Duration>) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return dask_dist::log::say("signals", "the system takes no handlers: signals end this process at once");
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
    tokio::select! {
        _ = terminate.recv() => std::process::exit(143),
        _ = interrupt.recv() => std::process::exit(130),
    }
}
