//! Spans as sources of imports, in PostgreSQL.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::database::Database;
use super::params::params;
use super::{PostgresStorage, workspaces};
use crate::storage::{
    COLUMN_ATTRIBUTES, Missing, Pending, SpanAttributes, SpanReference, SpanSourceStore,
    StorageError,
};

/// Returns the ids of references as two arrays.
fn ids(references: &[SpanReference]) -> (Vec<&str>, Vec<&str>) {
    references
        .iter()
        .map(|reference| (reference.trace_id.as_str(), reference.span_id.as_str()))
        .unzip()
}

async fn existing(
    database: Database,
    workspace: Uuid,
    references: Vec<SpanReference>,
) -> Result<Vec<SpanReference>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let sql = "SELECT EXISTS (SELECT 1 FROM spans s WHERE s.workspace = w.id AND s.trace_id = n.trace_id AND s.span_id = n.span_id) \
               FROM workspaces w, unnest($2, $3) WITH ORDINALITY AS n (trace_id, span_id, number) \
               WHERE w.uuid = $1 AND NOT w.discarded ORDER BY n.number";
    let (trace_ids, span_ids) = ids(&references);
    let rows = transaction.query_typed(sql, params![workspace, trace_ids, span_ids]).await?;
    let exists: Vec<bool> = rows.iter().map(|row| row.get(0)).collect();
    let existing = references.into_iter().zip(exists).filter(|(_, exists)| *exists);
    Ok(existing.map(|(reference, _)| reference).collect())
}

/// Returns the rows of spans in the order of `references`: at least one, and no more after those whose text reaches `max_bytes`.
async fn rows(
    transaction: &Transaction<'_>,
    workspace: i64,
    references: &[SpanReference],
    max_bytes: usize,
) -> Result<Vec<i64>, StorageError> {
    // The size of a text is known without reading it.
    let columns =
        COLUMN_ATTRIBUTES.map(|(_, column)| format!("octet_length(s.{column})")).join(" + ");
    let sql = format!(
        "SELECT s.id, (octet_length(s.span_attributes) + octet_length(s.resource_attributes) + {columns})::bigint \
         FROM unnest($2, $3) WITH ORDINALITY AS n (trace_id, span_id, number) \
         LEFT JOIN spans s ON s.workspace = $1 AND s.trace_id = n.trace_id AND s.span_id = n.span_id ORDER BY n.number"
    );
    let (trace_ids, span_ids) = ids(references);
    let found = transaction.query_typed(&sql, params![workspace, trace_ids, span_ids]).await?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for (row, reference) in found.iter().zip(references) {
        let id: Option<i64> = row.get(0);
        rows.push(id.ok_or_else(|| Missing::SourceSpan(reference.clone()))?);
        bytes += row.get::<_, i64>(1) as usize;
        if bytes >= max_bytes {
            break;
        }
    }
    Ok(rows)
}

async fn attributes(
    database: Database,
    workspace: Uuid,
    references: Vec<SpanReference>,
    max_bytes: usize,
) -> Result<Vec<SpanAttributes>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = connection.read().await?;
    let workspace = workspaces::find_or_none(&transaction, workspace).await?;
    let rows = rows(&transaction, workspace, &references, max_bytes).await?;
    let columns = COLUMN_ATTRIBUTES.map(|(_, column)| column).join(", ");
    let sql = format!(
        "SELECT span_attributes, resource_attributes, {columns} FROM unnest($1) WITH ORDINALITY AS n (row, number) \
         JOIN spans ON id = n.row ORDER BY n.number"
    );
    let found = transaction.query_typed(&sql, params![rows]).await?;
    let spans = found.iter().zip(references).map(|(row, reference)| SpanAttributes {
        reference,
        attributes: row.get(0),
        resource: row.get(1),
        columns: (0..COLUMN_ATTRIBUTES.len()).map(|index| row.get(index + 2)).collect(),
    });
    Ok(spans.collect())
}

impl SpanSourceStore for PostgresStorage {
    fn existing_spans(
        &self,
        workspace: Uuid,
        references: Vec<SpanReference>,
    ) -> Pending<Vec<SpanReference>> {
        Box::pin(existing(self.database.clone(), workspace, references))
    }

    fn span_attributes(
        &self,
        workspace: Uuid,
        references: Vec<SpanReference>,
        max_bytes: usize,
    ) -> Pending<Vec<SpanAttributes>> {
        Box::pin(attributes(self.database.clone(), workspace, references, max_bytes))
    }
}
