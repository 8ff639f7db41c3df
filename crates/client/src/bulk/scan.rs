//! Validates every line of a JSONL source before anything is sent, and prepares the parts to upload.
//!
//! The scan is blocking and runs on a thread of tokio's blocking pool.

use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::jsonl::{Jsonl, Source};
use super::line_reader::{Line, LineContent, LineReader};
use super::shared_file::SharedFile;
use super::upload_parts::{Content, Part, PartsBuilder, temp_file_error};
use super::validate_line::{Form, validate};
use crate::client::Client;
use crate::compression::Compression;
use crate::error::{Error, ErrorKind, InvalidLine};
use crate::path;
use crate::progress::ProgressReporter;

pub(super) const OPERATION: &str = "import_jsonl";

/// The server's limit for one line.
pub(super) const MAX_LINE_BYTES: usize = 64 << 20;

/// The maximum number of invalid lines that a report lists.
const MAX_REPORTED_LINES: usize = 1_000;

/// Turns an array of messages into an object, together with a closing `}`.
const MESSAGES_PREFIX: &[u8] = br#"{"messages":"#;

/// The number of lines after which progress is reported and cancellation is checked.
const LINES_BETWEEN_UPDATES: u64 = 1_024;

/// The number of chunks of a stream that are buffered for the scan.
const CHANNEL_CAPACITY: usize = 4;

#[derive(Clone, Debug)]
pub(super) struct ScanOptions {
    pub(super) lenient: bool,
    pub(super) compression: Compression,
    pub(super) max_file_bytes: u64,
    /// Sorted ranges of lines that an earlier call imported. They are validated but not sent.
    pub(super) already_imported: Vec<RangeInclusive<u64>>,
}

/// What the scan found in the source.
#[derive(Debug, Default)]
pub(super) struct ScanSummary {
    pub(super) lines: u64,
    pub(super) invalid_lines: Vec<InvalidLine>,
    pub(super) invalid_line_count: u64,
    pub(super) already_imported_records: u64,
}

/// A validated source, ready to upload.
#[derive(Debug)]
pub(super) struct ScannedSource {
    pub(super) content: Content,
    pub(super) parts: Vec<Part>,
    /// The source file, if parts of it are uploaded without being copied.
    original: Option<OriginalFile>,
}

/// A file on disk and its state when it was scanned.
#[derive(Debug)]
struct OriginalFile {
    file: SharedFile,
    stamp: FileStamp,
    title: String,
}

#[derive(Debug, PartialEq, Eq)]
struct FileStamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        // Some file systems store no modification time. Then only the length is compared.
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl ScannedSource {
    /// Fails if the file has changed since it was scanned.
    pub(super) fn require_unchanged(&self) -> Result<(), Error> {
        let Some(OriginalFile { file, stamp, title }) = &self.original else { return Ok(()) };
        match file.metadata() {
            Ok(metadata) if FileStamp::of(&metadata) == *stamp => Ok(()),
            _ => Err(invalid(format!("{title} has changed during the import"))),
        }
    }
}

/// Scans a source until its end, an error, or the client's cancellation. The summary is also returned if the scan fails.
pub(super) async fn scan(
    client: &Client,
    jsonl: Jsonl,
    options: ScanOptions,
    reporter: ProgressReporter,
) -> (ScanSummary, Result<ScannedSource, Error>) {
    let title = jsonl.title();
    let (input, forward) = match jsonl.source {
        Source::Path(path) => (Input::Path(path), None),
        Source::Bytes(bytes) => (Input::Bytes(bytes), None),
        Source::Stream(stream) => {
            let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
            (Input::Channel(receiver), Some((stream, sender)))
        }
    };
    let cancelled = CancellationToken::new();
    let _guard = cancelled.clone().drop_guard();
    let mut scan = tokio::task::spawn_blocking(move || {
        let mut scanner = Scanner { options, reporter, cancelled, summary: ScanSummary::default() };
        let scanned = scanner.run(input, title);
        (scanner.summary, scanned)
    });
    let forwarding = async {
        let Some((mut stream, sender)) = forward else { return };
        while let Some(chunk) = stream.next().await {
            let failed = chunk.is_err();
            if sender.send(chunk).await.is_err() || failed {
                return;
            }
        }
    };
    let scanning = async {
        // An invalid line ends the scan before the stream has ended.
        tokio::select! {
            result = &mut scan => result,
            () = forwarding => scan.await,
        }
    };
    let result = tokio::select! {
        result = scanning => result,
        () = client.cancelled() => {
            return (ScanSummary::default(), Err(client.cancelled_error()));
        }
    };
    result.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => {
            let error = Error::new(ErrorKind::Cancelled, "the runtime is shutting down");
            (ScanSummary::default(), Err(error.with_operation(OPERATION)))
        }
    })
}

fn invalid(message: String) -> Error {
    Error::invalid(OPERATION, message)
}

enum Input {
    Path(PathBuf),
    Bytes(Bytes),
    Channel(mpsc::Receiver<io::Result<Bytes>>),
}

struct Scanner {
    options: ScanOptions,
    reporter: ProgressReporter,
    cancelled: CancellationToken,
    summary: ScanSummary,
}

