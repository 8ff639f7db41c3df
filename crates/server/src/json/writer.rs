//! Writes JSON responses. Payloads are copied verbatim.

use uuid::Uuid;

use crate::time::Timestamp;

/// An object that is being written.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Writes an object with the fields that the closure writes.
    pub(crate) fn write(out: &'a mut Vec<u8>, fields: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        let mut object = Object { out, empty: true };
        fields(&mut object);
        object.out.push(b'}');
    }

    /// Writes the start of an object: fields, and the name of one whose value the caller appends to `out`.
    pub(crate) fn begin(out: &'a mut Vec<u8>, fields: impl FnOnce(&mut Object<'_>), last: &str) {
        out.push(b'{');
        let mut object = Object { out, empty: true };
        fields(&mut object);
        object.field(last);
    }

    /// Writes the name of a further field of an object. The caller appends the value to `out`.
    pub(crate) fn next(out: &'a mut Vec<u8>, name: &str) {
        Object { out, empty: false }.field(name);
    }

    /// Writes further fields of an object that already has some, and closes it.
    pub(crate) fn resume(out: &'a mut Vec<u8>, fields: impl FnOnce(&mut Object<'_>)) {
        let mut object = Object { out, empty: false };
        fields(&mut object);
        object.out.push(b'}');
    }

    /// Writes the name of a field. The caller must append the value to the returned buffer. The name must not need escapes.
    #[inline(always)]
    pub(crate) fn field(&mut self, name: &str) -> &mut Vec<u8> {
        debug_assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte)));
        let start: &[u8] = if std::mem::take(&mut self.empty) { b"\"" } else { b",\"" };
        self.out.reserve(name.len() + 4);
        self.out.extend_from_slice(start);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        string(self.field(name), value);
    }

    pub(crate) fn optional_string(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.string(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// Writes a field whose value is JSON.
    pub(crate) fn raw(&mut self, name: &str, json: impl AsRef<[u8]>) {
        self.field(name).extend_from_slice(json.as_ref());
    }

    pub(crate) fn uuid(&mut self, name: &str, value: Uuid) {
        let mut text = [b'"'; 38];
        value.hyphenated().encode_lower(&mut text[1..37]);
        self.field(name).extend_from_slice(&text);
    }

    pub(crate) fn time(&mut self, name: &str, value: Timestamp) {
        self.field(name).extend_from_slice(&quoted(value));
    }

    /// Writes `created_at` and `updated_at`. Most are equal, and are then formatted only once.
    pub(crate) fn timestamps(&mut self, created_at: Timestamp, updated_at: Timestamp) {
        let created = quoted(created_at);
        self.raw("created_at", created);
        self.raw("updated_at", if updated_at == created_at { created } else { quoted(updated_at) });
    }

    pub(crate) fn integer(&mut self, name: &str, value: impl Into<i128>) {
        self.raw(name, value.into().to_string());
    }

    pub(crate) fn optional_integer(&mut self, name: &str, value: Option<impl Into<i128>>) {
        match value {
            Some(value) => self.integer(name, value),
            None => self.raw(name, "null"),
        }
    }
}

fn quoted(time: Timestamp) -> [u8; 29] {
    let mut text = [b'"'; 29];
    text[1..28].copy_from_slice(&time.rfc3339());
    text
}

/// Writes an array, calling `item` to write each of its items.
pub(crate) fn array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut item: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, value) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(out, value);
    }
    out.push(b']');
}

/// Writes a string, escaped.
pub(crate) fn string(out: &mut Vec<u8>, value: &str) {
    // Writing a string to a `Vec` cannot fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_in_order() {
        let mut out = Vec::new();
        Object::write(&mut out, |object| {
            object.string("text", "a \"b\"\n");
            object.optional_string("none", None);
            object.raw("raw", "[ 1.0 ]");
            object.uuid("id", Uuid::nil());
            object.time("at", Timestamp::from_micros(1));
            object.timestamps(Timestamp::from_micros(2), Timestamp::from_micros(2));
            object.timestamps(Timestamp::from_micros(3), Timestamp::from_micros(4));
            object.optional_integer("count", Some(7_u64));
            array(object.field("list"), [1, 2], |out, n: i32| {
                out.extend_from_slice(n.to_string().as_bytes());
            });
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"text\":\"a \\\"b\\\"\\n\",\"none\":null,\"raw\":[ 1.0 ],\
             \"id\":\"00000000-0000-0000-0000-000000000000\",\"at\":\"1970-01-01T00:00:00.000001Z\",\
             \"created_at\":\"1970-01-01T00:00:00.000002Z\",\"updated_at\":\"1970-01-01T00:00:00.000002Z\",\
             \"created_at\":\"1970-01-01T00:00:00.000003Z\",\"updated_at\":\"1970-01-01T00:00:00.000004Z\",\
             \"count\":7,\"list\":[1,2]}"
        );
    }
}
