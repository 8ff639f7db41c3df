//! Reads a seed from files.

use std::collections::HashSet;
use std::fs::File;
use std::hash::Hash;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use mistral_datasets_types::RecordSource;
use sha2::{Digest, Sha256};

use super::SeedError;
use super::entities;
use super::position::locate;
use crate::imports::{ImportLine, LineRules};
use crate::json::{Document, Fields, JsonError, MAX_DEPTH, Value};
use crate::storage::{NewRecord, Seed, SeedDataset};
use crate::validate::{self, DATASET_NAME_LENGTH};

/// Some editors write this before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a seed from a file, or from all `.json` and `.jsonl` files of a directory. Records must satisfy `rules`.
pub(crate) fn read_seed(path: &Path, rules: LineRules) -> Result<Seed, SeedError> {
    let mut reader = SeedReader {
        rules,
        digest: Sha256::new(),
        seed: Seed {
            digest: [0; 32],
            datasets: Vec::new(),
            events: Vec::new(),
            conversations: Vec::new(),
            campaigns: Vec::new(),
        },
        seen: Seen::default(),
        referenced: HashSet::new(),
    };
    if path.is_dir() {
        reader.directory(path)?;
    } else if is_lines(path) {
        reader.lines_dataset(path)?;
    } else {
        reader.document(path)?;
    }
    Ok(Seed { digest: reader.digest.finalize().into(), ..reader.seed })
}

fn is_lines(path: &Path) -> bool {
    has_extension(path, "jsonl")
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Reads a seed and collects its contents.
struct SeedReader {
    rules: LineRules,
    digest: Sha256,
    seed: Seed,
    seen: Seen,
    /// The record files that documents refer to.
    referenced: HashSet<PathBuf>,
}

/// The names and ids in the seed so far, to detect duplicates.
#[derive(Default)]
struct Seen {
    datasets: HashSet<String>,
    events: HashSet<String>,
    conversations: HashSet<String>,
    campaigns: HashSet<uuid::Uuid>,
}

/// An error in a document or in a file that it refers to.
enum DocumentError {
    Document(JsonError),
    OtherFile(SeedError),
}

impl From<JsonError> for DocumentError {
    fn from(error: JsonError) -> Self {
        Self::Document(error)
    }
}

impl From<SeedError> for DocumentError {
    fn from(error: SeedError) -> Self {
        Self::OtherFile(error)
    }
}

impl SeedReader {
    fn directory(&mut self, path: &Path) -> Result<(), SeedError> {
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(SeedError::unreadable(path))?;
        let mut files: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
        files.retain(|file| file.is_file() && (is_lines(file) || has_extension(file, "json")));
        files.sort();
        if files.is_empty() {
            return Err(SeedError::NoFiles(path.to_owned()));
        }
        let (lines, documents): (Vec<_>, Vec<_>) = files.iter().partition(|file| is_lines(file));
        for document in documents {
            self.document(document)?;
        }
        // Record files that a document refers to belong to its datasets.
        for file in lines {
            if !self.referenced.contains(file) {
                self.lines_dataset(file)?;
            }
        }
        Ok(())
    }

    /// Reads a file of records as a dataset that is named after the file.
    fn lines_dataset(&mut self, path: &Path) -> Result<(), SeedError> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let invalid =
            |message| SeedError::Invalid { path: path.to_owned(), line: 1, column: 1, message };
        if !DATASET_NAME_LENGTH.contains(&name.chars().count()) {
            let (min, max) = (DATASET_NAME_LENGTH.start(), DATASET_NAME_LENGTH.end());
            return Err(invalid(format!(
                "the dataset is named after the file, and its name must have {min} to {max} characters"
            )));
        }
        check_unique(&mut self.seen.datasets, name.clone(), "dataset", "name").map_err(invalid)?;
        let records = self.lines(path)?;
        self.seed.datasets.push(SeedDataset { name, description: String::new(), records });
        Ok(())
    }

    /// Reads the records of a file, one per line.
    fn lines(&mut self, path: &Path) -> Result<Vec<NewRecord>, SeedError> {
        let unreadable = || SeedError::unreadable(path);
        let mut reader = BufReader::new(File::open(path).map_err(unreadable())?);
        let mut records = Vec::new();
        let mut buffer = Vec::new();
        for line in 1.. {
            buffer.clear();
            // The maximum line length, one more byte to detect longer lines, and the line break.
            let mut limited = (&mut reader).take(self.rules.bytes + 2);
            if limited.read_until(b'\n', &mut buffer).map_err(unreadable())? == 0 {
                break;
            }
            self.digest.update(&buffer);
            let mut text = buffer.trim_ascii_end();
            if line == 1 {
                text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
            }
            if text.is_empty() {
                continue;
            }
            let invalid = |column, message| SeedError::Invalid {
                path: path.to_owned(),
                line,
                column,
                message,
            };
            if text.len() as u64 > self.rules.bytes {
                return Err(invalid(
                    1,
                    format!("the line is longer than {} bytes", self.rules.bytes),
                ));
            }
            let record = ImportLine::read(text, self.rules).map_err(|error| {
                let (position, message) = locate(text, &error);
                invalid(position.column, message)
            })?;
            records.push(NewRecord {
                payload: record.payload,
                properties: record.properties,
                source: RecordSource::UploadedFile,
            });
        }
        Ok(records)
    }

    fn document(&mut self, path: &Path) -> Result<(), SeedError> {
        let text = std::fs::read(path).map_err(SeedError::unreadable(path))?;
        self.digest.update(&text);
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
        let directory = path.parent().unwrap_or(Path::new(""));
        match self.entities(text, directory) {
            Ok(()) => Ok(()),
            Err(DocumentError::OtherFile(error)) => Err(error),
            Err(DocumentError::Document(error)) => {
                let (position, message) = locate(text, &error);
                let (line, column) = (position.line, position.column);
                Err(SeedError::Invalid { path: path.to_owned(), line, column, message })
            }
        }
    }

    fn entities(&mut self, text: &[u8], directory: &Path) -> Result<(), DocumentError> {
        let fields = Document::read(text, "the seed", MAX_DEPTH)?.fields()?;
        fields.allow_only(&["datasets", "events", "conversations", "campaigns"])?;
        for value in items(&fields, "events")? {
            let id = identifier(&value, "event_id", EVENT_FIELDS)?;
            let event = entities::event(&value)?;
            check_unique(&mut self.seen.events, event.id.clone(), "event", "id")
                .map_err(|message| id.error(message))?;
            self.seed.events.push(event);
        }
        for value in items(&fields, "conversations")? {
            let id = identifier(&value, "conversation_id", CONVERSATION_FIELDS)?;
            let conversation = entities::conversation(&value)?;
            check_unique(
                &mut self.seen.conversations,
                conversation.id.clone(),
                "conversation",
                "id",
            )
            .map_err(|message| id.error(message))?;
            self.seed.conversations.push(conversation);
        }
        for value in items(&fields, "campaigns")? {
            let id = identifier(&value, "id", CAMPAIGN_FIELDS)?;
            let campaign = entities::campaign(&value.fields()?)?;
            check_unique(&mut self.seen.campaigns, campaign.id, "campaign", "id")
                .map_err(|message| id.error(message))?;
            self.seed.campaigns.push(campaign);
        }
        for value in items(&fields, "datasets")? {
            self.dataset(&value, directory)?;
        }
        Ok(())
    }

    fn dataset(&mut self, value: &Value<'_>, directory: &Path) -> Result<(), DocumentError> {
        let name_value = identifier(value, "name", DATASET_FIELDS)?;
        let fields = value.fields()?;
        let name = validate::dataset_name(&name_value)?;
        check_unique(&mut self.seen.datasets, name.clone(), "dataset", "name")
            .map_err(|message| name_value.error(message))?;
        let description = fields.optional("description");
        let description = description.as_ref().map(validate::dataset_description).transpose()?;
        let mut records = Vec::new();
        for record in items(&fields, "records")? {
            record.fields()?;
            let record = ImportLine::read(record.text().as_bytes(), self.rules)
                .map_err(|error| error.within(&record))?;
            records.push(NewRecord {
                payload: record.payload,
                properties: record.properties,
                source: RecordSource::DirectInput,
            });
        }
        if let Some(file) = fields.optional("records_file") {
            let path = directory.join(file.string()?);
            if !path.is_file() {
                return Err(file
                    .error("file not found; the path is relative to the directory of the seed")
                    .into());
            }
            records.append(&mut self.lines(&path)?);
            self.referenced.insert(path);
        }
        let description = description.unwrap_or_default();
        self.seed.datasets.push(SeedDataset { name, description, records });
        Ok(())
    }
}

