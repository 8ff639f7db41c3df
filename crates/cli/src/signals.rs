//! Being asked to stop: Ctrl-C and SIGTERM.

use crate::failure::Failure;

/// Completes when the process is asked to stop. It listens from now on, so that no signal falls between.
#[cfg(unix)]
pub fn stop() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| signal(kind).map_err(Failure::Signals);
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Completes when the process is asked to stop. It listens from now on, so that no signal falls between.
#[cfg(not(unix))]
pub fn stop() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        // Where Ctrl-C cannot be listened for, the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
