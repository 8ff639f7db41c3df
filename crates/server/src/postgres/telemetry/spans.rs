//! Inserts spans, together with their events and the summaries of their traces.

use std::collections::{BTreeSet, HashMap};

use deadpool_postgres::Transaction;
use futures::try_join;

use super::traces::{self, Locked};
use super::{evaluations, events, make_storable};
use crate::postgres::database::Database;
use crate::postgres::query::{Query, Rows};
use crate::postgres::workspaces;
use crate::storage::{NewSpan, Sender, StorageError};
use crate::time::Timestamp;

/// A span that was inserted, and its row.
pub(super) type Inserted<'a> = (i64, &'a NewSpan);

pub(super) async fn insert(
    database: Database,
    sender: Sender,
    mut spans: Vec<NewSpan>,
) -> Result<(), StorageError> {
    spans.iter_mut().for_each(make_span_storable);
    // In a fixed order, which is that of the locks.
    let trace_ids: BTreeSet<&str> = spans.iter().map(|span| span.trace_id.as_str()).collect();
    let trace_ids = Vec::from_iter(trace_ids);
    let arrived_at = Timestamp::now().micros();
    let mut connection = database.connection().await?;
    let transaction = connection.write().await?;
    let workspace = workspaces::find_or_create(&transaction, sender.workspace);
    let ((), workspace) = try_join!(transaction.relax_durability(), workspace)?;
    // The statements are sent together, and executed in this order.
    let ((), mut summaries, inserted, evaluations) = try_join!(
        evaluations::exclude(&transaction, workspace),
        traces::lock(&transaction, workspace, sender, arrived_at, &trace_ids),
        insert_rows(&transaction, workspace, sender, arrived_at, &spans),
        evaluations::count(&transaction, workspace, &trace_ids),
    )?;
    for (_, span) in &inserted {
        if let Some(locked) = summaries.get_mut(&span.trace_id) {
            locked.add(span, evaluations.get(&span.trace_id).copied().unwrap_or(0));
        }
    }
    let is_evaluated = |span: &NewSpan| {
        summaries.get(&span.trace_id).is_some_and(|one| one.summary.evaluation_count > 0)
    };
    let evaluated: Vec<&NewSpan> =
        inserted.iter().map(|(_, span)| *span).filter(|span| is_evaluated(span)).collect();
    let changed: Vec<&Locked> = summaries.values().filter(|locked| locked.is_changed).collect();
    try_join!(
        events::insert(&transaction, workspace, &inserted),
        evaluations::name_conversations(&transaction, workspace, &evaluated),
        traces::update(&transaction, &changed),
    )?;
    transaction.commit().await
}

/// Inserts spans that do not exist. Exporters send a request again if they have no response. Returns those that were inserted, in their
/// order.
async fn insert_rows<'a>(
    transaction: &Transaction<'_>,
    workspace: i64,
    sender: Sender,
    arrived_at: i64,
    spans: &'a [NewSpan],
) -> Result<Vec<Inserted<'a>>, StorageError> {
    let (mut query, mut rows) = (Query::default(), Rows::default());
    let fixed = [query.bind(workspace), query.bind(sender.user), query.bind(arrived_at)].join(", ");
    bind(&mut query, &mut rows, spans);
    query.push(&format!(
        "INSERT INTO spans (workspace, user_id, arrived_at, {}) SELECT {fixed}, n.* FROM {} \
         ON CONFLICT (workspace, trace_id, span_id) DO NOTHING RETURNING id, trace_id, span_id",
        rows.columns(),
        rows.table("n")
    ));
    let found = transaction.query_typed(&query.sql, &query.parameters()).await?;
    // The first of equal spans is inserted.
    let mut first: HashMap<(&str, &str), &NewSpan> = HashMap::new();
    for span in spans {
        first.entry((&span.trace_id, &span.span_id)).or_insert(span);
    }
    let inserted = found.iter().filter_map(|row| {
        let span = first.get(&(row.get::<_, &str>(1), row.get::<_, &str>(2)))?;
        Some((row.get(0), *span))
    });
    Ok(inserted.collect())
}

fn bind<'a>(query: &mut Query<'a>, rows: &mut Rows, spans: &'a [NewSpan]) {
    macro_rules! columns {
        ($type:ty, $as:ident, [$($column:ident),+ $(,)?]) => {
            $(rows.add(
                query,
                stringify!($column),
                spans.iter().map(|span| span.$column.$as()).collect::<Vec<$type>>(),
            );)+
        };
    }
    columns!(
        &str,
        as_ref,
        [
            trace_id,
            span_id,
            parent_span_id,
            trace_state,
            span_name,
            service_name,
            status_message,
            error_type,
            operation_name,
            provider_name,
            request_model,
            response_model,
            response_id,
            output_type,
            conversation_id,
            data_source_id,
            agent_id,
            agent_name,
            agent_version,
            agent_description,
            workflow_name,
            prompt_name,
            tool_name,
            tool_type,
            tool_call_id,
            request_stop_sequences,
            request_encoding_formats,
            response_finish_reasons,
            scope_name,
            scope_version,
            tool_call_arguments,
            tool_call_result,
            tool_definitions,
            system_instructions,
            input_messages,
            output_messages,
            resource_attributes,
            span_attributes
        ]
    );
    columns!(
        i64,
        clone,
        [
            start_time,
            end_time,
            request_choice_count,
            request_max_tokens,
            request_seed,
            usage_input_tokens,
            usage_output_tokens,
            usage_cache_read_input_tokens,
            usage_cache_creation_input_tokens
        ]
    );
    columns!(
        Option<f64>,
        clone,
        [
            request_temperature,
            request_top_p,
            request_top_k,
            request_presence_penalty,
            request_frequency_penalty
        ]
    );
    rows.add(query, "span_kind", spans.iter().map(|span| span.span_kind).collect::<Vec<_>>());
    rows.add(query, "status_code", spans.iter().map(|span| span.status_code).collect::<Vec<_>>());
    let durations = spans.iter().map(|span| span.end_time - span.start_time);
    rows.add(query, "duration_ns", durations.collect::<Vec<_>>());
}

/// Replaces U+0000 in what is not JSON.
fn make_span_storable(span: &mut NewSpan) {
    macro_rules! texts {
        ($($column:ident),+ $(,)?) => {
            make_storable(&mut [$(&mut span.$column),+])
        };
    }
    texts!(
        trace_id,
        span_id,
        parent_span_id,
        trace_state,
        span_name,
        service_name,
        status_message,
        error_type,
        operation_name,
        provider_name,
        request_model,
        response_model,
        response_id,
        output_type,
        conversation_id,
        data_source_id,
        agent_id,
        agent_name,
        agent_version,
        agent_description,
        workflow_name,
        prompt_name,
        tool_name,
        tool_type,
        tool_call_id,
        request_stop_sequences,
        request_encoding_formats,
        response_finish_reasons,
        scope_name,
        scope_version,
        tool_call_arguments,
        tool_call_result,
        tool_definitions,
        system_instructions,
        input_messages,
        output_messages,
        environment
    );
    if let Some(turn) = &mut span.turn {
        make_storable(&mut [&mut turn.last_input, &mut turn.last_output]);
    }
    if let Some(event) = &mut span.event {
        let previews = [
            &mut event.first_system_message,
            &mut event.last_user_message_preview,
            &mut event.response_messages_preview,
        ];
        for preview in previews.into_iter().flatten() {
            make_storable(&mut [preview]);
        }
    }
}
