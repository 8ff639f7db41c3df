//! Aggregations, and the values of fields.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::conditions::{ValueSql, value};
use super::filter::{Matching, compile};
use super::positions::positions;
use crate::postgres::database::Database;
use crate::postgres::params::params;
use crate::postgres::query::Query;
use crate::postgres::time_limit::Limited;
use crate::postgres::workspaces;
use crate::search::{Aggregate, Kind, Target};
use crate::storage::{
    Aggregation, AggregationResult, AggregationRow, DAY, EXAMINED_ROWS, MAX_VALUE_LENGTH,
    StorageError, TelemetryFilter, TimeBuckets, TimeOrder, table,
};
use crate::time::Timestamp;

/// The maximum number of rows that are aggregated if the database cannot evaluate the filter alone. Their ids are in memory.
const MAX_CHECKED_ROWS: usize = 1_000_000;

pub(super) async fn aggregate(
    database: Database,
    filter: TelemetryFilter,
    aggregation: Aggregation,
) -> Result<AggregationResult, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = Limited::new(connection.read().await?);
    let workspace =
        transaction.run(workspaces::find_or_none(&transaction, filter.workspace)).await?;
    let (from, to) = transaction.run(time_range(&transaction, workspace, &filter)).await?;
    let buckets =
        aggregation.granularity.map(|granularity| TimeBuckets::new(granularity, from, to));
    let mut query = Query::default();
    let condition = match compile(&mut query, workspace, &filter) {
        Matching { check: None, condition, .. } => condition,
        _ => checked(&transaction, &mut query, workspace, &filter, MAX_CHECKED_ROWS + 1).await?,
    };
    push(&mut query, &filter, &aggregation, buckets, &condition);
    let found = transaction
        .run(async { Ok(transaction.query_typed(&query.sql, &query.parameters()).await?) });
    let read = |row: &Row| read(row, &aggregation, buckets.is_some());
    let rows = found.await?.iter().map(read).collect::<Result<_, _>>()?;
    let granularity_seconds = buckets.and_then(TimeBuckets::seconds);
    Ok(AggregationResult { rows, from, to, granularity_seconds })
}

/// Returns a condition for the newest rows that match a filter, at most `max_rows`, which the database cannot evaluate alone. Replaces
/// the query.
async fn checked(
    transaction: &Limited<'_>,
    query: &mut Query<'_>,
    workspace: i64,
    filter: &TelemetryFilter,
    max_rows: usize,
) -> Result<String, StorageError> {
    let newest = TimeOrder::NewestFirst;
    let found = positions(transaction, workspace, filter, newest, None, max_rows).await?;
    if found.len() > MAX_CHECKED_ROWS {
        return Err(StorageError::TimedOut);
    }
    let ids: Vec<i64> = found.iter().map(|found| found.position.row).collect();
    *query = Query::default();
    Ok(format!("t.id = ANY ({})", query.bind(ids)))
}

fn push(
    query: &mut Query<'_>,
    filter: &TelemetryFilter,
    aggregation: &Aggregation,
    buckets: Option<TimeBuckets>,
    condition: &str,
) {
    let mut columns = Vec::new();
    columns.extend(buckets.map(|buckets| bucket(filter, buckets)));
    for dimension in &aggregation.dimensions {
        columns.push(value(query, "t", dimension).sql);
    }
    let keys = columns.len();
    columns.push(format!("({})::double precision", metric(query, aggregation)));
    let (columns, table) = (columns.join(", "), table(filter.entity));
    query.push(&format!("SELECT {columns} FROM {table} t WHERE {condition}"));
    if keys > 0 {
        let keys: Vec<_> = (1..=keys).map(|key| key.to_string()).collect();
        query.push(&format!(" GROUP BY {}", keys.join(", ")));
    }
    let order: Vec<_> = aggregation.order_by_columns().into_iter().map(order).collect();
    let limit = query.bind(i64::from(aggregation.limit));
    query.push(&format!(" ORDER BY {} LIMIT {limit}", order.join(", ")));
}

/// Returns a term of ORDER BY. Null is less than all values.
fn order((column, descending): (usize, bool)) -> String {
    let direction = if descending { "DESC NULLS LAST" } else { "NULLS FIRST" };
    format!("{column} {direction}")
}

/// Returns the time range of the filter. Where it is open, the rows of the workspace bound it.
async fn time_range(
    transaction: &Transaction<'_>,
    workspace: i64,
    filter: &TelemetryFilter,
) -> Result<(Timestamp, Timestamp), StorageError> {
    let (mut from, mut to) = (filter.from, filter.to);
    if from.is_none() || to.is_none() {
        let (table, time) = (table(filter.entity), filter.entity.time());
        let sql = format!("SELECT min({time}), max({time}) FROM {table} WHERE workspace = $1");
        let row = transaction.query_typed_one(&sql, params![workspace]).await?;
        let [first, last]: [Option<i64>; 2] = [row.try_get(0)?, row.try_get(1)?];
        from = from.or(first.map(|first| Timestamp::from_micros(first / 1_000)));
        to = to.or(last.map(|last| Timestamp::from_micros(last / 1_000 + 1)));
    }
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
        TimeBuckets::Months => format!(
            "extract(epoch FROM date_trunc('month', to_timestamp({seconds}) AT TIME ZONE 'UTC'))::bigint"
        ),
    }
}

