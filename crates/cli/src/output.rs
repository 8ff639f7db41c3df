//! Output: tables for people, JSON for programs.
//!
//! If standard output is a closed pipe, a command that prints data ends, because nobody needs the rest. A command that changes
//! something still completes: its report is lost, but not its result.

use chrono::{DateTime, Utc};
use comfy_table::{ContentArrangement, Table, presets};
use mistral_datasets::types::{Dataset, DatasetRecord, File, ImportTask};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::progress::Bar;
use crate::terminal;

/// The maximum length of a message preview, in characters.
const PREVIEW_LENGTH: usize = 60;

/// The output options of a command.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Print JSON instead of tables.
    pub json: bool,
    /// Print neither reports nor progress bars.
    pub quiet: bool,
    /// Show progress bars.
    pub progress: bool,
}

impl Output {
    /// Prints a response to standard output: as one line of JSON with `--json`, else as formatted by `text`.
    pub fn print<T: Serialize>(
        self,
        response: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        if self.json {
            terminal::print_line(&serde_json::to_string(response).map_err(CliError::InvalidJson)?)
        } else {
            print_text(&text(response))
        }
    }

    /// Prints the outcome of an action like [`print`](Self::print). A closed pipe is ignored, because the action has been carried
    /// out, or has failed with an error that matters more.
    pub fn print_outcome<T: Serialize>(
        self,
        outcome: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), CliError> {
        match self.print(outcome, text) {
            Err(error) if error.is_closed_stdout() => Ok(()),
            result => result,
        }
    }

    /// Reports a completed action, unless `--quiet` is given: JSON on standard output, or a message on standard error.
    pub fn report(self, json: &Value, message: impl FnOnce() -> String) -> Result<(), CliError> {
        if self.quiet {
            Ok(())
        } else if self.json {
            self.print_outcome(json, |_| String::new())
        } else {
            terminal::message_lines(&message());
            Ok(())
        }
    }

    /// Reports deleted items: `{"deleted": [...]}` or a message.
    pub fn report_deleted(self, ids: &[String]) -> Result<(), CliError> {
        self.report(&json!({ "deleted": ids }), || format!("deleted {}", ids.join(", ")))
    }

    /// Returns a progress bar, which is hidden by `--quiet` and `--no-progress`.
    pub fn progress_bar(self) -> Bar {
        Bar::new(self.progress && !self.quiet)
    }

    /// Returns a progress bar that is never shown.
    pub fn hidden_bar(self) -> Bar {
        Bar::new(false)
    }
}

/// Writes text for people to standard output.
pub fn print_text(text: &str) -> Result<(), CliError> {
    terminal::print_line(&terminal::escape_lines(text))
}

/// Formats a table that is at most as wide as the terminal.
pub fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    columns(&headings, rows)
}

/// Formats a table whose number of columns depends on the request. It is at most as wide as the terminal.
pub fn columns<H: AsRef<str>, R: IntoIterator<Item = String>>(
    headings: &[H],
    rows: impl IntoIterator<Item = R>,
) -> String {
    let escaped = |cell: &str| terminal::escape(cell).into_owned();
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings.iter().map(|heading| escaped(&heading.as_ref().to_uppercase())));
    for row in rows {
        table.add_row(row.into_iter().map(|cell| escaped(&cell)));
    }
    table.trim_fmt()
}

/// Formats a page of a listing: a table and the number of items.
pub fn page<const N: usize>(
    headings: [&str; N],
    rows: impl ExactSizeIterator<Item = [String; N]>,
    total: i64,
    noun: &str,
) -> String {
    let shown = rows.len();
    format!("{}\n{}", table(headings, rows), shown_of_total(shown, total, noun))
}

/// Formats the number of items shown and their total, such as `20 of 250 records`.
pub fn shown_of_total(shown: usize, total: i64, noun: &str) -> String {
    format!("{shown} of {total} {noun}")
}

/// Formats a number with its noun, such as `1 record` or `2 records`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Formats the fields of one object, one per line.
pub fn fields(rows: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for (name, value) in rows {
        table.add_row([name, &terminal::escape(&value)]);
    }
    table.trim_fmt()
}

