//! Selects the events that match a filter, which may have regular expressions.

use std::pin::{Pin, pin};
use std::sync::Arc;

use futures::stream::Fuse;
use futures::{StreamExt, TryStreamExt};
use tokio_postgres::{Row, RowStream};
use uuid::Uuid;

use super::database::failed;
use super::event_filter::{self, Check};
use super::query::Query;
use super::time_limit::Limited;
use crate::storage::{EventFilter, EventPosition, StorageError};
use crate::time::Timestamp;

/// The number of events that a query reads to check them.
const BATCH: i64 = 1_000;

/// The size of the texts that are in memory to be checked, in bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// The order of events, newest first.
pub(super) const NEWEST: &str = "e.created_at DESC, e.id DESC";

/// The events that match a filter.
pub(super) enum Selected<'a> {
    /// Those that meet the condition of the filter.
    Condition { workspace: Uuid, filter: &'a EventFilter, after: Option<EventPosition> },
    /// Those in these rows.
    Rows(Vec<i64>),
}

impl Selected<'_> {
    /// Returns a condition on the table `events`, which the query calls `e`.
    pub(super) fn condition(&self, query: &mut Query<'_>) -> String {
        match self {
            Self::Condition { workspace, filter, after } => {
                let workspace = query.bind(*workspace);
                let mut sql = format!(
                    "e.workspace = (SELECT id FROM workspaces WHERE uuid = {workspace} AND NOT discarded) AND {}",
                    event_filter::condition(query, filter)
                );
                if let Some(EventPosition { created_at, row }) = after {
                    let (time, row) = (query.bind(created_at.micros()), query.bind(*row));
                    sql.push_str(&format!(" AND (e.created_at, e.id) < ({time}, {row})"));
                }
                sql
            }
            Self::Rows(rows) => format!("e.id = ANY({})", query.bind(rows.clone())),
        }
    }
}

/// Selects the newest events that match a filter, after a position. If the server has to check them, their rows are read: at most
/// `limit`.
pub(super) async fn select<'a>(
    transaction: &Limited<'_>,
    workspace: Uuid,
    filter: &'a EventFilter,
    mut after: Option<EventPosition>,
    limit: usize,
) -> Result<Selected<'a>, StorageError> {
    let mut check: Option<Arc<Check>> = None;
    let mut selected = Vec::new();
    loop {
        let condition = Selected::Condition { workspace, filter, after };
        let mut query = Query::default();
        let mut columns = vec!["e.id".to_owned(), "e.created_at".to_owned()];
        let checked = event_filter::check(&mut query, filter, &mut columns)?;
        let Some(checked) = checked else { return Ok(condition) };
        let check = check.get_or_insert_with(|| Arc::new(checked)).clone();
        let condition = condition.condition(&mut query);
        let batch = query.bind(BATCH);
        query.push(&format!(
            "SELECT {} FROM events e WHERE {condition} ORDER BY {NEWEST} LIMIT {batch}",
            columns.join(", ")
        ));
        let mut rows = pin!(transaction.stream(&query).await?.fuse());
        let mut read = 0;
        while let Some(chunk) = next_chunk(rows.as_mut()).await? {
            read += chunk.len();
            after = chunk.last().map(|row| EventPosition {
                created_at: Timestamp::from_micros(row.get(1)),
                row: row.get(0),
            });
            selected.extend(matching(Arc::clone(&check), chunk).await?);
        }
        let is_last = read < BATCH as usize;
        if is_last || selected.len() >= limit {
            selected.truncate(limit);
            return Ok(Selected::Rows(selected));
        }
    }
}

/// Reads rows until they reach the size of a chunk. Returns `None` if there are no more.
async fn next_chunk(mut rows: Pin<&mut Fuse<RowStream>>) -> Result<Option<Vec<Row>>, StorageError> {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while bytes < CHUNK_BYTES {
        let Some(row) = rows.try_next().await? else { break };
        bytes += row.raw_size_bytes();
        chunk.push(row);
    }
    Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
}

/// Returns the ids of the rows that match. Leaves the runtime, because the texts may be long.
async fn matching(check: Arc<Check>, rows: Vec<Row>) -> Result<Vec<i64>, StorageError> {
    let checking = tokio::task::spawn_blocking(move || {
        rows.iter().filter(|row| check.matches(row)).map(|row| row.get(0)).collect()
    });
    checking.await.map_err(failed)
}