fn metric(query: &mut Query<'_>, aggregation: &Aggregation) -> String {
    let Some(measure) = &aggregation.measure else { return "count(*)".to_owned() };
    let value = value(query, "t", measure);
    let number = format!("({})::double precision", value.number());
    let percentile =
        |fraction| format!("percentile_cont({fraction}) WITHIN GROUP (ORDER BY {number})");
    match aggregation.aggregate {
        Aggregate::Count => "count(*)".to_owned(),
        Aggregate::CountDistinct => format!("count(DISTINCT {})", present(&value, measure)),
        Aggregate::Sum if measure.field.kind == Kind::Integer => format!("sum({})", value.sql),
        Aggregate::Avg if measure.field.kind == Kind::Integer => format!("avg({})", value.sql),
        Aggregate::Sum => sum(&number),
        Aggregate::Avg => format!("{} / nullif(count({number}), 0)", sum(&number)),
        Aggregate::Min => format!("min({number})"),
        Aggregate::Max => format!("max({number})"),
        Aggregate::P50 => percentile("0.5"),
        Aggregate::P90 => percentile("0.9"),
        Aggregate::P95 => percentile("0.95"),
        Aggregate::P99 => percentile("0.99"),
    }
}

/// Returns an expression for a sum that is infinite if it is too large, where `sum` fails. Large numbers are added on a smaller scale.
fn sum(number: &str) -> String {
    const SCALE: &str = "18446744073709551616::double precision";
    let large = format!("sum({number} / {SCALE}) FILTER (WHERE abs({number}) >= 1e290)");
    let small = format!("sum({number}) FILTER (WHERE abs({number}) < 1e290)");
    format!(
        "(CASE WHEN abs({large}) > 1e288 THEN sign({large}) * 'Infinity'::double precision WHEN {large} IS NULL THEN {small} \
         ELSE coalesce({small}, 0) + {large} * {SCALE} END)"
    )
}

/// Returns an expression that is null if the value is missing.
fn present(value: &ValueSql, target: &Target) -> String {
    match target.field.kind {
        Kind::Text | Kind::Enum => format!("nullif({}, '')", value.sql),
        Kind::List => format!("nullif({}, '[]')", value.sql),
        Kind::Integer | Kind::Real | Kind::Time | Kind::Map => value.sql.clone(),
    }
}

fn read(
    row: &Row,
    aggregation: &Aggregation,
    has_bucket: bool,
) -> Result<AggregationRow, StorageError> {
    let first = usize::from(has_bucket);
    let bucket = if has_bucket { Some(Timestamp::from_seconds(row.try_get(0)?)) } else { None };
    let dimensions = aggregation.dimensions.iter().enumerate();
    let dimensions = dimensions.map(|(index, target)| dimension(row, first + index, target));
    Ok(AggregationRow {
        bucket,
        dimensions: dimensions.collect::<Result<_, _>>()?,
        value: row.try_get(first + aggregation.dimensions.len())?,
    })
}

/// Returns the value of a dimension as JSON.
fn dimension(row: &Row, index: usize, target: &Target) -> Result<String, StorageError> {
    Ok(match target.field.kind {
        Kind::List => row.try_get(index)?,
        Kind::Text | Kind::Enum | Kind::Map => {
            serde_json::Value::from(row.try_get::<_, Option<&str>>(index)?).to_string()
        }
        Kind::Time => {
            let time: i64 = row.try_get(index)?;
            format!("\"{}\"", Timestamp::from_micros(time / 1_000))
        }
        Kind::Integer => row.try_get::<_, i64>(index)?.to_string(),
        Kind::Real => serde_json::Value::from(row.try_get::<_, Option<f64>>(index)?).to_string(),
    })
}

/// Returns distinct values of the newest rows that match, most frequent first.
pub(super) async fn values(
    database: Database,
    filter: TelemetryFilter,
    target: Target,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let mut connection = database.connection().await?;
    let transaction = Limited::new(connection.read().await?);
    let workspace =
        transaction.run(workspaces::find_or_none(&transaction, filter.workspace)).await?;
    let mut query = Query::default();
    let condition = match compile(&mut query, workspace, &filter) {
        Matching { check: None, condition, .. } => condition,
        _ => {
            let rows = EXAMINED_ROWS as usize;
            checked(&transaction, &mut query, workspace, &filter, rows).await?
        }
    };
    let value = value(&mut query, "t", &target).sql;
    let rows = query.bind(EXAMINED_ROWS);
    let (table, time) = (table(filter.entity), filter.entity.time());
    query.push(&format!(
        "WITH newest AS MATERIALIZED (SELECT {value} AS value FROM {table} t WHERE {condition} \
            ORDER BY t.{time} DESC LIMIT {rows}), "
    ));
    query.push(match target.field.kind {
        Kind::List => {
            "options AS (SELECT v.value COLLATE \"C\" AS option FROM newest, jsonb_array_elements_text(json_of(newest.value)) v)"
        }
        _ => "options AS (SELECT value::text COLLATE \"C\" AS option FROM newest)",
    });
    let length = query.bind(MAX_VALUE_LENGTH);
    let limit = query.bind(i64::from(limit));
    query.push(&format!(
        " SELECT option FROM options WHERE option <> '' AND length(option) <= {length} \
         GROUP BY option ORDER BY count(*) DESC, option LIMIT {limit}"
    ));
    let found = transaction
        .run(async { Ok(transaction.query_typed(&query.sql, &query.parameters()).await?) });
    found.await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
