//! Requests and responses: what every operation shares.

mod auth;
mod body;
mod content;
mod error;
mod multipart;
mod named;
mod own_name;
mod page;
mod path;
mod query;
mod response;
mod service;

pub(crate) use auth::{Caller, Keys};
pub(crate) use body::{JsonBody, length};
pub(crate) use content::content;
pub(crate) use error::ApiError;
pub(crate) use multipart::{UploadForm, on_disk};
pub(crate) use named::Named;
pub(crate) use own_name::under_own_name;
pub(crate) use page::{BaseUrl, PageQuery};
pub(crate) use path::{DatasetPath, FilePath, RecordPath, TaskPath};
pub(crate) use query::{GREATEST, Query};
pub(crate) use response::{json, no_content};
pub(crate) use service::{RequestBody, answer};
