//! Aggregations, and the values of fields.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params_from_iter};

use super::filter::{ValueSql, from_clause, push_filter, value};
use crate::search::{Aggregate, Kind, Target};
use crate::sqlite::event_filter::Query;
use crate::sqlite::workspaces;
use crate::storage::{
    Aggregation, AggregationResult, AggregationRow, DAY, EXAMINED_ROWS, MAX_VALUE_LENGTH,
    StorageError, TelemetryFilter, TimeBuckets, table,
};
use crate::time::Timestamp;

pub(super) fn aggregate(
    connection: &Connection,
    filter: &TelemetryFilter,
    aggregation: &Aggregation,
) -> Result<AggregationResult, StorageError> {
    let workspace = workspaces::find(connection, filter.workspace)?.unwrap_or_default();
    let (from, to) = time_range(connection, workspace, filter)?;
    let buckets =
        aggregation.granularity.map(|granularity| TimeBuckets::new(granularity, from, to));
    let mut query = Query::default();
    let mut columns = Vec::new();
    if let Some(buckets) = buckets {
        columns.push(bucket(filter, buckets));
    }
    for dimension in &aggregation.dimensions {
        columns.push(value(&mut query, "t", dimension).sql);
    }
    let keys = columns.len();
    columns.push(metric(&mut query, aggregation));
    query.push(&format!("SELECT {} FROM {} WHERE ", columns.join(", "), from_clause(filter)));
    push_filter(&mut query, workspace, filter);
    if keys > 0 {
        let keys: Vec<_> = (1..=keys).map(|key| key.to_string()).collect();
        query.push(&format!(" GROUP BY {}", keys.join(", ")));
    }
    let order = order(aggregation);
    let limit = query.bind(i64::from(aggregation.limit));
    query.push(&format!(" ORDER BY {order} LIMIT {limit}"));
    let mut statement = connection.prepare(&query.sql)?;
    let mut found = statement.query(params_from_iter(query.parameters))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let first = usize::from(buckets.is_some());
        let bucket = if first == 1 { Some(Timestamp::from_seconds(row.get(0)?)) } else { None };
        let dimensions = aggregation.dimensions.iter().enumerate();
        let dimensions = dimensions.map(|(index, target)| dimension(row, first + index, target));
        rows.push(AggregationRow {
            bucket,
            dimensions: dimensions.collect::<Result<_, _>>()?,
            value: row.get(keys)?,
        });
    }
    let granularity_seconds = buckets.and_then(TimeBuckets::seconds);
    Ok(AggregationResult { rows, from, to, granularity_seconds })
}

/// Returns the time range of the filter. Where it is open, the rows of the workspace bound it.
fn time_range(
    connection: &Connection,
    workspace: i64,
    filter: &TelemetryFilter,
) -> Result<(Timestamp, Timestamp), StorageError> {
    let (table, time) = (table(filter.entity), filter.entity.time());
    let bound = |function: &str| -> rusqlite::Result<Option<i64>> {
        let sql = format!("SELECT {function}({time}) FROM {table} WHERE workspace = ?1");
        connection.prepare_cached(&sql)?.query_row([workspace], |row| row.get(0))
    };
    let from = match filter.from {
        Some(from) => Some(from),
        None => bound("min")?.map(|first| Timestamp::from_micros(first / 1_000)),
    };
    let to = match filter.to {
        Some(to) => Some(to),
        None => bound("max")?.map(|last| Timestamp::from_micros(last / 1_000 + 1)),
    };
    let now = Timestamp::now();
    let (from, to) = (from.or(to).unwrap_or(now), to.or(from).unwrap_or(now));
    Ok((from, to.max(from)))
}

/// Returns an expression for the start of the time bucket, in seconds.
fn bucket(filter: &TelemetryFilter, buckets: TimeBuckets) -> String {
    let seconds = format!("(t.{} / 1000000000)", filter.entity.time());
    match buckets {
        TimeBuckets::Seconds(length) => format!("{seconds} / {length} * {length}"),
        // Day 0 was a Thursday.
        TimeBuckets::Weeks => {
            format!("({seconds} + 3 * {DAY}) / (7 * {DAY}) * (7 * {DAY}) - 3 * {DAY}")
        }
        TimeBuckets::Months => format!("unixepoch({seconds}, 'unixepoch', 'start of month')"),
    }
}

