//! Reads rows as objects of the API.

use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use crate::search::Entity;
use crate::storage::{StorageError, TelemetryRow, row_columns, table, write_row};

/// Reads the rows of an entity.
pub(super) struct RowReader {
    workspace: Uuid,
    entity: Entity,
    sql: String,
}

impl RowReader {
    pub(super) fn new(workspace: Uuid, entity: Entity) -> Self {
        let sql = format!("SELECT {} FROM {} WHERE id = ?1", row_columns(entity), table(entity));
        Self { workspace, entity, sql }
    }

    /// Appends a row as an object, if it exists.
    pub(super) fn write(
        &self,
        connection: &Connection,
        row: i64,
        out: &mut Vec<u8>,
    ) -> Result<(), StorageError> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let write = |row: &Row<'_>| write_row(out, row, self.workspace, self.entity);
        statement.query_row([row], write).optional()?;
        Ok(())
    }
}

impl TelemetryRow for Row<'_> {
    type Error = rusqlite::Error;

    fn uuid(&self, column: usize) -> rusqlite::Result<Uuid> {
        self.get(column)
    }

    fn text(&self, column: usize) -> rusqlite::Result<&str> {
        Ok(self.get_ref(column)?.as_str()?)
    }

    fn integer(&self, column: usize) -> rusqlite::Result<i64> {
        self.get(column)
    }

    fn real(&self, column: usize) -> rusqlite::Result<Option<f64>> {
        self.get(column)
    }
}
