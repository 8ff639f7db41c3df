//! The signals that end a command: Ctrl-C, SIGTERM and SIGHUP.

use crate::error::CliError;

/// Returns a future that completes on SIGINT or SIGTERM, and on SIGHUP if `on_hangup` is true. The handlers are installed before this
/// function returns, so that no signal is missed.
///
/// SIGHUP is sent when a terminal is closed. `nohup` ignores it, so that a command continues without its terminal; this is kept.
#[cfg(unix)]
pub fn shutdown_signal(on_hangup: bool) -> Result<impl Future<Output = ()>, CliError> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| signal(kind).map_err(CliError::Signals);
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = match on_hangup && !is_hangup_ignored() {
        true => Some(listen(SignalKind::hangup())?),
        false => None,
    };
    Ok(async move {
        let hangup = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup => {}
        }
    })
}

/// Returns whether the process was started with SIGHUP ignored.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    #[allow(unsafe_code, reason = "there is no safe wrapper")]
    // SAFETY: a null action changes nothing, and on success the current one is written to `action`.
    unsafe {
        libc::sigaction(libc::SIGHUP, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Returns a future that completes on Ctrl-C.
#[cfg(not(unix))]
pub fn shutdown_signal(_: bool) -> Result<impl Future<Output = ()>, CliError> {
    Ok(async {
        // Without a handler, Ctrl-C ends the process by default.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
