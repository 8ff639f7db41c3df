//! What is measured.

/// How many records the dataset has that is read.
pub const RECORDS: usize = 10_000;

/// How many the large one has.
pub const MILLION: usize = 1_000_000;

/// The figure of a row that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Processor time of the client's process, all threads together, a unit.
    Cpu,
    /// Time by the clock, a unit.
    Wall,
    /// Memory held in the end, above what the interpreter holds with the measuring alone.
    Held,
}

/// One row: what is done, how often, and what of it is compared.
#[derive(Debug)]
pub struct Row {
    /// Its name in the runners.
    pub name: &'static str,
    /// What it is called in the table.
    pub title: &'static str,
    /// What is compared.
    pub measure: Measure,
    /// How often it is done, and before that without being measured.
    pub units: u32,
    pub warm_up: u32,
    /// How long the server waits before it answers a page.
    pub delay_ms: Option<u32>,
    /// How many times less than the official SDK's the figure must be, in Python and in Node.
    pub bars: Option<(f64, f64)>,
}

const fn row(name: &'static str, title: &'static str, measure: Measure, units: u32) -> Row {
    Row { name, title, measure, units, warm_up: units / 10, delay_ms: None, bars: None }
}

/// The rows, in the order of the table.
pub const ROWS: &[Row] = &[
    Row {
        bars: Some((10.0, 7.0)),
        ..row("page", "a page of 100 records, untouched", Measure::Cpu, 300)
    },
    Row {
        bars: Some((4.5, 3.5)),
        ..row("read", "a page of 100 records, every payload read", Measure::Cpu, 300)
    },
    Row { bars: Some((14.0, 6.0)), ..row("create", "one record created", Measure::Cpu, 500) },
    Row { bars: Some((15.0, 9.0)), ..row("eight", "pages, eight at a time", Measure::Wall, 1_000) },
    Row {
        bars: Some((25.0, 15.0)),
        warm_up: 0,
        ..row("start", "from import until the first call is ready", Measure::Wall, 1)
    },
    Row {
        bars: Some((4.0, 3.0)),
        warm_up: 0,
        ..row("hold", "10,000 records held", Measure::Held, 100)
    },
    Row { warm_up: 0, ..row("pager", "a pager over 100 pages", Measure::Wall, 100) },
    Row {
        warm_up: 0,
        delay_ms: Some(50),
        ..row("pager_50ms", "the same with 50 ms of latency", Measure::Wall, 100)
    },
    Row { warm_up: 0, ..row("bulk_in", "1,000 records created", Measure::Wall, 1_000) },
    Row {
        warm_up: 0,
        ..row("bulk_file", "1,000 records created, by a file in ours", Measure::Wall, 1_000)
    },
    Row { warm_up: 0, ..row("bulk_out", "10,000 records exported to a file", Measure::Wall, 1) },
];

/// What is done with a million records, by ours alone.
pub const MILLION_ROWS: &[Row] = &[
    Row {
        warm_up: 0,
        ..row("million_in", "1,000,000 records imported from a file", Measure::Wall, 1)
    },
    Row {
        warm_up: 0,
        ..row("million_out", "1,000,000 records exported to a file", Measure::Wall, 1)
    },
];