const EVENT_FIELDS: &[&str] =
    &["event_id", "request_messages", "response_messages", "extra_fields"];
const CONVERSATION_FIELDS: &[&str] = &["conversation_id", "messages"];
const CAMPAIGN_FIELDS: &[&str] = &["id", "name", "event_ids"];
const DATASET_FIELDS: &[&str] = &["name", "description", "records", "records_file"];

/// Returns the items of an array that may be missing.
fn items<'a>(
    fields: &Fields<'a>,
    name: &str,
) -> Result<impl Iterator<Item = Value<'a>> + use<'a>, JsonError> {
    let items = fields.optional(name).map(|value| value.items(0..=usize::MAX)).transpose()?;
    Ok(items.into_iter().flatten())
}

/// Returns the required name or id of an entity, after checking that it has only the `allowed` fields.
fn identifier<'a>(value: &Value<'a>, name: &str, allowed: &[&str]) -> Result<Value<'a>, JsonError> {
    let fields = value.fields()?;
    fields.allow_only(allowed)?;
    fields.required(name)
}

/// Fails if the seed already has an entity with this name or id.
fn check_unique<T: Eq + Hash>(
    seen: &mut HashSet<T>,
    id: T,
    kind: &str,
    field: &str,
) -> Result<(), String> {
    match seen.insert(id) {
        true => Ok(()),
        false => Err(format!("the seed has another {kind} with this {field}")),
    }
}
