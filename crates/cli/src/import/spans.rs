//! Importing spans: which ones, and what to take from them.

use clap::Args;
use futures::future;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use mistral_datasets::types::{
    GetSpan, SpanDatasetMapping, SpanDatasetMappingContract, SpanDatasetSourceNamespace,
    SpanDatasetSourceReference, TelemetrySpanReference,
};
use mistral_datasets::{Client, Error};

use crate::time_range::TimeRange;

/// The operations of spans that are requests to a model.
const MODEL_OPERATIONS: [&str; 3] = ["chat", "generate_content", "text_completion"];

/// The maximum number of spans that a single task imports.
pub const MAX_PER_IMPORT: usize = 10_000;

/// What marks an attribute of the resource in `--map`.
const RESOURCE_PREFIX: &str = "resource:";

/// The mapping without `--map`.
const DEFAULT_MAPPING: [(&str, &str); 2] =
    [("messages", "gen_ai.input.messages"), ("output", "gen_ai.output.messages")];

/// The options of imports from spans.
#[derive(Debug, Args)]
pub struct SpanOptions {
    /// Put an attribute of the spans into a field of the payloads; may be given more than once
    ///
    /// `resource:` before the attribute reads it from the resource, as in `service=resource:service.name`. By default, `messages`
    /// is `gen_ai.input.messages`, and `output` is `gen_ai.output.messages`.
    #[arg(long = "map", value_name = "FIELD=ATTRIBUTE", value_parser = parse_mapping)]
    mappings: Vec<SpanDatasetMapping>,
    #[command(flatten)]
    pub time: TimeRange,
}

impl SpanOptions {
    /// Returns what to take from the spans.
    pub fn mapping(&self) -> SpanDatasetMappingContract {
        if !self.mappings.is_empty() {
            return SpanDatasetMappingContract::new(self.mappings.iter().cloned());
        }
        let attributes = SpanDatasetSourceNamespace::SpanAttributes;
        SpanDatasetMappingContract::new(
            DEFAULT_MAPPING.map(|(field, key)| mapping(field, attributes.clone(), key)),
        )
    }

    /// Searches spans.
    pub fn search(&self, client: &Client, expression: &str) -> Spans {
        let call = client.spans().search_spans().search_expression(expression);
        let spans = call.from(self.time.from).to(self.time.to).pager().items();
        spans.map_ok(|span| reference(&span)).boxed()
    }

    /// Returns the model calls of traces.
    pub fn model_calls(&self, client: &Client, traces: Vec<String>) -> Spans {
        let (client, time) = (client.clone(), self.time);
        let spans = stream::iter(traces).flat_map(move |trace| {
            let call = client.traces().get_trace_spans(trace);
            call.from(time.from).to(time.to).pager().items()
        });
        let calls = spans.try_filter(|span| {
            future::ready(MODEL_OPERATIONS.contains(&span.operation_name.as_str()))
        });
        calls.map_ok(|span| reference(&span)).boxed()
    }
}

/// References to spans, which are searched while they are imported.
pub type Spans = BoxStream<'static, Result<TelemetrySpanReference, Error>>;

fn reference(span: &GetSpan) -> TelemetrySpanReference {
    TelemetrySpanReference::new(&span.trace_id, &span.span_id)
}

fn mapping(field: &str, namespace: SpanDatasetSourceNamespace, key: &str) -> SpanDatasetMapping {
    SpanDatasetMapping::new(field, SpanDatasetSourceReference::new(namespace, key))
}

/// Parses `TRACE:SPAN`.
pub fn parse_reference(text: &str) -> Result<TelemetrySpanReference, String> {
    match text.split_once(':') {
        Some((trace, span)) if !trace.is_empty() && !span.is_empty() => {
            Ok(TelemetrySpanReference::new(trace, span))
        }
        _ => Err("expected the IDs of a trace and a span, as TRACE:SPAN".to_owned()),
    }
}

/// Parses `FIELD=ATTRIBUTE`.
fn parse_mapping(text: &str) -> Result<SpanDatasetMapping, String> {
    let parts = text.split_once('=').filter(|(field, key)| !field.is_empty() && !key.is_empty());
    let (field, key) = parts.ok_or("expected FIELD=ATTRIBUTE")?;
    Ok(match key.strip_prefix(RESOURCE_PREFIX) {
        Some(key) => mapping(field, SpanDatasetSourceNamespace::ResourceAttributes, key),
        None => mapping(field, SpanDatasetSourceNamespace::SpanAttributes, key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_and_references_are_parsed() {
        let service = parse_mapping("service=resource:service.name").unwrap();
        assert_eq!(service.source_field.namespace, SpanDatasetSourceNamespace::ResourceAttributes);
        assert_eq!(service.source_field.key, "service.name");
        // Attribute names may contain an equals sign.
        assert_eq!(parse_mapping("a=b=c").unwrap().source_field.key, "b=c");
        for text in ["messages", "=gen_ai.input.messages", "messages="] {
            assert!(parse_mapping(text).unwrap_err().contains("FIELD=ATTRIBUTE"), "{text}");
        }
        assert_eq!(parse_reference("aa:bb").unwrap(), TelemetrySpanReference::new("aa", "bb"));
        for text in ["aa", "aa:", ":bb"] {
            assert!(parse_reference(text).unwrap_err().contains("TRACE:SPAN"), "{text}");
        }
    }
}
