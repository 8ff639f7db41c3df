//! How the things of the API are written. Members are those of the newest generation, which suits readers of all.

use crate::http::{BaseUrl, PageQuery};
use crate::json::{Object, list};
use crate::storage::{Dataset, FileEntry, Listed, Record, Task};

/// Something that is answered as it is.
pub(super) trait Reply {
    /// Writes it as JSON.
    fn write(&self, out: &mut Vec<u8>);

    /// About how many bytes that takes, so that a page need not be moved while it grows.
    fn size(&self) -> usize {
        640
    }
}

impl Reply for Dataset {
    fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object.uuid("id", self.id);
            object.time("created_at", self.created_at);
            object.time("updated_at", self.updated_at);
            // What is deleted is not answered; readers want the member all the same.
            object.raw("deleted_at", "null");
            object.string("name", &self.name);
            object.string("slug", &self.slug);
            object.string("description", &self.description);
            object.uuid("owner_id", self.owner);
            object.uuid("workspace_id", self.workspace);
        });
    }
}

impl Reply for Record {
    fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object.uuid("id", self.id);
            object.time("created_at", self.created_at);
            object.time("updated_at", self.updated_at);
            object.raw("deleted_at", "null");
            object.uuid("dataset_id", self.dataset);
            object.raw("payload", &self.payload);
            object.raw("properties", &self.properties);
            object.string("source", &self.source);
        });
    }

    fn size(&self) -> usize {
        self.payload.len() + self.properties.len() + 320
    }
}

impl Reply for Task {
    fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object.uuid("id", self.id);
            object.time("created_at", self.created_at);
            object.time("updated_at", self.updated_at);
            object.raw("deleted_at", "null");
            object.uuid("creator_id", self.creator);
            object.uuid("dataset_id", self.dataset);
            object.uuid("workspace_id", self.workspace);
            object.string("status", self.status.as_str());
            object.integer("progress", self.progress.0);
            object.optional_string("message", self.message.as_deref());
            match self.counts {
                None => object.raw("result", "null"),
                Some(counts) => Object::write(object.member("result"), |object| {
                    object.integer("requested_record_count", counts.requested);
                    object.integer("imported_record_count", counts.imported);
                    object.integer("skipped_record_count", counts.skipped);
                }),
            }
        });
    }
}

/// One thing as a body.
pub(super) fn one(reply: &impl Reply) -> Vec<u8> {
    let mut out = Vec::with_capacity(reply.size());
    reply.write(&mut out);
    out
}

/// A page of results under its name.
pub(super) fn page<T: Reply>(
    name: &str,
    listed: &Listed<T>,
    query: &PageQuery,
    base: &BaseUrl,
    text: Option<&str>,
) -> Vec<u8> {
    let size = 640 + listed.results.iter().map(Reply::size).sum::<usize>();
    let mut out = Vec::with_capacity(size);
    Object::write(&mut out, |object| {
        Object::write(object.member(name), |page| {
            list(page.member("results"), &listed.results, |out, result: &T| result.write(out));
            query.write(page, listed.count, base, text);
        });
    });
    out
}

/// An object of a few members as a body.
pub(super) fn object(members: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    Object::write(&mut out, members);
    out
}

/// Whether a reply about a file says that it is not deleted: the official clients want that where one file is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FileReply {
    Plain,
    WithDeleted,
}

/// The members of a file.
pub(super) fn file(object: &mut Object<'_>, file: &FileEntry, reply: FileReply) {
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
}