fn metric(query: &mut Query, aggregation: &Aggregation) -> String {
    let Some(measure) = &aggregation.measure else { return "count(*)".to_owned() };
    let value = value(query, "t", measure);
    let number = value.number();
    match aggregation.aggregate {
        Aggregate::Count => "count(*)".to_owned(),
        Aggregate::CountDistinct => format!("count(DISTINCT {})", present(&value, measure)),
        // An integer sum might overflow.
        Aggregate::Sum => format!("iif(count({number}) > 0, total({number}), NULL)"),
        Aggregate::Avg => format!("avg({number})"),
        Aggregate::Min => format!("min({number})"),
        Aggregate::Max => format!("max({number})"),
        Aggregate::P50 => format!("percentile({number}, 0.5)"),
        Aggregate::P90 => format!("percentile({number}, 0.9)"),
        Aggregate::P95 => format!("percentile({number}, 0.95)"),
        Aggregate::P99 => format!("percentile({number}, 0.99)"),
    }
}

/// Returns an expression that is null if the value is missing.
fn present(value: &ValueSql, target: &Target) -> String {
    match target.field.kind {
        Kind::Text | Kind::Enum => format!("nullif({}, '')", value.sql),
        Kind::List => format!("nullif({}, '[]')", value.sql),
        Kind::Integer | Kind::Real | Kind::Time | Kind::Map => value.sql.clone(),
    }
}

/// Returns the ORDER BY clause.
fn order(aggregation: &Aggregation) -> String {
    let terms = aggregation.order_by_columns().into_iter();
    let terms = terms
        .map(|(column, descending)| format!("{column}{}", if descending { " DESC" } else { "" }));
    terms.collect::<Vec<_>>().join(", ")
}

/// Returns the value of a dimension as JSON.
fn dimension(row: &Row<'_>, index: usize, target: &Target) -> rusqlite::Result<String> {
    Ok(match (row.get_ref(index)?, target.field.kind) {
        (ValueRef::Text(_), Kind::List) => row.get(index)?,
        (ValueRef::Text(text), _) => {
            serde_json::Value::from(String::from_utf8_lossy(text)).to_string()
        }
        (ValueRef::Integer(time), Kind::Time) => {
            format!("\"{}\"", Timestamp::from_micros(time / 1_000))
        }
        (ValueRef::Integer(number), _) => number.to_string(),
        (ValueRef::Real(number), _) => serde_json::Value::from(number).to_string(),
        (ValueRef::Null | ValueRef::Blob(_), _) => "null".to_owned(),
    })
}

/// Returns distinct values of the newest rows that match, most frequent first.
pub(super) fn values(
    connection: &Connection,
    filter: &TelemetryFilter,
    target: &Target,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let Some(workspace) = workspaces::find(connection, filter.workspace)? else {
        return Ok(Vec::new());
    };
    let mut query = Query::default();
    let value = value(&mut query, "t", target).sql;
    query.push(&format!(
        "WITH newest AS (SELECT {value} AS value FROM {} WHERE ",
        from_clause(filter)
    ));
    push_filter(&mut query, workspace, filter);
    let rows = query.bind(EXAMINED_ROWS);
    query.push(&format!(" ORDER BY t.{} DESC LIMIT {rows}) ", filter.entity.time()));
    query.push(match target.field.kind {
        Kind::List => "SELECT v.value AS option FROM newest, json_each(newest.value) v",
        _ => "SELECT value AS option FROM newest",
    });
    let length = query.bind(MAX_VALUE_LENGTH);
    let limit = query.bind(i64::from(limit));
    query.push(&format!(
        " WHERE option <> '' AND length(option) <= {length} GROUP BY option ORDER BY count(*) DESC, option LIMIT {limit}"
    ));
    let mut statement = connection.prepare(&query.sql)?;
    let values = statement.query_map(params_from_iter(query.parameters), |row| row.get(0))?;
    Ok(values.collect::<Result<_, _>>()?)
}
