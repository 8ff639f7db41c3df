//! Aggregations of telemetry.

use axum::response::Response;
use http::StatusCode;
use mistral_datasets_types::ErrorCode;

use super::responses;
use super::state::App;
use super::telemetry_search::{expression, search_error, time_range};
use crate::http::{ApiError, Caller, JsonBody, Query, RequestMemory, json};
use crate::json::{self as json_text, Fields, Object, Value, array};
use crate::search::{self, Aggregate, Entity, Expression, Target};
use crate::storage::{
    Aggregation, AggregationOrder, AggregationResult, AggregationRow, Granularity,
};

/// The maximum number of dimensions, and of fields that results are ordered by.
const MAX_DIMENSIONS: usize = 10;

/// The maximum number of results, and the default.
const LIMITS: (u32, u32) = (10_000, 1_000);

/// The lengths of time buckets.
const GRANULARITIES: &[(&str, Granularity)] = &[
    ("auto", Granularity::Auto),
    ("second", Granularity::Seconds(1)),
    ("minute", Granularity::Seconds(60)),
    ("hour", Granularity::Seconds(3_600)),
    ("day", Granularity::Seconds(86_400)),
    ("week", Granularity::Week),
    ("month", Granularity::Month),
];

/// A request, with the names that its response repeats.
struct Request {
    expression: Option<Expression>,
    aggregation: Aggregation,
    metric: String,
    dimensions: Vec<String>,
}

pub(super) async fn aggregate(
    app: &App,
    caller: &Caller,
    query: &Query,
    memory: &RequestMemory,
    body: JsonBody,
    entity: Entity,
) -> Result<Response, ApiError> {
    let mut filter = time_range(query, caller, entity)?;
    let request = body.parse(move |body| read(&body.fields()?, entity)).await?;
    filter.expression = request.expression;
    let result = app.storage.aggregate_telemetry(filter, request.aggregation).await?;
    let size =
        |row: &AggregationRow| 200 + 2 * row.dimensions.iter().map(String::len).sum::<usize>();
    memory.reserve(result.rows.iter().map(size).sum::<usize>() as u64).await?;
    Ok(json(StatusCode::OK, write(&result, &request.metric, &request.dimensions)))
}

fn read(body: &Fields<'_>, entity: Entity) -> Result<Request, ApiError> {
    let metric = body.required("metric")?.fields()?;
    let name = metric.required("aggregation")?;
    let aggregate = Aggregate::named(&name.string()?).ok_or_else(|| {
        let names: Vec<_> = Aggregate::ALL.iter().map(|aggregate| aggregate.name()).collect();
        name.error(format!("expected one of {}", names.join(", ")))
    })?;
    let measure_value = metric.required("measure")?;
    let measure_name = measure_value.string()?;
    // The number of rows does not depend on the measure.
    let measure = match aggregate {
        Aggregate::Count => None,
        _ => Some(target(&measure_value, entity)?),
    };
    if let Some(measure) = &measure {
        let supported = measure.field.kind.aggregates();
        if !supported.contains(&aggregate) {
            let names: Vec<_> = supported.iter().map(|aggregate| aggregate.name()).collect();
            let message = format!(
                "the field `{}` does not support `{}`; supported: {}",
                measure.field.name,
                aggregate.name(),
                names.join(", ")
            );
            return Err(bad_field(&name, message));
        }
    }
    let metric = format!("{}_{measure_name}", aggregate.name());
    let mut dimensions = Vec::new();
    let mut targets = Vec::new();
    if let Some(list) = body.get("dimensions") {
        for value in list.items(0..=MAX_DIMENSIONS)? {
            let name = value.string()?;
            if !dimensions.contains(&name) {
                targets.push(target(&value, entity)?);
                dimensions.push(name);
            }
        }
    }
    let granularity =
        body.optional("time_dimension").map(|value| granularity(&value)).transpose()?;
    let mut order = Vec::new();
    if let Some(list) = body.optional("order_by") {
        for value in list.items(0..=MAX_DIMENSIONS)? {
            order.push(order_by(&value, &metric, &dimensions, granularity.is_some())?);
        }
    }
    let (max, default) = LIMITS;
    let limit = match body.get("limit") {
        None => default,
        Some(value) => value.integer(1..=max.into())? as u32,
    };
    let aggregation =
        Aggregation { aggregate, measure, dimensions: targets, granularity, order, limit };
    Ok(Request { expression: expression(body, entity)?, aggregation, metric, dimensions })
}

