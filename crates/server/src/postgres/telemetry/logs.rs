//! Inserts log records and the evaluations that they report.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use futures::try_join;

use super::{evaluations, make_storable};
use crate::postgres::database::Database;
use crate::postgres::params::params;
use crate::postgres::query::{Query, Rows};
use crate::postgres::workspaces;
use crate::storage::{NewEvaluation, NewLog, Sender, StorageError};
use crate::time::Timestamp;

/// A log record and the evaluation that it reports.
type Evaluation<'a> = (&'a NewLog, &'a NewEvaluation);

pub(super) async fn insert(
    database: Database,
    sender: Sender,
    mut logs: Vec<NewLog>,
) -> Result<(), StorageError> {
    logs.iter_mut().for_each(make_log_storable);
    let reported: Vec<Evaluation<'_>> =
        logs.iter().filter_map(|log| Some((log, log.evaluation.as_ref()?))).collect();
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let workspace = workspaces::find_or_create(&transaction, sender.workspace);
    let ((), workspace) = try_join!(transaction.relax_durability(), workspace)?;
    if !reported.is_empty() {
        evaluations::lock(&transaction, workspace).await?;
    }
    let arrived_at = Timestamp::now().micros();
    try_join!(
        insert_rows(&transaction, workspace, sender, arrived_at, &logs),
        insert_evaluations(&transaction, workspace, sender, arrived_at, &reported),
        count_evaluations(&transaction, workspace, &reported),
    )?;
    transaction.commit().await
}

async fn insert_rows(
    transaction: &Transaction<'_>,
    workspace: i64,
    sender: Sender,
    arrived_at: i64,
    logs: &[NewLog],
) -> Result<(), StorageError> {
    let (mut query, mut rows) = (Query::default(), Rows::default());
    let fixed = [query.bind(workspace), query.bind(sender.user), query.bind(arrived_at)].join(", ");
    macro_rules! columns {
        ($type:ty, $as:ident, [$($column:ident),+ $(,)?]) => {
            $(rows.add(
                &mut query,
                stringify!($column),
                logs.iter().map(|log| log.$column.$as()).collect::<Vec<$type>>(),
            );)+
        };
    }
    columns!(
        &str,
        as_str,
        [
            trace_id,
            span_id,
            severity_text,
            service_name,
            event_name,
            resource_schema_url,
            scope_schema_url,
            scope_name,
            scope_version,
            body,
            resource_attributes,
            scope_attributes,
            log_attributes
        ]
    );
    columns!(i64, clone, [timestamp, trace_flags, severity_number]);
    query.push(&format!(
        "INSERT INTO logs (workspace, user_id, arrived_at, {}) SELECT {fixed}, n.* FROM {}",
        rows.columns(),
        rows.table("n")
    ));
    transaction.execute_typed(&query.sql, &query.parameters()).await?;
    Ok(())
}

async fn insert_evaluations(
    transaction: &Transaction<'_>,
    workspace: i64,
    sender: Sender,
    arrived_at: i64,
    reported: &[Evaluation<'_>],
) -> Result<(), StorageError> {
    if reported.is_empty() {
        return Ok(());
    }
    let (mut query, mut rows) = (Query::default(), Rows::default());
    let workspace = query.bind(workspace);
    let fixed = [query.bind(sender.user), query.bind(arrived_at)].join(", ");
    macro_rules! column {
        ($name:ident: $type:ty, $value:expr) => {
            let values = reported.iter().map($value).collect::<Vec<$type>>();
            rows.add(&mut query, stringify!($name), values);
        };
    }
    column!(trace_id: &str, |(log, _)| log.trace_id.as_str());
    column!(span_id: &str, |(log, _)| log.span_id.as_str());
    column!(timestamp: i64, |(log, _)| log.timestamp);
    column!(response_id: &str, |(_, evaluation)| evaluation.response_id.as_str());
    column!(evaluation_name: &str, |(_, evaluation)| evaluation.evaluation_name.as_str());
    column!(score_value: f64, |(_, evaluation)| evaluation.score_value);
    column!(score_label: &str, |(_, evaluation)| evaluation.score_label.as_str());
    column!(explanation: &str, |(_, evaluation)| evaluation.explanation.as_str());
    column!(metadata: &str, |(_, evaluation)| evaluation.metadata.as_str());
    let columns = rows.columns();
    column!(own_conversation: &str, |(_, evaluation)| evaluation.conversation_id.as_str());
    let rows = rows.table("n");
    query.push(&format!(
        "INSERT INTO span_evaluations (workspace, user_id, arrived_at, conversation_id, {columns}) \
         SELECT {workspace}, {fixed}, coalesce(nullif(own_conversation, ''), (SELECT left(s.conversation_id, 1024) FROM spans s \
            WHERE s.workspace = {workspace} AND s.trace_id = n.trace_id AND s.span_id = n.span_id), ''), {columns} FROM {rows}"
    ));
    transaction.execute_typed(&query.sql, &query.parameters()).await?;
    Ok(())
}

/// Adds evaluations to the summaries of traces that exist.
async fn count_evaluations(
    transaction: &Transaction<'_>,
    workspace: i64,
    reported: &[Evaluation<'_>],
) -> Result<(), StorageError> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for (log, _) in reported {
        *counts.entry(&log.trace_id).or_default() += 1;
    }
    if counts.is_empty() {
        return Ok(());
    }
    let (trace_ids, counts): (Vec<&str>, Vec<i64>) = counts.into_iter().unzip();
    // Nobody else holds rows of several traces and waits for another, because of the lock on evaluations.
    let sql = "UPDATE traces t SET evaluation_count = t.evaluation_count + n.count FROM unnest($2, $3) AS n (trace_id, count) \
               WHERE t.workspace = $1 AND t.trace_id = n.trace_id";
    transaction.execute_typed(sql, params![workspace, trace_ids, counts]).await?;
    Ok(())
}

/// Replaces U+0000 in what is not JSON.
fn make_log_storable(log: &mut NewLog) {
    make_storable(&mut [
        &mut log.severity_text,
        &mut log.service_name,
        &mut log.event_name,
        &mut log.resource_schema_url,
        &mut log.scope_schema_url,
        &mut log.scope_name,
        &mut log.scope_version,
        &mut log.body,
    ]);
    if let Some(evaluation) = &mut log.evaluation {
        make_storable(&mut [
            &mut evaluation.response_id,
            &mut evaluation.conversation_id,
            &mut evaluation.evaluation_name,
            &mut evaluation.score_label,
            &mut evaluation.explanation,
        ]);
    }
}
