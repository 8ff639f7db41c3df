//! Reading a seed from files.

use std::collections::HashSet;
use std::fs::File;
use std::hash::Hash;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use mistral_datasets_types::RecordSource;
use sha2::{Digest, Sha256};

use super::SeedError;
use super::entities;
use super::place::located;
use crate::imports::{ImportLine, LineRules};
use crate::json::{Document, Fields, JsonError, MAX_DEPTH, Value};
use crate::storage::{NewRecord, Seed, SeedDataset};
use crate::validate::{self, DATASET_NAME_LENGTH};

/// Some editors put it before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a seed: a file, or all files of a directory that end with `.json` and `.jsonl`. Records must keep to the rules of
/// lines.
pub(crate) fn read_seed(path: &Path, rules: LineRules) -> Result<Seed, SeedError> {
    let mut reading = Reading {
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
        used: HashSet::new(),
    };
    if path.is_dir() {
        reading.directory(path)?;
    } else if is_lines(path) {
        reading.lines_dataset(path)?;
    } else {
        reading.document(path)?;
    }
    Ok(Seed { digest: reading.digest.finalize().into(), ..reading.seed })
}

fn is_lines(path: &Path) -> bool {
    has_extension(path, "jsonl")
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// A seed being read.
struct Reading {
    rules: LineRules,
    digest: Sha256,
    seed: Seed,
    seen: Seen,
    /// The files of records that documents name.
    used: HashSet<PathBuf>,
}

/// What was planted already, by what it is called.
#[derive(Default)]
struct Seen {
    datasets: HashSet<String>,
    events: HashSet<String>,
    conversations: HashSet<String>,
    campaigns: HashSet<uuid::Uuid>,
}

/// What is wrong with a document: something in it, or something in a file that it names.
enum Wrong {
    Here(JsonError),
    There(SeedError),
}

impl From<JsonError> for Wrong {
    fn from(error: JsonError) -> Self {
        Self::Here(error)
    }
}

impl From<SeedError> for Wrong {
    fn from(error: SeedError) -> Self {
        Self::There(error)
    }
}

impl Reading {
    fn directory(&mut self, path: &Path) -> Result<(), SeedError> {
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(SeedError::unreadable(path))?;
        let mut files: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
        files.retain(|file| file.is_file() && (is_lines(file) || has_extension(file, "json")));
        files.sort();
        if files.is_empty() {
            return Err(SeedError::Nothing(path.to_owned()));
        }
        let (lines, documents): (Vec<_>, Vec<_>) = files.iter().partition(|file| is_lines(file));
        for document in documents {
            self.document(document)?;
        }
        // Records that a document names belong to the dataset that it names them for.
        for file in lines {
            if !self.used.contains(file) {
                self.lines_dataset(file)?;
            }
        }
        Ok(())
    }

    /// A file of records, which makes a dataset of its name.
    fn lines_dataset(&mut self, path: &Path) -> Result<(), SeedError> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let wrong =
            |message| SeedError::Wrong { path: path.to_owned(), line: 1, column: 1, message };
        if !DATASET_NAME_LENGTH.contains(&name.chars().count()) {
            let (least, most) = (DATASET_NAME_LENGTH.start(), DATASET_NAME_LENGTH.end());
            return Err(wrong(format!(
                "the dataset is called as the file, and the name of a dataset has {least} to {most} characters"
            )));
        }
        once(&mut self.seen.datasets, name.clone(), "dataset").map_err(wrong)?;
        let records = self.lines(path)?;
        self.seed.datasets.push(SeedDataset { name, description: String::new(), records });
        Ok(())
    }

    /// The records of a file, one a line.
    fn lines(&mut self, path: &Path) -> Result<Vec<NewRecord>, SeedError> {
        let unreadable = || SeedError::unreadable(path);
        let mut reader = BufReader::new(File::open(path).map_err(unreadable())?);
        let mut records = Vec::new();
        let mut buffer = Vec::new();
        for line in 1.. {
            buffer.clear();
            // One byte more than a line may have, and its end.
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
            let wrong =
                |column, message| SeedError::Wrong { path: path.to_owned(), line, column, message };
            if text.len() as u64 > self.rules.bytes {
                return Err(wrong(1, format!("longer than {} bytes", self.rules.bytes)));
            }
            let read = ImportLine::read(text, self.rules).map_err(|error| {
                let (place, message) = located(text, &error);
                wrong(place.column, message)
            })?;
            records.push(NewRecord {
                payload: read.payload,
                properties: read.properties,
                source: RecordSource::UploadedFile,
            });
        }
        Ok(records)
    }

    fn document(&mut self, path: &Path) -> Result<(), SeedError> {
        let text = std::fs::read(path).map_err(SeedError::unreadable(path))?;
        self.digest.update(&text);
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
        let beside = path.parent().unwrap_or(Path::new(""));
        match self.things(text, beside) {
            Ok(()) => Ok(()),
            Err(Wrong::There(error)) => Err(error),
            Err(Wrong::Here(error)) => {
                let (place, message) = located(text, &error);
                let (line, column) = (place.line, place.column);
                Err(SeedError::Wrong { path: path.to_owned(), line, column, message })
            }
        }
    }

    fn things(&mut self, text: &[u8], beside: &Path) -> Result<(), Wrong> {
        let fields = Document::read(text, "the seed", MAX_DEPTH)?.fields()?;
        fields.allow_only(&["datasets", "events", "conversations", "campaigns"])?;
        for value in items(&fields, "events")? {
            let id = only(&value, "event_id", EVENT)?;
            let event = entities::event(&value)?;
            once(&mut self.seen.events, event.id.clone(), "event").map_err(|why| id.error(why))?;
            self.seed.events.push(event);
        }
        for value in items(&fields, "conversations")? {
            let id = only(&value, "conversation_id", CONVERSATION)?;
            let conversation = entities::conversation(&value)?;
            once(&mut self.seen.conversations, conversation.id.clone(), "conversation")
                .map_err(|why| id.error(why))?;
            self.seed.conversations.push(conversation);
        }
        for value in items(&fields, "campaigns")? {
            let id = only(&value, "id", CAMPAIGN)?;
            let campaign = entities::campaign(&value.fields()?)?;
            once(&mut self.seen.campaigns, campaign.id, "campaign").map_err(|why| id.error(why))?;
            self.seed.campaigns.push(campaign);
        }
        for value in items(&fields, "datasets")? {
            self.dataset(&value, beside)?;
        }
        Ok(())
    }

    fn dataset(&mut self, value: &Value<'_>, beside: &Path) -> Result<(), Wrong> {
        let named = only(value, "name", DATASET)?;
        let fields = value.fields()?;
        let name = validate::dataset_name(&named)?;
        once(&mut self.seen.datasets, name.clone(), "dataset").map_err(|why| named.error(why))?;
        let description = fields.optional("description");
        let description = description.as_ref().map(validate::dataset_description).transpose()?;
        let mut records = Vec::new();
        for record in items(&fields, "records")? {
            record.fields()?;
            let read = ImportLine::read(record.text().as_bytes(), self.rules)
                .map_err(|error| error.within(&record))?;
            records.push(NewRecord {
                payload: read.payload,
                properties: read.properties,
                source: RecordSource::DirectInput,
            });
        }
        if let Some(file) = fields.optional("records_file") {
            let path = beside.join(file.string()?);
            if !path.is_file() {
                return Err(file.error("there is no such file beside the seed").into());
            }
            records.append(&mut self.lines(&path)?);
            self.used.insert(path);
        }
        let description = description.unwrap_or_default();
        self.seed.datasets.push(SeedDataset { name, description, records });
        Ok(())
    }
}

const EVENT: &[&str] = &["event_id", "request_messages", "response_messages", "extra_fields"];
const CONVERSATION: &[&str] = &["conversation_id", "messages"];
const CAMPAIGN: &[&str] = &["id", "name", "event_ids"];
const DATASET: &[&str] = &["name", "description", "records", "records_file"];

/// The items of an array that may be missing.
fn items<'a>(fields: &Fields<'a>, name: &str) -> Result<Vec<Value<'a>>, JsonError> {
    fields.optional(name).map_or_else(|| Ok(Vec::new()), |value| value.items(0..=usize::MAX))
}

/// What a thing is called, which a seed must say; and fails if it has other fields than these.
fn only<'a>(value: &Value<'a>, called: &str, names: &[&str]) -> Result<Value<'a>, JsonError> {
    let fields = value.fields()?;
    fields.allow_only(names)?;
    fields.required(called)
}

/// Fails if there was one that is called so.
fn once<T: Eq + Hash>(seen: &mut HashSet<T>, called: T, what: &str) -> Result<(), String> {
    match seen.insert(called) {
        true => Ok(()),
        false => Err(format!("the seed has another {what} that is called so")),
    }
}
