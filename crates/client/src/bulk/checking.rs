//! The first pass over JSONL: every line is looked at before anything is sent. It blocks, and runs on a thread of its own.

use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::compression::Compression;
use super::disk::Disk;
use super::import::OPERATION;
use super::jsonl::{Jsonl, Source};
use super::line::{self, Form};
use super::lines::{Line, Lines, Text};
use super::report::InvalidLine;
use super::spool::{Content, Part, Parts, not_spooled};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::progress::Watch;

/// The bytes a line may have; the server reads no longer ones.
pub(super) const LONGEST_LINE: usize = 64 << 20;

/// So many bad lines are told of.
const BAD_LINES_KEPT: usize = 1_000;

/// What makes an object of the messages that follow, and a `}`.
const BEFORE_MESSAGES: &[u8] = br#"{"messages":"#;

/// After so many lines it is looked whether somebody still waits for the result.
const BREATH: u64 = 1_024;

/// How many pieces of a stream wait to be checked.
const PIECES_AHEAD: usize = 4;

/// What is asked of the pass.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) lenient: bool,
    pub(super) compression: Compression,
    pub(super) largest_file: u64,
    /// The lines that were imported before, in their order; they are looked at, and not sent.
    pub(super) done: Vec<RangeInclusive<u64>>,
}

/// What the pass found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) lines: u64,
    pub(super) invalid_lines: Vec<InvalidLine>,
    pub(super) invalid_line_count: u64,
    /// How many records are in the lines that were imported before.
    pub(super) done_records: u64,
}

/// What is to be sent.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) content: Content,
    pub(super) parts: Vec<Part>,
    original: Option<Original>,
}

/// A file on the disk that is uploaded as it is, and what it was like when its lines were looked at.
#[derive(Debug)]
struct Original {
    disk: Disk,
    stamp: Stamp,
    title: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        // Where a file system keeps no times, the length must do.
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl Checked {
    /// Fails when the content is no longer what was looked at.
    pub(super) fn require_unchanged(&self) -> Result<(), Error> {
        let Some(Original { disk, stamp, title }) = &self.original else { return Ok(()) };
        match disk.metadata() {
            Ok(metadata) if Stamp::of(&metadata) == *stamp => Ok(()),
            _ => Err(refused(format!("{title} has changed while it was imported"))),
        }
    }
}

/// Looks at every line, until the client's calls are broken off. What was found is returned also where the pass fails.
pub(super) async fn check(
    client: &Client,
    jsonl: Jsonl,
    rules: Rules,
    watch: Watch,
) -> (Found, Result<Checked, Error>) {
    let title = jsonl.title();
    let (input, pump) = match jsonl.source {
        Source::Path(path) => (Input::Path(path), None),
        Source::Bytes(bytes) => (Input::Bytes(bytes), None),
        Source::Stream(stream) => {
            let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
            (Input::Pieces(receiver), Some((stream, sender)))
        }
    };
    let cancelled = CancellationToken::new();
    let _guard = cancelled.clone().drop_guard();
    let mut pass = tokio::task::spawn_blocking(move || {
        let mut pass = Pass { rules, watch, cancelled, found: Found::default() };
        let checked = pass.run(input, title);
        (pass.found, checked)
    });
    let pumping = async {
        let Some((mut stream, sender)) = pump else { return };
        while let Some(piece) = stream.next().await {
            let failed = piece.is_err();
            if sender.send(piece).await.is_err() || failed {
                return;
            }
        }
    };
    let passing = async {
        // The pass may end before the stream does, at a bad line.
        tokio::select! {
            passed = &mut pass => passed,
            () = pumping => pass.await,
        }
    };
    let passed = tokio::select! {
        passed = passing => passed,
        () = client.ended() => return (Found::default(), Err(client.broken_off())),
    };
    passed.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => {
            let error = Error::new(ErrorKind::Cancelled, "the runtime has stopped");
            (Found::default(), Err(error.with_operation(OPERATION)))
        }
    })
}

fn refused(message: String) -> Error {
    Error::invalid(OPERATION, message)
}

enum Input {
    Path(PathBuf),
    Bytes(Bytes),
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
}

struct Pass {
    rules: Rules,
    watch: Watch,
    cancelled: CancellationToken,
    found: Found,
}

