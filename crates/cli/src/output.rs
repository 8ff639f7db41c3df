//! How replies are printed: tables for people, JSON for programs.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use mistral_datasets::types::{Dataset, DatasetRecord, File, ImportTask};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// How many characters of a conversation a table shows.
const PREVIEW: usize = 60;

/// Where and how replies are printed.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Whether replies are printed as JSON.
    pub json: bool,
}

impl Output {
    /// Prints a reply as one line of JSON, or what `table` makes of it.
    pub fn print<T: Serialize>(
        self,
        reply: &T,
        table: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string(reply).map_err(io::Error::from).map_err(Failure::Output)?
        } else {
            table(reply)
        };
        line(&text)
    }

    /// Says that something without a reply was done: `{"deleted": [...]}` or a sentence.
    pub fn done(self, verb: &str, ids: &[impl AsRef<str>]) -> Result<(), Failure> {
        let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
        if self.json {
            line(&serde_json::json!({ verb: ids }).to_string())
        } else {
            line(&format!("{verb} {}", ids.join(", ")))
        }
    }
}

/// Writes a line to standard output.
fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// A table with a heading, as wide as the terminal at most.
pub fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// A page below its table: how many results it shows of how many.
pub fn of_total(shown: usize, total: i64, what: &str) -> String {
    format!("{shown} of {total} {what}")
}

/// One dataset, a member a line.
pub fn dataset(dataset: &Dataset) -> String {
    let mut rows = vec![
        ["id".to_owned(), dataset.id.to_string()],
        ["name".to_owned(), dataset.name.clone()],
        ["description".to_owned(), dataset.description.clone()],
    ];
    rows.extend(dataset.slug.iter().map(|slug| ["slug".to_owned(), slug.clone()]));
    rows.extend([
        ["created".to_owned(), dataset.created_at.to_rfc3339()],
        ["updated".to_owned(), dataset.updated_at.to_rfc3339()],
        ["workspace".to_owned(), dataset.workspace_id.to_string()],
    ]);
    table(["dataset", ""], rows)
}

/// One record: what is known about it, then payload and properties as they are.
pub fn record(record: &DatasetRecord) -> String {
    let rows = [
        ["id".to_owned(), record.id.to_string()],
        ["dataset".to_owned(), record.dataset_id.to_string()],
        ["source".to_owned(), record.source.to_string()],
        ["created".to_owned(), record.created_at.to_rfc3339()],
        ["updated".to_owned(), record.updated_at.to_rfc3339()],
    ];
    format!(
        "{}\npayload: {}\nproperties: {}",
        table(["record", ""], rows),
        record.payload.get(),
        record.properties.get()
    )
}

/// One task, a member a line.
pub fn task(task: &ImportTask) -> String {
    let mut rows = vec![
        ["id".to_owned(), task.id.to_string()],
        ["dataset".to_owned(), task.dataset_id.to_string()],
        ["status".to_owned(), task.status.to_string()],
    ];
    rows.extend(task.progress.map(|percent| ["progress".to_owned(), format!("{percent} %")]));
    rows.extend(task.message.iter().map(|message| ["message".to_owned(), message.clone()]));
    if let Some(result) = &task.result {
        rows.push(["requested".to_owned(), result.requested_record_count.to_string()]);
        rows.push(["imported".to_owned(), result.imported_record_count.to_string()]);
        rows.push(["skipped".to_owned(), result.skipped_record_count.to_string()]);
    }
    table(["task", ""], rows)
}

/// One file, a member a line.
pub fn file(file: &File) -> String {
    let mut rows =
        vec![["id".to_owned(), file.id.clone()], ["name".to_owned(), file.filename.clone()]];
    rows.extend(file.bytes.map(|bytes| ["bytes".to_owned(), bytes.to_string()]));
    rows.extend(file.num_lines.map(|lines| ["lines".to_owned(), lines.to_string()]));
    rows.extend(file.purpose.iter().map(|purpose| ["purpose".to_owned(), purpose.clone()]));
    table(["file", ""], rows)
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
