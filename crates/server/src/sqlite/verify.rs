//! Verifies a database: SQLite's own checks, and the invariants of this server.
//!
//! Findings name rows by id or number and never contain stored text.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};
use uuid::Uuid;

use super::positions::{self, LEVELS};
use super::{Snapshot, schema};

/// The maximum number of findings of one check.
const MAX_FINDINGS: usize = 20;

/// How many instructions of SQLite's virtual machine run between two checks for cancellation. This takes a few milliseconds.
const INSTRUCTIONS_PER_CHECK: i32 = 100_000;

/// Something wrong in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    /// The object, such as `dataset 0198…`.
    pub(crate) location: String,
    pub(crate) message: String,
}

/// The contents of a verified database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) schema: i64,
    pub(crate) current_schema: i64,
    pub(crate) datasets: u64,
    pub(crate) records: u64,
    pub(crate) findings: Vec<Finding>,
}

/// A verification was stopped before it was complete.
#[derive(Debug)]
pub(crate) struct Stopped;

/// An invariant: a query for violations with the columns kind, id and message.
struct Rule {
    check: &'static str,
    violations: &'static str,
}

/// Invariants of datasets that exist for clients. Those of deleted ones do not hold while their content is removed.
const RULES: &[Rule] = &[
    Rule {
        check: "dataset counts",
        violations: "SELECT 'workspace', w.uuid, 'counts ' || w.dataset_count || ' datasets, but has ' || count(d.id) \
             FROM workspaces w LEFT JOIN datasets d ON d.workspace = w.id AND d.deleted_at IS NULL \
             WHERE w.discarded = 0 GROUP BY w.id HAVING w.dataset_count <> count(d.id)",
    },
    Rule {
        check: "record counts",
        violations: "SELECT 'dataset', d.uuid, \
             'counts ' || d.record_count || ' records, but its runs have ' || coalesce(sum(r.live), 0) \
             FROM datasets d JOIN workspaces w ON w.id = d.workspace \
             LEFT JOIN runs r ON r.dataset = d.id AND r.ordinal IS NOT NULL \
             WHERE d.deleted_at IS NULL AND w.discarded = 0 \
             GROUP BY d.id HAVING d.record_count <> coalesce(sum(r.live), 0)",
    },
    Rule {
        check: "run ordinals",
        violations: "SELECT 'dataset', d.uuid, \
             'has ' || count(r.ordinal) || ' runs, numbered from ' || min(r.ordinal) || ' to ' || max(r.ordinal) \
             FROM datasets d JOIN workspaces w ON w.id = d.workspace JOIN runs r ON r.dataset = d.id \
             WHERE d.deleted_at IS NULL AND w.discarded = 0 AND r.ordinal IS NOT NULL \
             GROUP BY d.id HAVING min(r.ordinal) <> 1 OR max(r.ordinal) <> count(r.ordinal)",
    },
    Rule {
        check: "task numbers",
        violations: "SELECT 'dataset', d.uuid, 'counts ' || d.task_count || ' tasks, but has ' || count(t.id) \
             || ', numbered up to ' || coalesce(max(t.number), 0) \
             FROM datasets d JOIN workspaces w ON w.id = d.workspace LEFT JOIN tasks t ON t.dataset = d.id \
             WHERE d.deleted_at IS NULL AND w.discarded = 0 GROUP BY d.id \
             HAVING d.task_count <> count(t.id) OR d.task_count <> coalesce(max(t.number), 0) \
             OR min(t.number) < 1",
    },
    Rule {
        check: "staged runs",
        violations: "SELECT 'task', t.uuid, 'stages records in run ' || t.run || ', which is not a staged run of its dataset' \
             FROM tasks t JOIN datasets d ON d.id = t.dataset JOIN workspaces w ON w.id = d.workspace \
             LEFT JOIN runs r ON r.id = t.run \
             WHERE t.run IS NOT NULL AND d.deleted_at IS NULL AND w.discarded = 0 \
             AND (r.id IS NULL OR r.dataset <> t.dataset OR r.ordinal IS NOT NULL)",
    },
];

