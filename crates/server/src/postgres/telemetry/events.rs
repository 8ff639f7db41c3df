//! Inserts chat completion events that are spans.

use deadpool_postgres::Transaction;

use super::spans::Inserted;
use crate::postgres::query::{Query, Rows};
use crate::storage::{NewEvent, NewSpan, StorageError};

pub(super) async fn insert(
    transaction: &Transaction<'_>,
    workspace: i64,
    inserted: &[Inserted<'_>],
) -> Result<(), StorageError> {
    let events: Vec<_> = inserted
        .iter()
        .filter_map(|(row, span)| span.event.as_ref().map(|event| (*row, *span, event)))
        .collect();
    if events.is_empty() {
        return Ok(());
    }
    let (mut query, mut rows) = (Query::default(), Rows::default());
    let workspace = query.bind(workspace);
    bind(&mut query, &mut rows, &events);
    // A fixture may have the same id; it is kept.
    query.push(&format!(
        "INSERT INTO events (workspace, extra_fields, {}) SELECT {workspace}, '{{}}', n.* FROM {} \
         ON CONFLICT (workspace, name) DO NOTHING",
        rows.columns(),
        rows.table("n")
    ));
    transaction.execute_typed(&query.sql, &query.parameters()).await?;
    Ok(())
}

fn bind<'a>(query: &mut Query<'a>, rows: &mut Rows, events: &[(i64, &'a NewSpan, &'a NewEvent)]) {
    macro_rules! column {
        ($name:ident: $type:ty, $value:expr) => {
            let values = events.iter().map($value).collect::<Vec<$type>>();
            rows.add(query, stringify!($name), values);
        };
    }
    column!(name: String, |(_, _, event)| event.id.to_string());
    column!(span: i64, |(row, _, _)| *row);
    column!(created_at: i64, |(_, span, _)| span.start_time / 1000);
    column!(correlation_id: &str, |(_, span, _)| span.trace_id.as_str());
    column!(model_name: Option<&str>, |(_, span, _)| {
        some(&span.response_model).or_else(|| some(&span.request_model))
    });
    column!(total_time_elapsed: f64, |(_, span, _)| (span.end_time - span.start_time) as f64 / 1e9);
    column!(input_tokens: i64, |(_, span, _)| span.usage_input_tokens);
    column!(output_tokens: i64, |(_, span, _)| span.usage_output_tokens);
    column!(nb_messages: i64, |(_, _, event)| event.nb_messages as i64);
    column!(api_agent_id: Option<&str>, |(_, span, _)| some(&span.agent_id));
    column!(invoked_tools: &str, |(_, _, event)| event.invoked_tools.as_str());
    column!(enabled_tools: &str, |(_, _, event)| event.enabled_tools.as_str());
    column!(first_system_message: Option<&str>, |(_, _, event)| event.first_system_message.as_deref());
    column!(last_user_message_preview: Option<&str>, |(_, _, event)| {
        event.last_user_message_preview.as_deref()
    });
    column!(response_messages_preview: Option<&str>, |(_, _, event)| {
        event.response_messages_preview.as_deref()
    });
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