impl Pass {
    fn run(&mut self, input: Input, title: String) -> Result<Checked, Error> {
        let unreadable =
            |error: io::Error| refused(format!("cannot read {title}: {error}")).with_source(error);
        match input {
            Input::Path(path) => {
                let file = File::open(path).map_err(unreadable)?;
                let metadata = file.metadata().map_err(unreadable)?;
                if metadata.is_dir() {
                    return Err(unreadable(io::ErrorKind::IsADirectory.into()));
                }
                if !metadata.is_file() {
                    // A pipe can be read once only, and has no length beforehand.
                    let (content, parts) = self.pass(file, None, None, unreadable)?;
                    return Ok(Checked { content, parts, original: None });
                }
                let (disk, length) = (Disk::new(file), Some(metadata.len()));
                let input = disk.section(0..u64::MAX);
                let source = Some(Content::File(disk.clone()));
                let (content, parts) = self.pass(input, source, length, unreadable)?;
                let direct = content.is(&disk);
                let original = Some(Original { disk, stamp: Stamp::of(&metadata), title });
                let checked = Checked { content, parts, original };
                // What was copied may have been read a second time.
                checked.require_unchanged()?;
                Ok(Checked { original: checked.original.filter(|_| direct), ..checked })
            }
            Input::Bytes(bytes) => {
                let (source, length) = (Content::Memory(bytes.clone()), bytes.len() as u64);
                let input = Cursor::new(bytes);
                let (content, parts) = self.pass(input, Some(source), Some(length), unreadable)?;
                Ok(Checked { content, parts, original: None })
            }
            Input::Pieces(receiver) => {
                let pieces = Pieces { receiver, piece: Bytes::new() };
                // What somebody else's source says may quote what it read, so it is passed on, but not printed.
                let unreadable = |error: io::Error| {
                    refused(format!("cannot read {title}: {}", error.kind())).with_source(error)
                };
                let (content, parts) = self.pass(pieces, None, None, unreadable)?;
                Ok(Checked { content, parts, original: None })
            }
        }
    }

    fn pass(
        &mut self,
        input: impl Read + Send + 'static,
        source: Option<Content>,
        length: Option<u64>,
        unreadable: impl Fn(io::Error) -> Error,
    ) -> Result<(Content, Vec<Part>), Error> {
        self.watch.begin("check", length, None);
        let input = Counted { input, watch: self.watch.clone() };
        let (compression, content) = self.rules.compression.open(input).map_err(&unreadable)?;
        let Rules { lenient, largest_file, .. } = self.rules;
        let mut parts = match source {
            Some(source) if compression == Compression::None => Parts::of(source, largest_file),
            _ => Parts::spooled(largest_file).map_err(not_spooled)?,
        };
        // A line has an end, too.
        let largest = usize::try_from(largest_file - 1).unwrap_or(usize::MAX);
        let longest = LONGEST_LINE.min(largest);
        let mut lines = Lines::new(content, longest);
        let mut records = 0;
        let mut done = std::mem::take(&mut self.rules.done).into_iter().peekable();
        while let Some(line) = lines.next().map_err(&unreadable)? {
            self.found.lines = line.number;
            if line.number % BREATH == 0 {
                self.watch.update(|progress| progress.records = records);
                if self.cancelled.is_cancelled() {
                    return Err(Error::new(ErrorKind::Cancelled, "nobody waits for the import"));
                }
            }
            while done.peek().is_some_and(|lines| *lines.end() < line.number) {
                done.next();
            }
            let is_done = done.peek().is_some_and(|lines| lines.contains(&line.number));
            if is_done {
                parts.pass_over(line.number);
            }
            let (form, bytes) = match judge(&line, longest) {
                Ok(None) => continue,
                Ok(Some(fit)) => fit,
                Err(bad) => {
                    self.found.invalid_line_count += 1;
                    let words =
                        format!("line {}, column {}: {}", bad.line, bad.column, bad.problem);
                    if self.found.invalid_lines.len() < BAD_LINES_KEPT {
                        self.found.invalid_lines.push(bad);
                    }
                    if lenient {
                        continue;
                    }
                    return Err(refused(words));
                }
            };
            records += 1;
            if is_done {
                self.found.done_records += 1;
                continue;
            }
            match form {
                Form::Record => parts.add_verbatim(line.number, line.start..line.end, bytes),
                Form::Messages => parts.add_written(line.number, &[BEFORE_MESSAGES, bytes, b"}"]),
            }
            .map_err(not_spooled)?;
        }
        self.watch.update(|progress| progress.records = records);
        self.watch.end();
        parts.finish(self.found.lines).map_err(not_spooled)
    }
}

/// What a line is, and its text; nothing for a blank one.
fn judge<'a>(line: &Line<'a>, longest: usize) -> Result<Option<(Form, &'a [u8])>, InvalidLine> {
    let bad = |column, problem| InvalidLine { line: line.number, column, problem };
    let too_long = || bad(1, format!("longer than {longest} bytes"));
    match line.text {
        Text::Blank => Ok(None),
        Text::TooLong => Err(too_long()),
        Text::Bytes(bytes) => match line::check(bytes) {
            Ok(Form::Messages) if bytes.len() + BEFORE_MESSAGES.len() + 1 > longest => {
                Err(too_long())
            }
            Ok(form) => Ok(Some((form, bytes))),
            Err(problem) => Err(bad(problem.column, problem.message)),
        },
    }
}

/// Tells how much was read.
struct Counted<R> {
    input: R,
    watch: Watch,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.watch.update(|progress| progress.bytes += read as u64);
        Ok(read)
    }
}

/// What a stream yields, read by a thread that may block.
struct Pieces {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
