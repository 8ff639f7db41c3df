//! What the commands for spans, traces, logs and evaluations share: search options, aggregation, fields.

use clap::Args;
use mistral_datasets::types::{
    Aggregation, AggregationRow, GetSpan, MetricAggregation, MetricDefinition, OrderByClause,
    OtelFieldDefinition, SortOrder, TimeDimension, TimestampGranularity,
};
use serde_json::{Map, Value};

use crate::known_values::one_of;
use crate::output;
use crate::time_range::TimeRange;

/// The options of commands that search.
#[derive(Debug, Args)]
pub struct SearchOptions {
    /// A search expression, such as `request_model = 'mistral-large-latest' AND duration_ns > 2000000000`
    ///
    /// The command `fields` lists the names. Attributes are written as `span_attributes['gen_ai.request.model']`.
    #[arg(long, short, value_name = "EXPRESSION")]
    pub search: Option<String>,
    #[command(flatten)]
    pub time: TimeRange,
}

/// The options of commands that compute a metric.
#[derive(Debug, Args)]
pub struct AggregateOptions {
    /// How the values of the field are combined
    #[arg(value_parser = one_of::<MetricAggregation>(MetricAggregation::KNOWN))]
    aggregation: MetricAggregation,
    /// The field whose values are combined; `count` needs none
    #[arg(required_if_eq_any = MetricAggregation::KNOWN[1..].iter().map(|name| ("aggregation", *name)))]
    field: Option<String>,
    /// Group the results by the values of this field; may be given more than once
    #[arg(long, value_name = "FIELD")]
    pub by: Vec<String>,
    /// Group the results by time
    #[arg(
        long,
        value_name = "UNIT",
        value_parser = one_of::<TimestampGranularity>(TimestampGranularity::KNOWN)
    )]
    per: Option<TimestampGranularity>,
    /// Order the results by a field given to `--by`, by `time_bucket`, or by the metric, such as `p95_duration_ns`
    #[arg(long, value_name = "NAME")]
    order_by: Option<String>,
    /// Order from high to low
    #[arg(long, requires = "order_by")]
    descending: bool,
    /// The maximum number of results, from 1 to 10,000 [default: 1000]
    #[arg(long, value_name = "N")]
    pub limit: Option<i64>,
    #[command(flatten)]
    pub search: SearchOptions,
}

impl AggregateOptions {
    /// Returns what to compute. `count` counts the values of `counted`.
    pub fn metric(&self, counted: &str) -> MetricDefinition {
        let field = self.field.as_deref().unwrap_or(counted);
        MetricDefinition::new(field, self.aggregation.clone())
    }

    /// Returns the grouping by time.
    pub fn time_dimension(&self) -> Option<TimeDimension> {
        self.per.clone().map(|per| TimeDimension::new().granularity(per))
    }

    /// Returns the order of the results.
    pub fn order(&self) -> Option<Vec<OrderByClause>> {
        let direction = if self.descending { SortOrder::Desc } else { SortOrder::Asc };
        let field = self.order_by.as_ref()?;
        Some(vec![OrderByClause::new(field).direction(direction)])
    }
}

/// Applies options to an aggregation, whose calls are of different types for spans, traces and evaluations.
macro_rules! with_options {
    ($call:expr, $options:expr) => {{
        let (order, time_dimension) = ($options.order(), $options.time_dimension());
        $call
            .dimensions($options.by)
            .time_dimension(time_dimension)
            .order_by(order)
            .limit($options.limit)
            .search_expression($options.search.search)
            .from($options.search.time.from)
            .to($options.search.time.to)
    }};
}

pub(crate) use with_options;

/// Formats the results of an aggregation, with a column for each dimension.
pub fn aggregation(result: &Aggregation) -> String {
    let rows: Vec<_> = result.data.iter().map(|row| (row, dimensions(row))).collect();
    // In the order of their first occurrence.
    let mut names: Vec<&String> = Vec::new();
    for name in rows.iter().flat_map(|(_, dimensions)| dimensions.keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let has_time = result.data.iter().any(|row| row.time_bucket.is_some());
    let metric = result.data.first().map_or("value", |row| row.metric_name.as_str());
    let time = has_time.then(|| "time".to_owned());
    let headings: Vec<String> =
        time.into_iter().chain(names.iter().copied().cloned()).chain([metric.to_owned()]).collect();
    let rows = rows.iter().map(|(row, dimensions)| {
        let time = row.time_bucket.as_ref().map_or_else(String::new, output::time);
        let value = |name: &&String| dimensions.get(*name).map_or_else(String::new, output::value);
        let metric = row.metric_value.map_or_else(|| "-".to_owned(), output::number);
        let time = has_time.then_some(time);
        time.into_iter().chain(names.iter().map(value)).chain([metric]).collect::<Vec<_>>()
    });
    output::columns(&headings, rows)
}

fn dimensions(row: &AggregationRow) -> Map<String, Value> {
    row.dimensions.as_ref().and_then(|json| json.parse().ok()).unwrap_or_default()
}

/// The column headings of spans.
pub const SPAN_HEADINGS: [&str; 7] =
    ["trace", "span", "start", "name", "model", "duration", "status"];

/// Returns the table row of a span.
pub fn span_row(span: &GetSpan) -> [String; 7] {
    let model = match span.response_model.as_str() {
        "" => span.request_model.clone(),
        model => model.to_owned(),
    };
    [
        span.trace_id.clone(),
        span.span_id.clone(),
        output::time(&span.start_time),
        span.span_name.clone(),
        model,
        output::nanoseconds(span.duration_ns),
        span.status_code.to_string(),
    ]
}

/// Formats the fields of searches, with their operators.
pub fn fields(fields: &[OtelFieldDefinition]) -> String {
    let rows = fields.iter().map(|field| {
        let operators: Vec<_> =
            field.supported_operators.iter().map(|name| name.as_str()).collect();
        [field.name.clone(), field.r#type.to_string(), operators.join(" ")]
    });
    output::table(["field", "type", "operators"], rows)
}

/// Formats the values of a field.
pub fn options(values: Option<&[String]>) -> String {
    match values {
        None => "any text".to_owned(),
        Some(values) => values.join("\n"),
    }
}
