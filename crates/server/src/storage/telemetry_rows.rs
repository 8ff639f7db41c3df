//! Writes rows of telemetry as objects of the API.

use mistral_datasets_types::skip;
use uuid::Uuid;

use super::COLUMN_ATTRIBUTES;
use crate::json::{self, Object};
use crate::search::{Entity, Field, Kind};
use crate::time::Timestamp;

/// A row with the columns of [`row_columns`].
pub(crate) trait TelemetryRow {
    /// The error if a column has another type.
    type Error;

    fn uuid(&self, column: usize) -> Result<Uuid, Self::Error>;

    fn text(&self, column: usize) -> Result<&str, Self::Error>;

    fn integer(&self, column: usize) -> Result<i64, Self::Error>;

    fn real(&self, column: usize) -> Result<Option<f64>, Self::Error>;
}

/// Returns the table of an entity.
pub(crate) fn table(entity: Entity) -> &'static str {
    match entity {
        Entity::Spans => "spans",
        Entity::Traces => "traces",
        Entity::Logs => "logs",
        Entity::Evaluations => "span_evaluations",
    }
}

fn response_fields(entity: Entity) -> impl Iterator<Item = &'static Field> {
    entity.fields().iter().filter(|field| field.in_response)
}

/// Returns the columns that the objects of an entity are made of, for a SELECT.
pub(crate) fn row_columns(entity: Entity) -> String {
    let columns = response_fields(entity).map(|field| field.name);
    ["user_id"].into_iter().chain(columns).collect::<Vec<_>>().join(", ")
}

/// Returns the index of a field in [`row_columns`].
fn column_index(entity: Entity, name: &str) -> usize {
    1 + response_fields(entity).take_while(|field| field.name != name).count()
}

/// Appends a row as an object.
pub(crate) fn write_row<R: TelemetryRow>(
    out: &mut Vec<u8>,
    row: &R,
    workspace: Uuid,
    entity: Entity,
) -> Result<(), R::Error> {
    let user = row.uuid(0)?;
    let mut written = Ok(());
    Object::write(out, |object| {
        // A local server has neither customers nor organizations.
        object.string("customer_id", "");
        object.string("organization_id", "");
        object.uuid("workspace_id", workspace);
        object.uuid("user_id", user);
        object.string("service_account_id", "");
        written = response_fields(entity).enumerate().try_for_each(|(index, field)| {
            let out = object.field(field.name);
            match field.name {
                "span_attributes" => write_span_attributes(out, row, row.text(index + 1)?),
                _ => write_value(out, row, index + 1, field.kind),
            }
        });
    });
    written
}

fn write_value<R: TelemetryRow>(
    out: &mut Vec<u8>,
    row: &R,
    column: usize,
    kind: Kind,
) -> Result<(), R::Error> {
    match kind {
        Kind::Text | Kind::Enum => json::string(out, row.text(column)?),
        Kind::Integer => out.extend_from_slice(row.integer(column)?.to_string().as_bytes()),
        Kind::Real => {
            let number = row.real(column)?;
            out.extend_from_slice(serde_json::Value::from(number).to_string().as_bytes());
        }
        Kind::Time => {
            let time = Timestamp::from_micros(row.integer(column)? / 1_000);
            json::string(out, &time.to_string());
        }
        Kind::List | Kind::Map => out.extend_from_slice(row.text(column)?.as_bytes()),
    }
    Ok(())
}

/// Writes the attributes of a span, together with those that are stored only as columns.
fn write_span_attributes<R: TelemetryRow>(
    out: &mut Vec<u8>,
    row: &R,
    stored: &str,
) -> Result<(), R::Error> {
    let mut missing = COLUMN_ATTRIBUTES.to_vec();
    let mut is_first = true;
    let mut write = |out: &mut Vec<u8>, name: &[u8], value: &mut dyn FnMut(&mut Vec<u8>)| {
        out.push(if std::mem::take(&mut is_first) { b'{' } else { b',' });
        out.extend_from_slice(name);
        out.push(b':');
        value(out);
    };
    for (name, value) in skip::fields(stored) {
        let key = name.trim_matches('"');
        missing.retain(|(attribute, _)| *attribute != key);
        if value != "null" {
            write(out, name.as_bytes(), &mut |out| out.extend_from_slice(value.as_bytes()));
        }
    }
    for (attribute, column) in missing {
        let value = row.text(column_index(Entity::Spans, column))?;
        if !value.is_empty() {
            let name = format!("\"{attribute}\"");
            write(out, name.as_bytes(), &mut |out| json::string(out, value));
        }
    }
    out.extend_from_slice(if is_first { b"{}" } else { b"}" });
    Ok(())
}