/// Reads the name of a field.
fn target(value: &Value<'_>, entity: Entity) -> Result<Target, ApiError> {
    let target = search::parse_target(entity, &value.string()?)
        .map_err(|error| search_error(&value.path().to_string(), &error))?;
    if entity == Entity::Traces && target.key.is_some() {
        let message = "the spans of a trace may have different values of an attribute; aggregate spans instead";
        return Err(bad_field(value, message));
    }
    Ok(target)
}

fn bad_field(value: &Value<'_>, message: impl Into<String>) -> ApiError {
    let message = value.error(message).to_string();
    ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::FieldsBadRequest, message)
}

fn granularity(time_dimension: &Value<'_>) -> Result<Granularity, ApiError> {
    let Some(value) = time_dimension.fields()?.get("granularity") else {
        return Ok(Granularity::Auto);
    };
    let name = value.string()?;
    let found =
        GRANULARITIES.iter().find(|(known, _)| *known == name).map(|(_, granularity)| *granularity);
    found.ok_or_else(|| {
        let names: Vec<_> = GRANULARITIES.iter().map(|(name, _)| *name).collect();
        value.error(format!("expected one of {}", names.join(", "))).into()
    })
}

fn order_by(
    clause: &Value<'_>,
    metric: &str,
    dimensions: &[String],
    has_time: bool,
) -> Result<(AggregationOrder, bool), ApiError> {
    let clause = clause.fields()?;
    let field = clause.required("field")?;
    let name = field.string()?;
    let order = match dimensions.iter().position(|dimension| *dimension == name) {
        _ if name == metric => AggregationOrder::Metric,
        _ if name == "time_bucket" && has_time => AggregationOrder::Time,
        Some(index) => AggregationOrder::Dimension(index),
        None => {
            let time = if has_time { "`time_bucket`, " } else { "" };
            return Err(bad_field(
                &field,
                format!("expected {time}`{metric}`, or one of the dimensions"),
            ));
        }
    };
    let is_descending = match clause.get("direction") {
        None => false,
        Some(value) => match &*value.string()? {
            "asc" => false,
            "desc" => true,
            _ => return Err(value.error("expected `asc` or `desc`").into()),
        },
    };
    Ok((order, is_descending))
}

fn write(result: &AggregationResult, metric: &str, dimensions: &[String]) -> Vec<u8> {
    responses::object(|object| {
        array(object.field("data"), &result.rows, |out, row| {
            Object::write(out, |object| {
                if let Some(bucket) = row.bucket {
                    object.time("time_bucket", bucket);
                }
                write_dimensions(object.field("dimensions"), dimensions, &row.dimensions);
                object.string("metric_name", metric);
                object.raw("metric_value", number(row.value));
            });
        });
        Object::write(object.field("meta"), |meta| {
            meta.time("from_timestamp", result.from);
            meta.time("to_timestamp", result.to);
            meta.optional_integer("granularity_seconds", result.granularity_seconds);
        });
    })
}

/// Writes an object. The names are those of the request, which may need escapes.
fn write_dimensions(out: &mut Vec<u8>, names: &[String], values: &[String]) {
    out.push(b'{');
    for (index, (name, value)) in names.iter().zip(values).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json_text::string(out, name);
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'}');
}

/// Returns a number as JSON, without a fraction if it is whole.
fn number(value: Option<f64>) -> String {
    const MAX_EXACT: f64 = (1_u64 << 53) as f64;
    match value {
        Some(value) if value.fract() == 0.0 && value.abs() <= MAX_EXACT => {
            (value as i64).to_string()
        }
        value => serde_json::Value::from(value).to_string(),
    }
}
