//! Serializes responses. Fields are those of the newest API generation, which clients of all generations can read.

use crate::http::{BaseUrl, PageQuery};
use crate::json::Object;
use crate::storage::{
    CampaignEntry, Dataset, FileEntry, Listed, Record, RecordFormat, RecordHead, Task,
};

/// A type that is returned in responses.
pub(super) trait Response {
    /// Appends the value as JSON.
    fn write(&self, out: &mut Vec<u8>);

    /// Returns the approximate size of the JSON in bytes, to allocate a page at once.
    fn size_hint(&self) -> usize {
        640
    }
}

impl Response for Dataset {
    fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object.uuid("id", self.id);
            object.timestamps(self.created_at, self.updated_at);
            // Deleted datasets are never returned, but clients require the field.
            object.raw("deleted_at", "null");
            object.string("name", &self.name);
            object.string("slug", &self.slug);
            object.string("description", &self.description);
            object.uuid("owner_id", self.owner);
            object.uuid("workspace_id", self.workspace);
        });
    }
}

impl Response for Record {
    fn write(&self, out: &mut Vec<u8>) {
        (RECORD.begin)(out, self.head());
        out.extend_from_slice(self.payload.as_bytes());
        (RECORD.middle)(out);
        out.extend_from_slice(self.properties.as_bytes());
        (RECORD.end)(out, self.head());
    }

    fn size_hint(&self) -> usize {
        self.payload.len() + self.properties.len() + 320
    }
}

/// A record.
pub(super) const RECORD: RecordFormat = RecordFormat {
    begin: begin_record,
    middle: |out| Object::next(out, "properties"),
    end: |out, record| Object::resume(out, |object| object.string("source", record.source)),
    single_line: false,
};

/// A record in a page that was started.
pub(super) const LISTED_RECORD: RecordFormat = RecordFormat {
    begin: |out, record| {
        next(out);
        begin_record(out, record);
    },
    ..RECORD
};

/// A record as a line that can be imported again.
pub(super) const RECORD_LINE: RecordFormat = RecordFormat {
    begin: |out, record| {
        let fields = |object: &mut Object<'_>| {
            object.uuid("id", record.id);
            object.timestamps(record.created_at, record.updated_at);
            object.string("source", record.source);
        };
        Object::begin(out, fields, "payload");
    },
    middle: RECORD.middle,
    end: |out, _| out.extend_from_slice(b"}\n"),
    single_line: true,
};

fn begin_record(out: &mut Vec<u8>, record: RecordHead<'_>) {
    let fields = |object: &mut Object<'_>| {
        object.uuid("id", record.id);
        object.timestamps(record.created_at, record.updated_at);
        object.raw("deleted_at", "null");
        object.uuid("dataset_id", record.dataset);
    };
    Object::begin(out, fields, "payload");
}

impl Response for Task {
    fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object.uuid("id", self.id);
            object.timestamps(self.created_at, self.updated_at);
            object.raw("deleted_at", "null");
            object.uuid("creator_id", self.creator);
            object.uuid("dataset_id", self.dataset);
            object.uuid("workspace_id", self.workspace);
            object.string("status", self.status.as_str());
            object.integer("progress", self.progress.0);
            object.optional_string("message", self.message.as_deref());
            match self.counts {
                None => object.raw("result", "null"),
                Some(counts) => Object::write(object.field("result"), |object| {
                    object.integer("requested_record_count", counts.requested);
                    object.integer("imported_record_count", counts.imported);
                    object.integer("skipped_record_count", counts.skipped);
                }),
            }
        });
    }
}

impl Response for CampaignEntry {
    fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object.uuid("id", self.id);
            object.timestamps(self.created_at, self.updated_at);
            object.raw("deleted_at", "null");
            object.string("name", &self.name);
            object.uuid("owner_id", self.owner);
            object.uuid("workspace_id", self.workspace);
            object.string("description", &self.description);
            object.integer("max_nb_events", self.max_events);
            object.raw("search_params", &self.search_params);
            object.raw("judge", &self.judge_copy);
        });
    }

    fn size_hint(&self) -> usize {
        self.search_params.len() + self.judge_copy.len() + self.description.len() + 640
    }
}

/// Returns the body with a single value.
pub(super) fn one(response: &impl Response) -> Vec<u8> {
    let mut out = Vec::with_capacity(response.size_hint());
    response.write(&mut out);
    out
}

/// Returns the body with a page of results under `name`.
pub(super) fn page<T: Response>(
    name: &str,
    listed: &Listed<T>,
    query: &PageQuery,
    base: &BaseUrl,
    text: Option<&str>,
) -> Vec<u8> {
    let size = 640 + listed.results.iter().map(Response::size_hint).sum::<usize>();
    let mut out = Vec::with_capacity(size);
    begin_page(name, &mut out);
    for result in &listed.results {
        next(&mut out);
        result.write(&mut out);
    }
    end_page(&mut out, listed.count, query, base, text);
    out
}

/// Starts a page under `name`. The results follow, and then [`end_page`].
pub(super) fn begin_page(name: &str, out: &mut Vec<u8>) {
    for part in ["{\"", name, "\":{\"results\":["] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Ends a page that was started.
pub(super) fn end_page(
    out: &mut Vec<u8>,
    count: u64,
    query: &PageQuery,
    base: &BaseUrl,
    text: Option<&str>,
) {
    out.push(b']');
    Object::resume(out, |page| query.write(page, count, base, text));
    out.push(b'}');
}

/// Separates a result from the previous one. `out` is either a page or, if it is streamed, the rest of one.
pub(super) fn next(out: &mut Vec<u8>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
}

/// Returns the body with an object.
pub(crate) fn object(fields: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    Object::write(&mut out, fields);
    out
}

/// Whether a file has the field `deleted`. The official clients require it when they retrieve a single file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FileResponse {
    Plain,
    WithDeleted,
}

/// Writes the fields of a file.
pub(super) fn file(object: &mut Object<'_>, file: &FileEntry, response: FileResponse) {
    object.uuid("id", file.id);
    object.string("object", "file");
    object.integer("bytes", file.bytes);
    object.integer("created_at", file.created_at.seconds());
    object.string("filename", &file.name);
    object.string("purpose", &file.purpose);
    // The service derives this from the purpose; clients require a value.
    object.string("sample_type", "instruct");
    object.string("source", "upload");
    object.optional_integer("num_lines", file.lines);
    object.optional_string("mimetype", file.mimetype.as_deref());
    object.string("signature", &file.signature);
    object.optional_integer("expires_at", file.expires_at.map(|time| time.seconds()));
    object.string("visibility", &file.visibility);
    if response == FileResponse::WithDeleted {
        object.raw("deleted", "false");
    }
}
