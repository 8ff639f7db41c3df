//! Spans as sources of imports, in SQLite.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{SqliteStorage, workspaces};
use crate::storage::{
    COLUMN_ATTRIBUTES, Missing, Pending, SpanAttributes, SpanReference, SpanSourceStore,
    StorageError, take_bytes,
};

fn existing(
    connection: &Connection,
    workspace: Uuid,
    references: Vec<SpanReference>,
) -> Result<Vec<SpanReference>, StorageError> {
    let workspace = workspaces::find_or_none(connection, workspace)?;
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM spans WHERE workspace = ?1 AND trace_id = ?2 AND span_id = ?3",
    )?;
    let mut existing = Vec::new();
    for reference in references {
        if statement.exists(params![workspace, reference.trace_id, reference.span_id])? {
            existing.push(reference);
        }
    }
    Ok(existing)
}

fn attributes(
    connection: &Connection,
    workspace: i64,
    reference: SpanReference,
) -> Result<SpanAttributes, StorageError> {
    let columns = COLUMN_ATTRIBUTES.map(|(_, column)| column).join(", ");
    let sql = format!(
        "SELECT span_attributes, resource_attributes, {columns} FROM spans \
         WHERE workspace = ?1 AND trace_id = ?2 AND span_id = ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let parameters = params![workspace, reference.trace_id, reference.span_id];
    let found = statement.query_row(parameters, |row| {
        let columns = (0..COLUMN_ATTRIBUTES.len()).map(|index| row.get(index + 2));
        Ok((row.get(0)?, row.get(1)?, columns.collect::<Result<_, _>>()?))
    });
    match found.optional()? {
        Some((attributes, resource, columns)) => {
            Ok(SpanAttributes { reference, attributes, columns, resource })
        }
        None => Err(Missing::SourceSpan(reference).into()),
    }
}

impl SpanSourceStore for SqliteStorage {
    fn existing_spans(
        &self,
        workspace: Uuid,
        references: Vec<SpanReference>,
    ) -> Pending<Vec<SpanReference>> {
        self.read(move |connection| existing(connection, workspace, references))
    }

    fn span_attributes(
        &self,
        workspace: Uuid,
        references: Vec<SpanReference>,
        max_bytes: usize,
    ) -> Pending<Vec<SpanAttributes>> {
        self.read(move |connection| {
            let workspace = workspaces::find_or_none(connection, workspace)?;
            let spans = references.into_iter().map(|one| attributes(connection, workspace, one));
            take_bytes(spans, max_bytes, SpanAttributes::bytes)
        })
    }
}
