//! Operations on uploaded files.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::responses::{self, FileResponse};
use super::state::App;
use crate::content::ContentSink;
use crate::housekeeping::remove_discarded_files;
use crate::http::{
    ApiError, BaseUrl, Caller, FilePath, MAX_INTEGER, Query, UploadForm, file_response, json,
};
use crate::json::{Object, array};
use crate::storage::{FileEntry, FileFilter, NewFile, StorageError, Window};
use crate::time::Timestamp;

/// The purpose of files that were uploaded without one. This is an assumption: the service has no purpose for datasets, but the
/// official clients require a known one.
const DEFAULT_PURPOSE: &str = "batch";

/// The maximum number of files on a page. It bounds the size of a response. The API documents no maximum, so a larger page size is
/// not an error; it has the same effect as this one.
const MAX_PAGE_SIZE: u64 = 1_000;

/// The longest lifetime of files and links, in hours: a hundred years. Longer requested ones are shortened.
const MAX_HOURS: u64 = 100 * 366 * 24;

/// The maximum length of a file name or a purpose, in characters.
const MAX_NAME_LENGTH: usize = 255;

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    let page = query.integer("page", 0..=MAX_INTEGER, 0)?;
    let size = query.integer("page_size", 0..=MAX_INTEGER, 100)?.min(MAX_PAGE_SIZE);
    let with_total = query.boolean("include_total", true)?;
    let non_empty = |name| Ok::<_, ApiError>(query.text(name)?.filter(|text| !text.is_empty()));
    let filter = FileFilter {
        containing: non_empty("search")?.map(str::to_owned),
        purpose: non_empty("purpose")?.map(str::to_owned),
    };
    // The page size is limited, so this does not truncate.
    let window = Window { offset: page.saturating_mul(size), limit: size as u32 };
    let listed = app.storage.files(caller.workspace, filter, window).await?;
    let body = responses::object(|object| {
        array(object.field("data"), &listed.results, |out, file| {
            Object::write(out, |object| responses::file(object, file, FileResponse::Plain));
        });
        object.string("object", "list");
        object.optional_integer("total", with_total.then_some(listed.count));
    });
    Ok(json(StatusCode::OK, body))
}

/// The fields of an upload received so far.
#[derive(Default)]
struct Upload {
    file: Option<(ContentSink, String, Option<String>)>,
    purpose: Option<String>,
    expires_at: Option<Timestamp>,
    visibility: Option<String>,
}

pub(super) async fn upload(
    State(app): State<App>,
    caller: Caller,
    mut form: UploadForm,
) -> Result<Response, ApiError> {
    let mut upload = Upload::default();
    while let Some(field) = form.next().await? {
        match field.name() {
            "file" => {
                if upload.file.is_some() {
                    return Err(ApiError::validation("file: given more than once"));
                }
                let name = field.file_name().ok_or_else(|| {
                    ApiError::validation(
                        "file: expected a file with a `filename`, found a text field",
                    )
                })?;
                let name = file_name(name)?;
                let mimetype = field.content_type().map(str::to_owned);
                let incoming = field.store(&*app.contents, app.http.limits.file_bytes).await?;
                upload.file = Some((incoming, name, mimetype));
            }
            "purpose" => upload.purpose = Some(purpose(field.text().await?)?),
            "expiry" => upload.expires_at = Some(expiry(&field.text().await?)?),
            "visibility" => upload.visibility = Some(visibility(field.text().await?)?),
            _ => field.skip().await?,
        }
    }
    let Some((incoming, name, mimetype)) = upload.file else {
        return Err(ApiError::validation("file: required"));
    };
    let stored = incoming.finish().await?;
    let has_lines = name.to_ascii_lowercase().ends_with(".jsonl");
    let new = NewFile {
        id: stored.id,
        export: None,
        expires_at: upload.expires_at,
        name,
        bytes: stored.bytes,
        purpose: upload.purpose.unwrap_or_else(|| DEFAULT_PURPOSE.to_owned()),
        mimetype,
        visibility: upload.visibility.unwrap_or_else(|| "workspace".to_owned()),
        lines: has_lines.then_some(stored.lines),
        signature: stored.sha256,
    };
    let file = add(&app, caller, new).await?;
    let body = responses::object(|object| responses::file(object, &file, FileResponse::Plain));
    Ok(json(StatusCode::OK, body))
}

