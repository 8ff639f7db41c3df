//! Progress bars on standard error, for people who watch.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mistral_datasets::Progress;
use mistral_datasets::types::ImportTask;

/// What a bar looks like where bytes are moved, with and without a known end.
const BYTES: &str =
    "{prefix:>9} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left {msg}";
const SOME_BYTES: &str = "{prefix:>9} {spinner} {bytes}, {bytes_per_sec} {msg}";

/// What it looks like where records are counted, with and without a known end.
const RECORDS: &str = "{prefix:>9} {wide_bar} {human_pos} of {human_len} records, {eta} left";
const SOME_RECORDS: &str = "{prefix:>9} {spinner} {human_pos} records";

/// What it looks like where the server says percents.
const PERCENT: &str = "{prefix:>9} {wide_bar} {pos} %";

/// A progress bar. It is gone from the terminal when it is dropped, and never seen where standard error is none.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar, or one that is never shown.
    pub fn new(shown: bool) -> Self {
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        // What it looks like is not known before something begins.
        Self(ProgressBar::with_draw_target(None, target).with_style(style("{msg}")))
    }

    /// What the client's transfers tell how far they are.
    pub fn callback(&self) -> impl FnMut(&Progress) + Send + 'static {
        let bar = self.0.clone();
        let mut shape = ("", "");
        move |progress| {
            let counts_records = matches!(progress.phase, "send" | "import");
            let (position, total) = if counts_records {
                (progress.records, progress.total_records)
            } else {
                (progress.bytes, progress.total_bytes)
            };
            let template = match (counts_records, total) {
                (false, Some(_)) => BYTES,
                (false, None) => SOME_BYTES,
                (true, Some(_)) => RECORDS,
                (true, None) => SOME_RECORDS,
            };
            bar.set_length(total.unwrap_or(position));
            if shape != (progress.phase, template) {
                shape = (progress.phase, template);
                begin(&bar, progress.phase, template);
            }
            if !counts_records && progress.records > 0 {
                bar.set_message(format!("({} records)", progress.records));
            }
            bar.set_position(position);
        }
    }

    /// What waiting for a task tells.
    pub fn of_task(&self) -> impl FnMut(&ImportTask) + Send + 'static {
        let bar = self.0.clone();
        bar.set_length(100);
        begin(&bar, "import", PERCENT);
        move |task| bar.set_position(task.progress.unwrap_or(0).clamp(0, 100) as u64)
    }
}

/// Begins to show something else.
fn begin(bar: &ProgressBar, prefix: &'static str, template: &str) {
    bar.set_style(style(template));
    bar.set_prefix(prefix);
    bar.set_message("");
    bar.reset();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a test reads every template")
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
    fn every_template_is_right() {
        for template in [BYTES, SOME_BYTES, RECORDS, SOME_RECORDS, PERCENT] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
