//! The bytes of an export, by as many links as that takes.

use bytes::Bytes;
use memchr::memchr_iter;

use super::OPERATION;
use crate::client::Client;
use crate::download;
use crate::error::{Error, ErrorKind};
use crate::progress::Watch;
use crate::resume::{Piece, Resumable};
use crate::transport::Key;

/// The statuses by which storages say that a link has expired.
const EXPIRED: [u16; 5] = [400, 401, 403, 404, 410];

/// An export that is being read.
pub(super) struct Transfer {
    client: Client,
    dataset_id: String,
    file: Resumable,
    /// How many records there were before the export was asked for.
    expected: u64,
    bytes: u64,
    watch: Watch,
}

impl Transfer {
    /// Asks for the export.
    pub(super) async fn begin(
        client: Client,
        dataset_id: String,
        watch: Watch,
    ) -> Result<Self, Error> {
        let transport = client.transport()?.clone();
        // The records are counted before the export is made: one that is added meanwhile is in it or is not, and never
        // missing.
        let expected = count(&client, &dataset_id).await?;
        watch.begin("export", None, Some(expected));
        let url = ask(&client, &dataset_id).await?;
        let file = Resumable::new(OPERATION, transport, url, Key::Withheld);
        Ok(Self { client, dataset_id, file, expected, bytes: 0, watch })
    }

    /// The next piece, or nothing after the last. A link that has expired is replaced by another one.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>, Error> {
        loop {
            match self.file.next().await {
                Err(error) if error.status().is_some_and(|status| EXPIRED.contains(&status)) => {
                    self.file.expired(error).await?;
                    self.file.renew(ask(&self.client, &self.dataset_id).await?);
                }
                Ok(Some(Piece::Bytes(bytes))) => {
                    self.bytes += bytes.len() as u64;
                    return Ok(Some(Piece::Bytes(bytes)));
                }
                Ok(Some(Piece::Restart)) => {
                    self.bytes = 0;
                    return Ok(Some(Piece::Restart));
                }
                other => return other,
            }
        }
    }

    /// Tells whoever watches that so many records were dealt with.
    pub(super) fn tell(&self, records: u64) {
        self.watch.update(|progress| {
            progress.total_bytes = self.file.length();
            // Another file begins anew, but nobody wants to see a bar go back.
            progress.bytes = progress.bytes.max(self.bytes);
            progress.records = progress.records.max(records);
        });
    }

    /// Compares the number of records that came with the number of those that there are.
    pub(super) async fn check(&mut self, records: u64) -> Result<(), Error> {
        self.tell(records);
        self.watch.end();
        if records >= self.expected {
            return Ok(());
        }
        // Some may have been deleted before the export was made.
        let expected = count(&self.client, &self.dataset_id).await?.min(self.expected);
        if records >= expected {
            return Ok(());
        }
        let missing = expected - records;
        let message = format!("{missing} of {expected} records are missing from the export");
        Err(Error::new(ErrorKind::Decoding, message))
    }
}

/// How many records a dataset has.
async fn count(client: &Client, dataset_id: &str) -> Result<u64, Error> {
    let page = client.datasets().list_records(dataset_id).page_size(0).await?.records;
    Ok(u64::try_from(page.count).unwrap_or(0))
}

/// Asks for an export and returns its link.
async fn ask(client: &Client, dataset_id: &str) -> Result<reqwest::Url, Error> {
    let link = client.datasets().export_to_jsonl(dataset_id).await?.file_url;
    download::link(&link).ok_or_else(|| {
        Error::new(ErrorKind::Decoding, "the server answered with a link that is none")
    })
}

/// Counts lines that are not blank.
#[derive(Debug, Default)]
pub(super) struct LineCounter {
    ended: u64,
    /// Whether the last line has begun, and not ended.
    open: bool,
}

impl LineCounter {
    /// Counts some more of the text.
    pub(super) fn add(&mut self, text: &[u8]) {
        let mut start = 0;
        for end in memchr_iter(b'\n', text) {
            if self.open || !is_blank(&text[start..end]) {
                self.ended += 1;
            }
            self.open = false;
            start = end + 1;
        }
        self.open |= !is_blank(&text[start..]);
    }

    /// How many lines there were, the last one included, whether it has an end or not.
    pub(super) fn lines(&self) -> u64 {
        self.ended + u64::from(self.open)
    }
}

/// Whether a line, or what there is of it, has nothing on it.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// A line without its end.
pub(super) fn trimmed(mut line: Bytes) -> Bytes {
    while line.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        line.truncate(line.len() - 1);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_however_the_text_is_cut() {
        for (text, lines) in [
            ("", 0),
            ("\n\r\n \n", 0),
            ("{}", 1),
            ("{}\n", 1),
            ("{}\n\n{}\r\n", 2),
            (" {}\n  \n\t{}", 2),
        ] {
            for cut in 0..=text.len() {
                let mut counter = LineCounter::default();
                counter.add(&text.as_bytes()[..cut]);
                counter.add(&text.as_bytes()[cut..]);
                assert_eq!(counter.lines(), lines, "{text:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_line_loses_its_end_alone() {
        for (line, text) in [("{} \r\n", "{} "), ("{}\n", "{}"), ("{}", "{}"), ("\n", "")] {
            assert_eq!(trimmed(Bytes::from_static(line.as_bytes())), text);
        }
    }
}