/// Invariants of telemetry, which schemas before version 9 do not have.
const TELEMETRY_RULES: &[Rule] = &[
    Rule {
        check: "traces",
        violations: "SELECT 'span', s.id, CASE WHEN t.id IS NULL THEN 'belongs to a trace that does not exist' \
             ELSE 'belongs to trace ' || t.id || ', which counts ' || t.span_count || ' spans, but has ' || s.found END \
             FROM (SELECT workspace, trace_id, min(id) AS id, count(*) AS found FROM spans GROUP BY workspace, trace_id) s \
             JOIN workspaces w ON w.id = s.workspace AND w.discarded = 0 \
             LEFT JOIN traces t ON t.workspace = s.workspace AND t.trace_id = s.trace_id \
             WHERE t.id IS NULL OR t.span_count < s.found",
    },
    Rule {
        check: "events",
        violations: "SELECT 'event', e.id, CASE WHEN e.span IS NULL THEN 'has neither messages nor a span' \
             ELSE 'belongs to another workspace or trace than its span' END \
             FROM events e JOIN workspaces w ON w.id = e.workspace AND w.discarded = 0 LEFT JOIN spans s ON s.id = e.span \
             WHERE (e.span IS NULL AND (e.request_messages IS NULL OR e.response_messages IS NULL)) \
             OR s.workspace <> e.workspace OR s.trace_id <> e.correlation_id",
    },
];

impl Snapshot {
    /// Verifies the snapshot. `quick` omits comparing tables with their indexes.
    ///
    /// `progress` receives the name of a step and the number of records read in it. `should_continue` is called regularly; if it
    /// returns false, the verification stops.
    pub(crate) fn verify(
        &mut self,
        quick: bool,
        should_continue: impl Fn() -> bool + Send + 'static,
        progress: &mut dyn FnMut(&'static str, u64),
    ) -> Result<Contents, Stopped> {
        let stop = move || !should_continue();
        if self.0.progress_handler(INSTRUCTIONS_PER_CHECK, Some(stop)).is_err() {
            return Err(Stopped);
        }
        let mut checker = Checker { connection: &self.0, contents: Contents::default(), progress };
        let result = checker.run(quick).map(|()| checker.contents);
        let _ = self.0.progress_handler(0, None::<fn() -> bool>);
        result
    }
}

struct Checker<'a> {
    connection: &'a Connection,
    contents: Contents,
    progress: &'a mut dyn FnMut(&'static str, u64),
}

/// A run, as its row describes it.
struct Run {
    id: i64,
    size: u64,
    live: u64,
    abandoned: bool,
}

