//! A file on the disk that several read, each at its own place.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An open file. Whoever reads it says where, so that a read which goes on behind an upload that was broken off does not
/// disturb the next.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Mutex<File>>);

impl Disk {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(file)))
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.lock().metadata()
    }

    /// Whether it is the same open file.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A reader of these bytes, or of as many of them as there are.
    pub(super) fn section(&self, bytes: Range<u64>) -> Section {
        Section { disk: self.clone(), place: bytes.start, end: bytes.end }
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads some bytes of a file.
#[derive(Debug)]
pub(super) struct Section {
    disk: Disk,
    place: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.place)).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let read = {
            let mut file = self.disk.lock();
            file.seek(SeekFrom::Start(self.place))?;
            file.read(&mut buffer[..length])?
        };
        self.place += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn readers_do_not_disturb_each_other() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let disk = Disk::new(file);
        let (mut first, mut second) = (disk.section(2..5), disk.section(4..100));
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
