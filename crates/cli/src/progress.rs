//! Progress bars on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mistral_datasets::Progress;
use mistral_datasets::types::{ImportTask, TaskStatus};

/// Bytes of a known total.
const BYTES: &str =
    "{prefix:>9} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left {msg}";
/// Bytes of an unknown total.
const BYTES_SPINNER: &str = "{prefix:>9} {spinner} {bytes}, {bytes_per_sec} {msg}";
/// Records of a known total.
const RECORDS: &str = "{prefix:>9} {wide_bar} {human_pos} of {human_len} records, {eta} left";
/// Records of an unknown total.
const RECORDS_SPINNER: &str = "{prefix:>9} {spinner} {human_pos} records";
/// A percentage reported by the server.
const PERCENT: &str = "{prefix:>9} {wide_bar} {pos} %";
/// The status of a campaign.
const STATUS: &str = "{prefix:>9} {spinner} {msg}";

/// A check, and the number of records or bytes that were checked.
const CHECK: &str = "checking {prefix} {spinner} {human_pos}";

/// A progress bar. It is cleared when dropped, and never drawn if standard error is not a terminal.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Creates a progress bar. It stays empty until a callback sets its template.
    pub fn new(is_visible: bool) -> Self {
        let target =
            if is_visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self(ProgressBar::with_draw_target(None, target).with_style(style("{msg}")))
    }

    /// Returns a progress callback for the client's transfers.
    pub fn transfer_callback(&self) -> impl FnMut(&Progress) + Send + 'static {
        let bar = self.0.clone();
        let mut current = ("", "");
        move |progress| {
            let counts_records = matches!(progress.phase, "send" | "import" | "judge");
            let (position, total) = if counts_records {
                (progress.records, progress.total_records)
            } else {
                (progress.bytes, progress.total_bytes)
            };
            let template = match (counts_records, total) {
                (false, Some(_)) => BYTES,
                (false, None) => BYTES_SPINNER,
                (true, Some(_)) => RECORDS,
                (true, None) => RECORDS_SPINNER,
            };
            bar.set_length(total.unwrap_or(position));
            if current != (progress.phase, template) {
                current = (progress.phase, template);
                start_phase(&bar, progress.phase, template);
            }
            if !counts_records && progress.records > 0 {
                bar.set_message(format!("({} records)", progress.records));
            }
            bar.set_position(position);
        }
    }

    /// Returns a progress callback for waiting for an import task.
    pub fn task_callback(&self) -> impl FnMut(&ImportTask) + Send + 'static {
        let bar = self.0.clone();
        bar.set_length(100);
        start_phase(&bar, "import", PERCENT);
        move |task| bar.set_position(task.progress.unwrap_or(0).clamp(0, 100) as u64)
    }

    /// Returns a progress callback for waiting for something that reports only its status.
    pub fn status_callback(&self) -> impl FnMut(&TaskStatus) + Send + 'static {
        let bar = self.0.clone();
        start_phase(&bar, "judge", STATUS);
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        move |status| bar.set_message(status.to_string())
    }

    /// Returns a progress callback for a series of checks, which receives the name of the check and a position.
    pub fn check_callback(&self) -> impl FnMut(&'static str, u64) + Send + 'static {
        let bar = self.0.clone();
        let mut current = "";
        move |check, position| {
            if current != check {
                current = check;
                start_phase(&bar, check, CHECK);
                bar.enable_steady_tick(std::time::Duration::from_millis(200));
            }
            bar.set_position(position);
        }
    }
}

fn start_phase(bar: &ProgressBar, prefix: &'static str, template: &str) {
    bar.set_style(style(template));
    bar.set_prefix(prefix);
    bar.set_message("");
    bar.reset();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a test parses every template")
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        for template in [BYTES, BYTES_SPINNER, RECORDS, RECORDS_SPINNER, PERCENT, STATUS, CHECK] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