impl Checker<'_> {
    fn run(&mut self, quick: bool) -> Result<(), Stopped> {
        self.step("database", |checker| {
            (checker.contents.schema, checker.contents.current_schema) =
                schema::versions(checker.connection)?;
            let pragma = if quick { "quick_check" } else { "integrity_check" };
            checker.pages(&format!("PRAGMA {pragma}({MAX_FINDINGS})"))
        })?;
        self.step("references", Self::references)?;
        for rule in RULES {
            self.step(rule.check, |checker| checker.rule(rule))?;
        }
        self.step("telemetry", Self::telemetry)?;
        self.step("records", Self::records)?;
        self.step("file positions", Self::file_positions)?;
        self.step("contents", |checker| {
            checker.contents.datasets = checker.connection.query_row(
                "SELECT count(*) FROM datasets d JOIN workspaces w ON w.id = d.workspace \
                 WHERE d.deleted_at IS NULL AND w.discarded = 0",
                [],
                |row| row.get(0),
            )?;
            checker.contents.records = checker.connection.query_row(
                "SELECT coalesce(sum(d.record_count), 0) FROM datasets d JOIN workspaces w ON w.id = d.workspace \
                 WHERE d.deleted_at IS NULL AND w.discarded = 0",
                [],
                |row| row.get(0),
            )?;
            Ok(())
        })
    }

    /// Runs a check. A database error is a finding, because a damaged database cannot always be read.
    fn step(
        &mut self,
        check: &'static str,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) -> Result<(), Stopped> {
        (self.progress)(check, 0);
        match work(self) {
            Ok(()) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                Err(Stopped)
            }
            Err(error) => {
                self.add(check, "database".to_owned(), format!("cannot be read: {error}"));
                Ok(())
            }
        }
    }

    /// Adds a finding, unless the check already has the maximum number.
    fn add(&mut self, check: &'static str, location: String, message: String) {
        let findings = &mut self.contents.findings;
        match findings.iter().filter(|finding| finding.check == check).count() {
            MAX_FINDINGS => {
                let message = "has more problems, which are not listed".to_owned();
                findings.push(Finding { check, location: "database".to_owned(), message });
            }
            count if count < MAX_FINDINGS => findings.push(Finding { check, location, message }),
            _ => {}
        }
    }

    /// Checks pages, and unless `quick` indexes as well.
    fn pages(&mut self, pragma: &str) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(pragma)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let message: String = row.get(0)?;
            if message != "ok" {
                self.add("database", "database".to_owned(), message);
            }
        }
        Ok(())
    }

    fn references(&mut self) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            let location = match row.get::<_, Option<i64>>(1)? {
                Some(number) => format!("row {number} of {table}"),
                None => format!("a row of {table}"),
            };
            self.add("references", location, format!("refers to a missing row of {parent}"));
        }
        Ok(())
    }

    fn rule(&mut self, rule: &Rule) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(rule.violations)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let kind: String = row.get(0)?;
            let id = match row.get_ref(1)? {
                ValueRef::Blob(bytes) => {
                    Uuid::from_slice(bytes).map_or_else(|_| "?".to_owned(), |id| id.to_string())
                }
                ValueRef::Integer(number) => number.to_string(),
                _ => "?".to_owned(),
            };
            self.add(rule.check, format!("{kind} {id}"), row.get(2)?);
        }
        Ok(())
    }

    /// Checks the invariants of telemetry.
    fn telemetry(&mut self) -> rusqlite::Result<()> {
        let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'spans'";
        if self.connection.prepare(table)?.exists([])? {
            for rule in TELEMETRY_RULES {
                self.rule(rule)?;
            }
        }
        Ok(())
    }

    /// Compares the records of each run with its counts and gaps.
    fn records(&mut self) -> rusqlite::Result<()> {
        let mut statement =
            self.connection.prepare("SELECT id, size, live, abandoned FROM runs ORDER BY id")?;
        let runs = statement
            .query_map([], |row| {
                Ok(Run {
                    id: row.get(0)?,
                    size: row.get(1)?,
                    live: row.get(2)?,
                    abandoned: row.get(3)?,
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let mut checked = 0;
        for run in &runs {
            checked += self.records_of(run)?;
            (self.progress)("records", checked);
        }
        let stored: u64 =
            self.connection.query_row("SELECT count(*) FROM records", [], |row| row.get(0))?;
        if stored != checked {
            let message = format!("{} records belong to no run", stored.abs_diff(checked));
            self.add("records", "table records".to_owned(), message);
        }
        let mut statement = self.connection.prepare(
            "SELECT DISTINCT run FROM gaps WHERE run NOT IN (SELECT id FROM runs) LIMIT 20",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let run: i64 = row.get(0)?;
            self.add("gaps", format!("run {run}"), "has gaps, but does not exist".to_owned());
        }
        Ok(())
    }

    /// Checks the records of a run, and returns their number.
    fn records_of(&mut self, run: &Run) -> rusqlite::Result<u64> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT key FROM records WHERE key BETWEEN ?1 AND ?2 ORDER BY key")?;
        let mut rows = statement.query([positions::key(run.id, 0), positions::last_key(run.id)])?;
        let (mut count, mut beyond) = (0, 0);
        // The number of records per block of the lowest level.
        let mut blocks = BTreeMap::<u64, u64>::new();
        while let Some(row) = rows.next()? {
            let (_, position) = positions::split(row.get(0)?);
            count += 1;
            beyond += u64::from(position >= run.size);
            *blocks.entry(position >> positions::block_bits(0)).or_default() += 1;
        }
        drop(rows);
        // Its records are being removed.
        if run.abandoned {
            return Ok(count);
        }
        let location = || format!("run {}", run.id);
        if count != run.live {
            let message = format!("counts {} records, but has {count}", run.live);
            self.add("records", location(), message);
        }
        if beyond > 0 {
            let message = format!("has {beyond} records beyond its {} positions", run.size);
            self.add("records", location(), message);
        } else {
            const GAPS: &str = "SELECT block, lost FROM gaps WHERE run = ?1 AND level = ?2";
            let missing = missing_per_block(run.size, &blocks);
            for (level, expected) in (0..LEVELS).zip(missing) {
                if expected != self.gaps(GAPS, run.id, level)? {
                    let message =
                        format!("the gaps of level {level} do not match its missing positions");
                    self.add("gaps", location(), message);
                }
            }
        }
        Ok(count)
    }

    /// Compares the uploaded files of each workspace with its count and gaps.
    fn file_positions(&mut self) -> rusqlite::Result<()> {
        // Schemas before version 7 have no positions.
        let columns = "SELECT 1 FROM pragma_table_info('workspaces') WHERE name = 'file_positions'";
        if !self.connection.prepare(columns)?.exists([])? {
            return Ok(());
        }
        let mut statement = self.connection.prepare(
            "SELECT id, uuid, file_positions, file_count FROM workspaces WHERE discarded = 0",
        )?;
        let mut files = self.connection.prepare(
            "SELECT position FROM files WHERE workspace = ?1 AND deleted_at IS NULL AND export = 0",
        )?;
        let mut workspaces = statement.query([])?;
        while let Some(row) = workspaces.next()? {
            let (id, workspace, size, live): (i64, Uuid, u64, u64) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let mut add =
                |message| self.add("file positions", format!("workspace {workspace}"), message);
            let (mut count, mut invalid, mut blocks) = (0, 0, BTreeMap::new());
            let mut rows = files.query([id])?;
            while let Some(row) = rows.next()? {
                count += 1;
                match row.get::<_, Option<u64>>(0)? {
                    Some(position) if position < size => {
                        *blocks.entry(position >> positions::block_bits(0)).or_default() += 1;
                    }
                    _ => invalid += 1,
                }
            }
            if count != live {
                add(format!("counts {live} files, but has {count}"));
            }
            if invalid > 0 {
                add(format!("has {invalid} files without a valid position"));
                continue;
            }
            const GAPS: &str =
                "SELECT block, lost FROM file_gaps WHERE workspace = ?1 AND level = ?2";
            for (level, expected) in (0..LEVELS).zip(missing_per_block(size, &blocks)) {
                if expected != self.gaps(GAPS, id, level)? {
                    let message =
                        format!("the gaps of level {level} do not match its missing positions");
                    self.add("file positions", format!("workspace {workspace}"), message);
                }
            }
        }
        Ok(())
    }

    /// Returns the stored number of deletions per block.
    fn gaps(&self, sql: &str, id: i64, level: u32) -> rusqlite::Result<BTreeMap<u64, u64>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_map((id, level), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }
}

/// Returns the number of missing positions per block for each level. Blocks without missing positions are omitted.
fn missing_per_block(size: u64, present: &BTreeMap<u64, u64>) -> Vec<BTreeMap<u64, u64>> {
    let block_size = 1 << positions::block_bits(0);
    let mut levels = vec![BTreeMap::new(); LEVELS as usize];
    for block in 0..size.div_ceil(block_size) {
        let positions = block_size.min(size - block * block_size);
        let missing = positions - present.get(&block).copied().unwrap_or_default();
        if missing > 0 {
            for (level, blocks) in (0..LEVELS).zip(&mut levels) {
                let start = block * block_size;
                *blocks.entry(start >> positions::block_bits(level)).or_default() += missing;
            }
        }
    }
    levels
}
