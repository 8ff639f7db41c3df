//! Downloads an export and renews its link when it expires.

use bytes::Bytes;
use memchr::memchr_iter;

use super::OPERATION;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::files::{DownloadEvent, ResumableDownload, parse_link};
use crate::progress::ProgressReporter;
use crate::transport::Auth;

/// The statuses with which object stores reject an expired link.
const EXPIRED_LINK: [u16; 5] = [400, 401, 403, 404, 410];

/// An export in progress.
pub(super) struct ExportDownload {
    client: Client,
    dataset_id: String,
    file: ResumableDownload,
    /// The number of records in the dataset before the export was requested.
    expected: u64,
    bytes: u64,
    reporter: ProgressReporter,
}

impl ExportDownload {
    /// Requests the export. Nothing is downloaded yet.
    pub(super) async fn start(
        client: Client,
        dataset_id: String,
        reporter: ProgressReporter,
    ) -> Result<Self, Error> {
        let transport = client.transport()?.clone();
        // Count before the export is created: the export then contains at least this many records, unless some are deleted.
        let expected = count_records(&client, &dataset_id).await?;
        reporter.start_phase("export", None, Some(expected));
        let url = request_link(&client, &dataset_id).await?;
        let file = ResumableDownload::new(OPERATION, transport, url, Auth::None);
        Ok(Self { client, dataset_id, file, expected, bytes: 0, reporter })
    }

    /// Returns the next event, or `None` at the end. An expired link is renewed.
    pub(super) async fn next(&mut self) -> Result<Option<DownloadEvent>, Error> {
        loop {
            match self.file.next().await {
                Err(error) if is_expired_link(&error) => {
                    self.file.wait_for_renewal(error).await?;
                    self.file.renew(request_link(&self.client, &self.dataset_id).await?);
                }
                Ok(Some(DownloadEvent::Chunk(bytes))) => {
                    self.bytes += bytes.len() as u64;
                    return Ok(Some(DownloadEvent::Chunk(bytes)));
                }
                Ok(Some(DownloadEvent::Restart)) => {
                    self.bytes = 0;
                    return Ok(Some(DownloadEvent::Restart));
                }
                other => return other,
            }
        }
    }

    /// Reports progress, given the number of records so far.
    pub(super) fn report(&self, records: u64) {
        self.reporter.update(|progress| {
            progress.total_bytes = self.file.length();
            // After a restart the counts are lower, but progress must not go backwards.
            progress.bytes = progress.bytes.max(self.bytes);
            progress.records = progress.records.max(records);
        });
    }

    /// Ends the export. Fails if it contains fewer records than the dataset.
    pub(super) async fn finish(&mut self, records: u64) -> Result<(), Error> {
        self.report(records);
        self.reporter.end_phase();
        if records >= self.expected {
            return Ok(());
        }
        // Some records may have been deleted before the export was created.
        let expected = count_records(&self.client, &self.dataset_id).await?.min(self.expected);
        if records >= expected {
            return Ok(());
        }
        let missing = expected - records;
        let message = format!("{missing} of {expected} records are missing from the export");
        Err(Error::new(ErrorKind::Decoding, message))
    }
}

fn is_expired_link(error: &Error) -> bool {
    error.status().is_some_and(|status| EXPIRED_LINK.contains(&status))
}

async fn count_records(client: &Client, dataset_id: &str) -> Result<u64, Error> {
    let page = client.datasets().list_records(dataset_id).page_size(0).await?.records;
    Ok(u64::try_from(page.count).unwrap_or(0))
}

/// Requests an export and returns its link.
async fn request_link(client: &Client, dataset_id: &str) -> Result<reqwest::Url, Error> {
    let link = client.datasets().export_to_jsonl(dataset_id).await?.file_url;
    parse_link(&link).ok_or_else(|| {
        Error::new(ErrorKind::Decoding, "the server returned an invalid export link")
    })
}

/// Counts lines, except blank lines.
#[derive(Debug, Default)]
pub(super) struct LineCounter {
    ended: u64,
    /// Whether there is an unfinished line that is not blank.
    open: bool,
}

impl LineCounter {
    /// Counts the lines of the next chunk.
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

    /// Returns the number of lines, including a last line without a line break.
    pub(super) fn lines(&self) -> u64 {
        self.ended + u64::from(self.open)
    }
}

/// Returns whether a line, or part of a line, consists of white space.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Strips the line break.
pub(super) fn strip_line_break(mut line: Bytes) -> Bytes {
    while line.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        line.truncate(line.len() - 1);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_counts_do_not_depend_on_chunks() {
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
    fn only_the_line_break_is_stripped() {
        for (line, text) in [("{} \r\n", "{} "), ("{}\n", "{}"), ("{}", "{}"), ("\n", "")] {
            assert_eq!(strip_line_break(Bytes::from_static(line.as_bytes())), text);
        }
    }
}
