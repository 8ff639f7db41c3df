//! How responses are printed: tables for people, JSON for programs.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use comfy_table::{ContentArrangement, Table, presets};
use mistral_datasets::types::{Dataset, DatasetRecord, File, ImportTask};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::progress::Bar;

/// How many characters of a conversation a table shows.
const PREVIEW: usize = 60;

/// Where and how responses are printed.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Whether responses are printed as JSON.
    pub json: bool,
    /// Whether nothing is said of what was done.
    pub quiet: bool,
    /// Whether progress is shown.
    pub progress: bool,
}

impl Output {
    /// Prints a response as one line of JSON, or what `table` makes of it.
    pub fn print<T: Serialize>(
        self,
        response: &T,
        table: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string(response).map_err(Failure::RawResponse)?
        } else {
            table(response)
        };
        line(&text)
    }

    /// A progress bar, where one is to be seen.
    pub fn bar(self) -> Bar {
        Bar::new(self.progress && !self.quiet)
    }

    /// A progress bar that is not seen.
    pub fn without_bar(self) -> Bar {
        Bar::new(false)
    }

    /// Prints what was done, as one line of JSON or a sentence, unless nobody wants to know.
    pub fn report(self, done: &Value, sentence: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { self.print(done, |_| sentence()) }
    }

    /// Says that something without a response was done: `{"deleted": [...]}` or a sentence.
    pub fn done(self, verb: &str, ids: &[impl AsRef<str>]) -> Result<(), Failure> {
        let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
        self.report(&serde_json::json!({ verb: ids }), || format!("{verb} {}", ids.join(", ")))
    }
}

/// Writes a line to standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Rows below a heading, as wide as the terminal at most.
pub fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings.map(str::to_uppercase));
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}

/// The members of one thing, a line each.
fn members(rows: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    table.trim_fmt()
}

/// A time as people read it, in UTC.
pub fn time(time: &DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A page below its table: how many results it shows of how many.
pub fn of_total(shown: usize, total: i64, what: &str) -> String {
    format!("{shown} of {total} {what}")
}

/// One dataset, a member a line.
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
    members(rows)
}

/// One record: what is known about it, then payload and properties as they are.
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
        members(rows),
        record.payload.get(),
        record.properties.get()
    )
}

/// One task, a member a line.
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
    members(rows)
}

/// One file, a member a line.
pub fn file(file: &File) -> String {
    let mut rows = vec![("id", file.id.clone()), ("name", file.filename.clone())];
    rows.extend(file.bytes.map(|bytes| ("bytes", bytes.to_string())));
    rows.extend(file.num_lines.map(|lines| ("lines", lines.to_string())));
    rows.extend(file.purpose.iter().map(|purpose| ("purpose", purpose.clone())));
    members(rows)
}

/// The beginning of a conversation's first text, on one line.
pub fn preview(record: &DatasetRecord) -> String {
    let payload: Value = record.payload.parse().unwrap_or(Value::Null);
    let text = match &payload["messages"][0]["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().find_map(|part| part["text"].as_str()).unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(PREVIEW) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// How many messages a record has, where that can be said.
pub fn message_count(record: &DatasetRecord) -> String {
    let payload: Value = record.payload.parse().unwrap_or(Value::Null);
    payload["messages"]
        .as_array()
        .map_or_else(|| "?".to_owned(), |messages| messages.len().to_string())
}
