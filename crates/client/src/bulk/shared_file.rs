//! A file with several independent readers.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An open file whose readers each have their own position.
///
/// A read that is still running on a blocking thread after its upload was cancelled therefore does not disturb the next
/// upload.
#[derive(Clone, Debug)]
pub(super) struct SharedFile(Arc<Mutex<File>>);

impl SharedFile {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(file)))
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.lock().metadata()
    }

    /// Returns whether both are the same open file.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns a reader of a range of bytes, which may extend past the end of the file.
    pub(super) fn section(&self, bytes: Range<u64>) -> FileSection {
        FileSection { file: self.clone(), position: bytes.start, end: bytes.end }
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a range of bytes of a file.
#[derive(Debug)]
pub(super) struct FileSection {
    file: SharedFile,
    position: u64,
    end: u64,
}

impl Read for FileSection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let remaining = self.end.saturating_sub(self.position);
        let length = usize::try_from(remaining).unwrap_or(usize::MAX).min(buffer.len());
        let read = {
            let mut file = self.file.lock();
            file.seek(SeekFrom::Start(self.position))?;
            file.read(&mut buffer[..length])?
        };
        self.position += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn readers_have_independent_positions() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let file = SharedFile::new(file);
        let (mut first, mut second) = (file.section(2..5), file.section(4..100));
        let mut byte = [0];
        let mut read = Vec::new();
        for _ in 0..3 {
            for section in [&mut first, &mut second] {
                section.read_exact(&mut byte).unwrap();
                read.push(byte[0]);
            }
        }
        assert_eq!(read, b"243546");
        assert_eq!(first.read(&mut byte).unwrap(), 0);
        let mut rest = Vec::new();
        second.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"789");
    }
}
