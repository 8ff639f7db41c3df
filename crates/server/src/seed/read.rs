//! Reading a seed from files.

use std::collections::HashSet;
use std::fs::File;
use std::hash::Hash;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use mistral_datasets_types::RecordSource;
use sha2::{Digest, Sha256};

use super::SeedError;
use super::place::located;
use super::things::{self, NAME_LENGTH};
use crate::json::{Document, ImportLine, LineRules, MAX_DEPTH, Members, Problem, Value};
use crate::storage::{NewRecord, Seed, SeedDataset};

/// Some editors put it before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a seed: a file, or all files of a directory that end with `.json` and `.jsonl`. Records must keep to the rules of
/// lines.
pub(crate) fn read(path: &Path, rules: LineRules) -> Result<Seed, SeedError> {
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
    Here(Problem),
    There(SeedError),
}

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        Self::Here(problem)
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
        if !NAME_LENGTH.contains(&name.chars().count()) {
            let (least, most) = (NAME_LENGTH.start(), NAME_LENGTH.end());
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
            let read = ImportLine::read(text, self.rules).map_err(|problem| {
                let (place, message) = located(text, &problem);
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
            Err(Wrong::Here(problem)) => {
                let (place, message) = located(text, &problem);
                let (line, column) = (place.line, place.column);
                Err(SeedError::Wrong { path: path.to_owned(), line, column, message })
            }
        }
    }

    fn things(&mut self, text: &[u8], beside: &Path) -> Result<(), Wrong> {
        let members = Document::read(text, "the seed", MAX_DEPTH)?.members()?;
        members.only(&["datasets", "events", "conversations", "campaigns"])?;
        for value in items(&members, "events")? {
            let id = only(&value, "event_id", EVENT)?;
            let event = things::event(&value)?;
            once(&mut self.seen.events, event.id.clone(), "event")
                .map_err(|why| id.problem(why))?;
            self.seed.events.push(event);
        }
        for value in items(&members, "conversations")? {
            let id = only(&value, "conversation_id", CONVERSATION)?;
            let conversation = things::conversation(&value)?;
            once(&mut self.seen.conversations, conversation.id.clone(), "conversation")
                .map_err(|why| id.problem(why))?;
            self.seed.conversations.push(conversation);
        }
        for value in items(&members, "campaigns")? {
            let id = only(&value, "id", CAMPAIGN)?;
            let campaign = things::campaign(&value.members()?)?;
            once(&mut self.seen.campaigns, campaign.id, "campaign")
                .map_err(|why| id.problem(why))?;
            self.seed.campaigns.push(campaign);
        }
        for value in items(&members, "datasets")? {
            self.dataset(&value, beside)?;
        }
        Ok(())
    }

    fn dataset(&mut self, value: &Value<'_>, beside: &Path) -> Result<(), Wrong> {
        let named = only(value, "name", DATASET)?;
        let members = value.members()?;
        let name = things::dataset_name(&named)?;
        once(&mut self.seen.datasets, name.clone(), "dataset").map_err(|why| named.problem(why))?;
        let description = members.optional("description");
        let description = description.as_ref().map(things::dataset_description).transpose()?;
        let mut records = Vec::new();
        for record in items(&members, "records")? {
            record.members()?;
            let read = ImportLine::read(record.text().as_bytes(), self.rules)
                .map_err(|problem| problem.within(&record))?;
            records.push(NewRecord {
                payload: read.payload,
                properties: read.properties,
                source: RecordSource::DirectInput,
            });
        }
        if let Some(file) = members.optional("records_file") {
            let path = beside.join(file.string()?);
            if !path.is_file() {
                return Err(file.problem("there is no such file beside the seed").into());
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
fn items<'a>(members: &Members<'a>, name: &str) -> Result<Vec<Value<'a>>, Problem> {
    members.optional(name).map_or_else(|| Ok(Vec::new()), |value| value.items(0..=usize::MAX))
}

/// What a thing is called, which a seed must say; and fails if it has other members than these.
fn only<'a>(value: &Value<'a>, called: &str, names: &[&str]) -> Result<Value<'a>, Problem> {
    let members = value.members()?;
    members.only(names)?;
    members.required(called)
}

/// Fails if there was one that is called so.
fn once<T: Eq + Hash>(seen: &mut HashSet<T>, called: T, what: &str) -> Result<(), String> {
    match seen.insert(called) {
        true => Ok(()),
        false => Err(format!("the seed has another {what} that is called so")),
    }
}