/// Formats any object of the API, one field per line. Fields that are empty are omitted, because most fields of a span are.
pub fn object<T: Serialize>(object: &T) -> String {
    let Ok(Value::Object(object)) = serde_json::to_value(object) else {
        return String::new();
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for (name, field) in object.iter().filter(|(_, field)| !is_empty(field)) {
        table.add_row([terminal::escape(name), terminal::escape(&value(field))]);
    }
    table.trim_fmt()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Formats a JSON value: text without quotes, nothing for null, anything else as JSON.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Formats a number with at most four decimal places.
pub fn number(number: f64) -> String {
    let text = format!("{number:.4}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// Formats a duration that telemetry reports in nanoseconds.
pub fn nanoseconds(duration: i64) -> String {
    let seconds = duration as f64 / 1e9;
    match seconds {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds => format!("{:.1} ms", seconds * 1e3),
    }
}

/// Formats a time in UTC.
pub fn time(time: &DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Formats a dataset.
pub fn dataset(dataset: &Dataset) -> String {
    let mut rows = vec![
        ("id", dataset.id.to_string()),
        ("name", dataset.name.clone()),
        ("description", dataset.description.clone()),
    ];
    rows.extend(dataset.slug.iter().map(|slug| ("slug", slug.clone())));
    rows.extend([
        ("created", time(&dataset.created_at)),
        ("updated", time(&dataset.updated_at)),
        ("workspace", dataset.workspace_id.to_string()),
    ]);
    fields(rows)
}

/// Formats a record: its metadata, then the JSON of payload and properties, unmodified except for escapes.
pub fn record(record: &DatasetRecord) -> String {
    let rows = [
        ("id", record.id.to_string()),
        ("dataset", record.dataset_id.to_string()),
        ("source", record.source.to_string()),
        ("created", time(&record.created_at)),
        ("updated", time(&record.updated_at)),
    ];
    format!(
        "{}\npayload: {}\nproperties: {}",
        fields(rows),
        record.payload.get(),
        record.properties.get()
    )
}

/// Formats an import task.
pub fn task(task: &ImportTask) -> String {
    let mut rows = vec![
        ("id", task.id.to_string()),
        ("dataset", task.dataset_id.to_string()),
        ("status", task.status.to_string()),
    ];
    rows.extend(task.progress.map(|percent| ("progress", format!("{percent} %"))));
    rows.extend(task.message.iter().map(|message| ("message", message.clone())));
    if let Some(result) = &task.result {
        rows.push(("requested", result.requested_record_count.to_string()));
        rows.push(("imported", result.imported_record_count.to_string()));
        rows.push(("skipped", result.skipped_record_count.to_string()));
    }
    fields(rows)
}

/// Formats the metadata of a file.
pub fn file(file: &File) -> String {
    let mut rows = vec![("id", file.id.clone()), ("name", file.filename.clone())];
    rows.extend(file.bytes.map(|bytes| ("bytes", bytes.to_string())));
    rows.extend(file.num_lines.map(|lines| ("lines", lines.to_string())));
    rows.extend(file.purpose.iter().map(|purpose| ("purpose", purpose.clone())));
    fields(rows)
}

/// Returns the beginning of the first message of a record, on one line.
pub fn preview(record: &DatasetRecord) -> String {
    let payload: Value = record.payload.parse().unwrap_or(Value::Null);
    let text = match &payload["messages"][0]["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().find_map(|part| part["text"].as_str()).unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    shortened(&text)
}

/// Returns the beginning of a text on one line.
pub fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(PREVIEW_LENGTH) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Returns the number of messages of a record, or `?` if the payload has no array of messages.
pub fn message_count(record: &DatasetRecord) -> String {
    let payload: Value = record.payload.parse().unwrap_or(Value::Null);
    payload["messages"]
        .as_array()
        .map_or_else(|| "?".to_owned(), |messages| messages.len().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_short() {
        for (value, text) in
            [(0.0, "0"), (-0.00001, "0"), (1.5, "1.5"), (100.0, "100"), (2.0 / 3.0, "0.6667")]
        {
            assert_eq!(number(value), text);
        }
        assert_eq!(nanoseconds(1_250_000_000), "1.25 s");
        assert_eq!(nanoseconds(2_500_000), "2.5 ms");
    }

    #[test]
    fn empty_fields_are_omitted() {
        let span = json!({"name": "chat", "agent": "", "tags": [], "usage": 0, "parent": null});
        assert_eq!(
            object(&span).split_whitespace().collect::<Vec<_>>(),
            ["name", "chat", "usage", "0"]
        );
    }
}
