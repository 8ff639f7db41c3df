//! Building blocks of handlers: authentication, errors, extractors for paths, queries and bodies, and responses.

mod auth;
mod body;
mod context;
mod error;
mod feed;
mod file_response;
mod memory;
mod multipart;
mod otlp_body;
mod page;
mod path;
mod query;
mod request_name;
mod response;

pub(crate) use auth::{Caller, Keys};
pub(crate) use body::{JsonBody, content_length};
pub(crate) use context::{HttpContext, HttpParts, WorkspaceHook};
pub(crate) use error::{ApiError, InvalidKey};
pub(crate) use feed::{FeedQuery, write_cursor};
pub(crate) use file_response::file_response;
pub(crate) use memory::{MemoryBudget, RequestMemory, UNCOUNTED_BYTES, off_runtime};
pub(crate) use multipart::UploadForm;
pub(crate) use otlp_body::OtlpBody;
pub(crate) use page::{BaseUrl, PageQuery};
pub(crate) use path::{
    CampaignPath, DatasetPath, EventFieldPath, EventPath, FilePath, JudgePath, RecordPath,
    SpanPath, TaskPath, TracePath,
};
pub(crate) use query::{MAX_INTEGER, Query};
pub(crate) use request_name::{REQUEST_ID, RequestName, request_id};
pub(crate) use response::{json, no_content};
