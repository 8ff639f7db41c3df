//! How the things of the API are written. Members are those of the newest generation, which suits readers of all.

use crate::http::{BaseUrl, PageQuery};
use crate::json::{Object, list};
use crate::storage::{Dataset, FileEntry, Listed, Record, Task};

pub(super) fn dataset(out: &mut Vec<u8>, dataset: &Dataset) {
    Object::write(out, |object| {
        object.uuid("id", dataset.id);
        object.time("created_at", dataset.created_at);
        object.time("updated_at", dataset.updated_at);
        // What is deleted is not answered; readers want the member all the same.
        object.raw("deleted_at", "null");
        object.string("name", &dataset.name);
        object.string("slug", &dataset.slug);
        object.string("description", &dataset.description);
        object.uuid("owner_id", dataset.owner);
        object.uuid("workspace_id", dataset.workspace);
    });
}

pub(super) fn record(out: &mut Vec<u8>, record: &Record) {
    out.reserve(record.payload.len() + record.properties.len() + 384);
    Object::write(out, |object| {
        object.uuid("id", record.id);
        object.time("created_at", record.created_at);
        object.time("updated_at", record.updated_at);
        object.raw("deleted_at", "null");
        object.uuid("dataset_id", record.dataset);
        object.raw("payload", &record.payload);
        object.raw("properties", &record.properties);
        object.string("source", &record.source);
    });
}

pub(super) fn task(out: &mut Vec<u8>, task: &Task) {
    Object::write(out, |object| {
        object.uuid("id", task.id);
        object.time("created_at", task.created_at);
        object.time("updated_at", task.updated_at);
        object.raw("deleted_at", "null");
        object.uuid("creator_id", task.creator);
        object.uuid("dataset_id", task.dataset);
        object.uuid("workspace_id", task.workspace);
        object.string("status", task.status.as_str());
        object.integer("progress", task.progress.0);
        object.optional_string("message", task.message.as_deref());
        match task.counts {
            None => object.raw("result", "null"),
            Some(counts) => Object::write(object.member("result"), |object| {
                object.integer("requested_record_count", counts.requested);
                object.integer("imported_record_count", counts.imported);
                object.integer("skipped_record_count", counts.skipped);
            }),
        }
    });
}

/// Whether a reply about a file says that it is not deleted: the official clients want that where one file is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FileReply {
    Plain,
    WithDeleted,
}

pub(super) fn file(out: &mut Vec<u8>, file: &FileEntry, reply: FileReply) {
    Object::write(out, |object| {
        object.uuid("id", file.id);
        object.string("object", "file");
        object.integer("bytes", file.bytes);
        object.integer("created_at", file.created_at.seconds());
        object.string("filename", &file.name);
        object.string("purpose", &file.purpose);
        // The service tells what is in a file by its purpose; readers want some text here.
        object.string("sample_type", "instruct");
        object.string("source", "upload");
        object.optional_integer("num_lines", file.lines);
        object.optional_string("mimetype", file.mimetype.as_deref());
        object.string("signature", &file.signature);
        object.optional_integer("expires_at", file.expires_at.map(|time| time.seconds()));
        object.string("visibility", &file.visibility);
        if reply == FileReply::WithDeleted {
            object.raw("deleted", "false");
        }
    });
}

/// A page of results under its name.
pub(super) fn page<T>(
    name: &str,
    listed: &Listed<T>,
    query: &PageQuery,
    base: &BaseUrl,
    text: Option<&str>,
    item: impl Fn(&mut Vec<u8>, &T),
) -> Vec<u8> {
    let mut out = Vec::new();
    Object::write(&mut out, |object| {
        Object::write(object.member(name), |page| {
            list(page.member("results"), &listed.results, item);
            query.write(page, listed.count, base, text);
        });
    });
    out
}

/// One thing as a body.
pub(super) fn one<T>(value: &T, write: impl FnOnce(&mut Vec<u8>, &T)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}
