//! How a worker died, told by who watched it.

use tokio::runtime::Builder;

use crate::Security;
use crate::error::DistError;
use crate::protocol::{Batch, FromClient, ToClient};
use crate::transport::{Address, CommSettings, Hello, Link, Role, connect};

/// Tells a scheduler how a worker process died, so that the tasks that it ran can say it.
///
/// # Errors
/// No scheduler there.
pub fn send_obituary(
    scheduler: &Address,
    security: &Security,
    worker: &str,
    process: u32,
    why: &str,
) -> Result<(), DistError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| DistError::io("starting a loop", error))?;
    let connect_timeout = std::time::Duration::from_secs(5);
    let settings = CommSettings { connect_timeout, security: security.clone(), ..CommSettings::default() };
    runtime.block_on(async {
        let hello = Hello::new(Role::Client);
        let Link { outbox, mut inbox, .. } = connect::<FromClient, ToClient>(scheduler, hello, &settings).await?;
        let (worker, why) = (worker.to_owned(), why.to_owned());
        let _ = outbox.send(Batch::one(FromClient::Obituary { worker, process, why }));
        drop(outbox);
        // Everything is sent when the other side has closed, too.
        let end = tokio::time::timeout(connect_timeout, async { while let Ok(Some(_)) = inbox.recv().await {} });
        let _ = end.await;
        Ok(())
    })
}
