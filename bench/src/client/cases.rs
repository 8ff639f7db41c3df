//! The measured operations.

/// The number of records in the dataset that is read.
pub const RECORDS: usize = 10_000;

/// The number of records in the large dataset.
pub const MILLION: usize = 1_000_000;

/// The figure of a case that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// CPU time of the client process per iteration, all threads.
    Cpu,
    /// Elapsed time per iteration.
    Wall,
    /// Resident memory at the end, minus that of a process that only runs the measuring code.
    Memory,
}

impl Measure {
    /// Returns the name in tables and charts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU time",
            Self::Wall => "elapsed time",
            Self::Memory => "memory",
        }
    }
}

/// A measured operation.
#[derive(Debug)]
pub struct Case {
    /// The name in the client programs.
    pub name: &'static str,
    /// The title in tables and charts.
    pub title: &'static str,
    pub measure: Measure,
    /// How often the operation runs while it is measured.
    pub iterations: u32,
    /// How often the operation runs before it is measured.
    pub warmup: u32,
    /// The delay of the server before it responds with a page.
    pub delay_ms: Option<u32>,
    /// The least accepted ratio of the official SDK's figure to ours, for Python and Node.
    pub targets: Option<(f64, f64)>,
}

const fn case(name: &'static str, title: &'static str, measure: Measure, iterations: u32) -> Case {
    let warmup = iterations / 10;
    Case { name, title, measure, iterations, warmup, delay_ms: None, targets: None }
}

/// The cases in the order of the table.
pub const CASES: &[Case] = &[
    Case {
        targets: Some((10.0, 7.0)),
        ..case("page", "List a page of 100 records", Measure::Cpu, 300)
    },
    Case {
        targets: Some((4.5, 3.5)),
        ..case("read", "List a page of 100 records, read every payload", Measure::Cpu, 300)
    },
    Case { targets: Some((14.0, 6.0)), ..case("create", "Create a record", Measure::Cpu, 500) },
    Case {
        targets: Some((15.0, 9.0)),
        ..case("concurrent", "List a page, 8 requests at a time", Measure::Wall, 1_000)
    },
    Case {
        targets: Some((25.0, 15.0)),
        warmup: 0,
        ..case("startup", "Import the package and create a client", Measure::Wall, 1)
    },
    Case {
        targets: Some((4.0, 3.0)),
        warmup: 0,
        ..case("retain", "Hold 10,000 records", Measure::Memory, 100)
    },
    Case { warmup: 0, ..case("pager", "Iterate over 100 pages, per page", Measure::Wall, 100) },
    Case {
        warmup: 0,
        delay_ms: Some(50),
        ..case("pager_50ms", "Iterate with 50 ms latency, per page", Measure::Wall, 100)
    },
    Case {
        warmup: 0,
        ..case("create_many", "Create 1,000 records, per record", Measure::Wall, 1_000)
    },
    Case {
        warmup: 0,
        ..case("import", "Create 1,000 records, ours as a file, per record", Measure::Wall, 1_000)
    },
    Case { warmup: 0, ..case("export", "Export 10,000 records to a file", Measure::Wall, 1) },
];

/// The cases with a million records, which only our clients run.
pub const MILLION_CASES: &[Case] = &[
    Case {
        warmup: 0,
        ..case("million_import", "Import 1,000,000 records from a file", Measure::Wall, 1)
    },
    Case {
        warmup: 0,
        ..case("million_export", "Export 1,000,000 records to a file", Measure::Wall, 1)
    },
];
