//! How far a transfer has come.

/// How far a transfer has come, as [`export`](crate::calls::Datasets::export),
/// [`import_jsonl`](crate::calls::Datasets::import_jsonl) and [`create_records`](crate::calls::Datasets::create_records)
/// tell whoever wants to watch.
///
/// Numbers never fall within a phase, and the last call of one has the final ones. Totals appear when they become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done: `check` (lines are read and looked at), `send` (records are created one by one), `upload`, `import`
    /// (the server reads what was uploaded) or `export`.
    pub phase: &'static str,
    /// How many bytes were moved so far.
    pub bytes: u64,
    /// How many bytes there are to move, where that is known.
    pub total_bytes: Option<u64>,
    /// How many records were dealt with so far.
    pub records: u64,
    /// How many records there are to deal with, where that is known.
    pub total_records: Option<u64>,
}

impl Progress {
    /// The beginning of a phase.
    pub(crate) fn of(phase: &'static str) -> Self {
        Self { phase, bytes: 0, total_bytes: None, records: 0, total_records: None }
    }
}
