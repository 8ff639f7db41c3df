//! Reads rows as objects of the API.

use mistral_datasets_types::skip;
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::filter::table;
use crate::json::{self, Object};
use crate::search::{Entity, Field, Kind};
use crate::storage::{COLUMN_ATTRIBUTES, StorageError};
use crate::time::Timestamp;

/// Reads the rows of an entity.
pub(super) struct RowReader {
    workspace: Uuid,
    entity: Entity,
    sql: String,
}

fn response_fields(entity: Entity) -> impl Iterator<Item = &'static Field> {
    entity.fields().iter().filter(|field| field.in_response)
}

impl RowReader {
    pub(super) fn new(workspace: Uuid, entity: Entity) -> Self {
        let columns: Vec<_> = response_fields(entity).map(|field| field.name).collect();
        let sql =
            format!("SELECT user_id, {} FROM {} WHERE id = ?1", columns.join(", "), table(entity));
        Self { workspace, entity, sql }
    }

    /// Appends a row as an object, if it exists.
    pub(super) fn write(
        &self,
        connection: &Connection,
        row: i64,
        out: &mut Vec<u8>,
    ) -> Result<(), StorageError> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        statement.query_row([row], |row| self.write_row(row, out)).optional()?;
        Ok(())
    }

    fn write_row(&self, row: &Row<'_>, out: &mut Vec<u8>) -> rusqlite::Result<()> {
        let user: Uuid = row.get(0)?;
        let mut written = Ok(());
        Object::write(out, |object| {
            // A local server has neither customers nor organizations.
            object.string("customer_id", "");
            object.string("organization_id", "");
            object.uuid("workspace_id", self.workspace);
            object.uuid("user_id", user);
            object.string("service_account_id", "");
            written = response_fields(self.entity).enumerate().try_for_each(|(index, field)| {
                let out = object.field(field.name);
                match field.name {
                    "span_attributes" => write_span_attributes(out, row, text(row, index + 1)?),
                    _ => write_value(out, row, index + 1, field.kind),
                }
            });
        });
        written
    }
}

fn text<'a>(row: &'a Row<'_>, index: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(index)?.as_str()?)
}

fn write_value(out: &mut Vec<u8>, row: &Row<'_>, index: usize, kind: Kind) -> rusqlite::Result<()> {
    match kind {
        Kind::Text | Kind::Enum => json::string(out, text(row, index)?),
        Kind::Integer => out.extend_from_slice(row.get::<_, i64>(index)?.to_string().as_bytes()),
        Kind::Real => {
            let number = row.get::<_, Option<f64>>(index)?;
            out.extend_from_slice(serde_json::Value::from(number).to_string().as_bytes());
        }
        Kind::Time => {
            let time = Timestamp::from_micros(row.get::<_, i64>(index)? / 1_000);
            json::string(out, &time.to_string());
        }
        Kind::List | Kind::Map => out.extend_from_slice(text(row, index)?.as_bytes()),
    }
    Ok(())
}

/// Writes the attributes of a span, together with those that are stored only as columns.
fn write_span_attributes(out: &mut Vec<u8>, row: &Row<'_>, stored: &str) -> rusqlite::Result<()> {
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
        let value = row.get_ref(column)?.as_str()?;
        if !value.is_empty() {
            let name = format!("\"{attribute}\"");
            write(out, name.as_bytes(), &mut |out| json::string(out, value));
        }
    }
    out.extend_from_slice(if is_first { b"{}" } else { b"}" });
    Ok(())
}