/// Validates a file name. Only the last component is used, because some clients send a path.
fn file_name(name: &str) -> Result<String, ApiError> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    match name.chars().count() {
        0 => Err(ApiError::validation("file: `filename` must not be empty")),
        1..=MAX_NAME_LENGTH if !name.contains('\0') => Ok(name.to_owned()),
        _ => Err(ApiError::validation(format!(
            "file: `filename` must have at most {MAX_NAME_LENGTH} characters and must not contain U+0000"
        ))),
    }
}

fn purpose(text: String) -> Result<String, ApiError> {
    match text.chars().count() {
        1..=MAX_NAME_LENGTH if !text.contains('\0') => Ok(text),
        _ => Err(ApiError::validation(format!(
            "purpose: expected 1 to {MAX_NAME_LENGTH} characters other than U+0000"
        ))),
    }
}

fn expiry(text: &str) -> Result<Timestamp, ApiError> {
    let hours = text.trim().parse().ok().filter(|hours| (1..=MAX_INTEGER).contains(hours));
    let hours = hours.ok_or_else(|| {
        ApiError::validation("expiry: expected a whole number of hours of at least 1")
    })?;
    Ok(after(hours))
}

fn visibility(text: String) -> Result<String, ApiError> {
    match text.as_str() {
        "workspace" | "user" => Ok(text),
        _ => Err(ApiError::validation("visibility: expected `workspace` or `user`")),
    }
}

fn after(hours: u64) -> Timestamp {
    Timestamp::now().plus(Duration::from_secs(hours.min(MAX_HOURS) * 3600))
}

pub(super) async fn retrieve(
    State(app): State<App>,
    caller: Caller,
    FilePath(id): FilePath,
) -> Result<Response, ApiError> {
    let file = app.storage.file(caller.workspace, id).await?;
    let body =
        responses::object(|object| responses::file(object, &file, FileResponse::WithDeleted));
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    FilePath(id): FilePath,
) -> Result<Response, ApiError> {
    app.storage.delete_file(caller.workspace, id).await?;
    // The file no longer exists for clients. The space of its content is free when they receive the response. If that fails,
    // housekeeping tries again.
    if let Err(error) = remove_discarded_files(&*app.storage, &*app.contents).await {
        tracing::warn!(%error, "failed to remove the content of a deleted file");
    }
    app.cleanup.erase();
    let body = responses::object(|object| {
        object.uuid("id", id);
        object.string("object", "file");
        object.raw("deleted", "true");
    });
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn download(
    State(app): State<App>,
    caller: Caller,
    FilePath(id): FilePath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let entry = app.storage.file(caller.workspace, id).await?;
    read(&app, &entry, &headers).await
}

pub(super) async fn signed_url(
    State(app): State<App>,
    caller: Caller,
    FilePath(id): FilePath,
    base: BaseUrl,
    query: Query,
) -> Result<Response, ApiError> {
    let hours = query.integer("expiry", 1..=MAX_INTEGER, 24)?;
    app.storage.file(caller.workspace, id).await?;
    let url = base.link(&app.link_signer.link(id, after(hours)));
    let body = responses::object(|object| object.string("url", &url));
    Ok(json(StatusCode::OK, body))
}

/// Adds a file whose content is stored. If that is refused, the content is removed.
pub(super) async fn add(app: &App, caller: Caller, new: NewFile) -> Result<FileEntry, ApiError> {
    let id = new.id;
    match app.storage.add_file(caller.workspace, new).await {
        Ok(file) => Ok(file),
        Err(error) => {
            // After other errors, the file may exist after a restart. If not, its content is removed then.
            if matches!(error, StorageError::Missing(_) | StorageError::Full)
                && let Err(error) = app.contents.delete(vec![id]).await
            {
                tracing::warn!(%error, "failed to remove the content of a file that was not added");
            }
            Err(error.into())
        }
    }
}

/// Returns a response with the content of a file or an export.
pub(super) async fn read(
    app: &App,
    entry: &FileEntry,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let (damaged_in, id) = (app.clone(), entry.id);
    let on_damage = move || {
        let app = damaged_in.clone();
        tokio::spawn(async move {
            // A damaged export must not be reused.
            match app.storage.discard_export(id).await {
                Ok(()) => app.cleanup.remove(),
                Err(error) => tracing::warn!(%id, %error, "failed to discard a damaged export"),
            }
        });
    };
    file_response(&*app.contents, entry, headers, on_damage).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_the_last_component_of_a_path() {
        assert_eq!(file_name("C:\\data\\a b.jsonl").unwrap(), "a b.jsonl");
        assert_eq!(file_name("../../etc/passwd").unwrap(), "passwd");
        assert!(file_name("").is_err());
        assert!(file_name("dir/").is_err());
        assert!(file_name(&"x".repeat(256)).is_err());
    }
}
