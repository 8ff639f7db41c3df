//! Tests of which indexes searches use.

use super::filter::{Matching, compile};
use super::positions;
use crate::postgres::query::Query;
use crate::postgres::{PostgresStorage, testing};
use crate::search::{self, Entity};
use crate::storage::contract::telemetry::{SENDER, evaluation, span};
use crate::storage::*;

/// Returns how PostgreSQL runs a search.
async fn plan(
    storage: &PostgresStorage,
    entity: Entity,
    expression: &str,
    trace_id: Option<&str>,
) -> String {
    let mut filter = TelemetryFilter::new(SENDER.workspace, entity);
    filter.expression = search::parse(entity, expression).unwrap();
    filter.trace_id = trace_id.map(str::to_owned);
    let mut query = Query::default();
    query.push("EXPLAIN ");
    let Matching { condition, columns, .. } = compile(&mut query, 1, &filter);
    let after = Some(TelemetryPosition { time: i64::MAX, row: 1 });
    positions::push(&mut query, &filter, TimeOrder::NewestFirst, after, &condition, &columns, 51);
    let mut connection = storage.database.connection().await.unwrap();
    let transaction = connection.read().await.unwrap();
    let lines = transaction.query_typed(&query.sql, &query.parameters()).await.unwrap();
    let lines = lines.iter().map(|line| line.get::<_, String>(0));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn searches_use_the_most_selective_index() {
    let Some(storage) = testing::storage().await else { return };
    for batch in 0..20_u32 {
        let spans = (0..250_u8).map(|id| {
            let number = batch * 250 + u32::from(id);
            NewSpan {
                trace_id: format!("{:032x}", number / 4),
                start_time: i64::from(number),
                end_time: i64::from(number),
                request_model: format!("model {}", number % 40),
                conversation_id: format!("conversation {}", number / 8),
                operation_name: "chat".to_owned(),
                ..span(1, id)
            }
        });
        storage.insert_spans(SENDER, spans.collect()).await.unwrap();
        let logs = (0..250_u8).map(|id| {
            let number = batch * 250 + u32::from(id);
            let log = evaluation(1, id);
            NewLog { trace_id: format!("{:032x}", number / 4), timestamp: i64::from(number), ..log }
        });
        storage.insert_logs(SENDER, logs.collect()).await.unwrap();
    }
    let connection = storage.database.connection().await.unwrap();
    connection.execute_alone("ANALYZE").await.unwrap();
    let trace = format!("{:032x}", 7);
    let of_trace = format!("trace_id = '{trace}'");
    let with_model = format!("request_model = 'model 7' AND {of_trace}");
    for (entity, expression, trace_id, index) in [
        (Entity::Spans, "", None, "spans_by_time"),
        (Entity::Spans, "span_name REGEXP 'a'", None, "spans_by_time"),
        (Entity::Spans, "", Some(&trace[..]), "spans_by_trace"),
        (Entity::Spans, "request_model = 'model 7'", None, "spans_by_model"),
        (
            Entity::Spans,
            "request_model = 'model 7' AND span_name REGEXP 'a'",
            None,
            "spans_by_model",
        ),
        (Entity::Spans, &with_model, None, "spans_by_trace"),
        (Entity::Spans, "conversation_id = 'conversation 7'", None, "spans_by_conversation"),
        (Entity::Spans, "operation_name = 'none'", None, "spans_by_operation"),
        (
            Entity::Spans,
            "span_attributes['gen_ai.request.model'] = 'model 7'",
            None,
            "spans_by_model",
        ),
        (Entity::Traces, "", None, "traces_by_time"),
        (Entity::Traces, &of_trace, None, "traces_by_trace"),
        (Entity::Traces, "span_attributes['gen_ai.request.model'] = 'none'", None, "spans_by_"),
        (Entity::Logs, "", None, "logs_by_time"),
        (Entity::Logs, &of_trace, None, "logs_by_trace"),
        (Entity::Evaluations, "", None, "span_evaluations_by_time"),
        (Entity::Evaluations, &of_trace, None, "span_evaluations_by_span"),
    ] {
        let plan = plan(&storage, entity, expression, trace_id).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{expression}: {plan}");
    }
    let plan = plan(&storage, Entity::Spans, "request_model = 'model 7'", None).await;
    assert!(!plan.contains("Sort"), "{plan}");
}