impl Scanner {
    fn run(&mut self, input: Input, title: String) -> Result<ScannedSource, Error> {
        let read_error =
            |error: io::Error| invalid(format!("cannot read {title}: {error}")).with_source(error);
        match input {
            Input::Path(path) => {
                let file = File::open(&path)
                    .map_err(|error| path::read_error(&path, error).with_operation(OPERATION))?;
                let metadata = file.metadata().map_err(read_error)?;
                if metadata.is_dir() {
                    return Err(read_error(io::ErrorKind::IsADirectory.into()));
                }
                if !metadata.is_file() {
                    // A pipe can only be read once, and its length is not known in advance.
                    let (content, parts) = self.scan(file, None, None, read_error)?;
                    return Ok(ScannedSource { content, parts, original: None });
                }
                let (file, length) = (SharedFile::new(file), Some(metadata.len()));
                let input = file.section(0..u64::MAX);
                let source = Some(Content::File(file.clone()));
                let (content, parts) = self.scan(input, source, length, read_error)?;
                let is_uploaded_directly = content.is(&file);
                let original = Some(OriginalFile { file, stamp: FileStamp::of(&metadata), title });
                let scanned = ScannedSource { content, parts, original };
                // Copying to a temporary file reads parts of the file a second time.
                scanned.require_unchanged()?;
                let original = scanned.original.filter(|_| is_uploaded_directly);
                Ok(ScannedSource { original, ..scanned })
            }
            Input::Bytes(bytes) => {
                let (source, length) = (Content::Memory(bytes.clone()), bytes.len() as u64);
                let input = Cursor::new(bytes);
                let (content, parts) = self.scan(input, Some(source), Some(length), read_error)?;
                Ok(ScannedSource { content, parts, original: None })
            }
            Input::Channel(receiver) => {
                let reader = ChannelReader { receiver, chunk: Bytes::new() };
                // The error of a caller's stream may quote what it read, so the message contains only its kind.
                let read_error = |error: io::Error| {
                    invalid(format!("cannot read {title}: {}", error.kind())).with_source(error)
                };
                let (content, parts) = self.scan(reader, None, None, read_error)?;
                Ok(ScannedSource { content, parts, original: None })
            }
        }
    }

    fn scan(
        &mut self,
        input: impl Read + Send + 'static,
        source: Option<Content>,
        length: Option<u64>,
        read_error: impl Fn(io::Error) -> Error,
    ) -> Result<(Content, Vec<Part>), Error> {
        self.reporter.start_phase("check", length, None);
        let input = CountingReader { input, reporter: self.reporter.clone() };
        let (compression, content) = self.options.compression.open(input).map_err(&read_error)?;
        let ScanOptions { lenient, max_file_bytes, .. } = self.options;
        let mut parts = match source {
            Some(source) if compression == Compression::None => {
                PartsBuilder::over_source(source, max_file_bytes)
            }
            _ => PartsBuilder::in_temp_file(max_file_bytes).map_err(temp_file_error)?,
        };
        // The line break takes one byte.
        let max_line = usize::try_from(max_file_bytes - 1).unwrap_or(usize::MAX);
        let max_line = MAX_LINE_BYTES.min(max_line);
        let mut lines = LineReader::new(content, max_line);
        let mut records = 0;
        let mut imported =
            std::mem::take(&mut self.options.already_imported).into_iter().peekable();
        while let Some(line) = lines.next().map_err(&read_error)? {
            self.summary.lines = line.number;
            if line.number % LINES_BETWEEN_UPDATES == 0 {
                self.reporter.update(|progress| progress.records = records);
                if self.cancelled.is_cancelled() {
                    return Err(Error::new(ErrorKind::Cancelled, "the import was dropped"));
                }
            }
            while imported.peek().is_some_and(|lines| *lines.end() < line.number) {
                imported.next();
            }
            let is_imported = imported.peek().is_some_and(|lines| lines.contains(&line.number));
            if is_imported {
                parts.skip_line(line.number);
            }
            let (form, bytes) = match classify(&line, max_line) {
                Ok(None) => continue,
                Ok(Some(record)) => record,
                Err(invalid_line) => {
                    self.summary.invalid_line_count += 1;
                    let InvalidLine { line, column, problem } = &invalid_line;
                    let message = format!("line {line}, column {column}: {problem}");
                    if self.summary.invalid_lines.len() < MAX_REPORTED_LINES {
                        self.summary.invalid_lines.push(invalid_line);
                    }
                    if lenient {
                        continue;
                    }
                    return Err(invalid(message));
                }
            };
            records += 1;
            if is_imported {
                self.summary.already_imported_records += 1;
                continue;
            }
            match form {
                Form::Record => parts.add_verbatim(line.number, line.start..line.end, bytes),
                Form::Messages => parts.add_rewritten(line.number, &[MESSAGES_PREFIX, bytes, b"}"]),
            }
            .map_err(temp_file_error)?;
        }
        self.reporter.update(|progress| progress.records = records);
        self.reporter.end_phase();
        parts.finish(self.summary.lines).map_err(temp_file_error)
    }
}

/// Validates a line. Returns its form and bytes, or `None` if it is blank.
fn classify<'a>(line: &Line<'a>, max_line: usize) -> Result<Option<(Form, &'a [u8])>, InvalidLine> {
    let invalid = |column, problem| InvalidLine { line: line.number, column, problem };
    let too_long = || invalid(1, format!("longer than {max_line} bytes"));
    match line.content {
        LineContent::Blank => Ok(None),
        LineContent::TooLong => Err(too_long()),
        LineContent::Bytes(bytes) => match validate(bytes) {
            Ok(Form::Messages) if bytes.len() + MESSAGES_PREFIX.len() + 1 > max_line => {
                Err(too_long())
            }
            Ok(form) => Ok(Some((form, bytes))),
            Err(problem) => Err(invalid(problem.column, problem.message)),
        },
    }
}

/// Reports the number of bytes read as progress.
struct CountingReader<R> {
    input: R,
    reporter: ProgressReporter,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.reporter.update(|progress| progress.bytes += read as u64);
        Ok(read)
    }
}

/// Reads the chunks of a stream from a blocking thread.
struct ChannelReader {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let length = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
