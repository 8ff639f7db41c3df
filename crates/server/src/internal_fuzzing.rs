//! Entry points for the fuzzer. Not part of the public API: it may change in any release.

use std::convert::Infallible;
use std::io::Cursor;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::FromRequest;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::api::verify_link;
use crate::config::Generation;
use crate::content::LinkSigner;
use crate::http::{ApiError, Query, UploadForm};
use crate::imports::{FileLines, LineRules};
use crate::json::Document;
use crate::search::{self, Entity};
use crate::storage::EventMessages;
use crate::telemetry::{self, Encoding};
use crate::time::Timestamp;

/// The maximum nesting depth of arrays and objects.
pub const MAX_DEPTH: usize = crate::json::MAX_DEPTH;

/// Returns the payload and the properties of each line of a file, or why the file is invalid.
pub fn import_lines(
    content: &[u8],
    generation: Generation,
    longest: u64,
) -> Result<Vec<(String, String)>, String> {
    let rules = LineRules { generation, bytes: longest, depth: MAX_DEPTH };
    let lines = FileLines::new(Cursor::new(content.to_vec()), content.len() as u64, rules);
    let records = lines.read_all()?;
    Ok(records.into_iter().map(|record| (record.payload, record.properties)).collect())
}

/// A JSON document and its parts.
#[derive(Debug)]
pub struct Json<'a> {
    /// The document, without surrounding white space.
    pub text: &'a str,
    /// The names (with quotes) and values of an object.
    pub fields: Option<Vec<(&'a str, &'a str)>>,
    /// The items of an array.
    pub items: Option<Vec<&'a str>>,
}

/// Parses a body, or returns why it is invalid.
pub fn json(body: &[u8]) -> Result<Json<'_>, String> {
    let document =
        Document::read(body, "the body", MAX_DEPTH).map_err(|error| error.to_string())?;
    let fields = document.fields().ok().map(|fields| fields.iter_raw().collect());
    let items = document.items(usize::MAX).ok();
    let items = items.map(|items| items.map(|item| item.text()).collect());
    Ok(Json { text: document.text(), fields, items })
}

/// Puts JSON on a single line.
pub fn single_line(text: &str) -> String {
    let line = crate::json::single_line(text.as_bytes()).into_owned();
    String::from_utf8(line).expect("only white space is removed")
}

/// A field of a multipart form.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The file name, if the field is a file.
    pub file_name: Option<String>,
    /// The media type, if given.
    pub content_type: Option<String>,
    /// The content.
    pub content: String,
}

/// Parses a multipart form that is received in chunks of the given size.
pub fn form(content_type: &[u8], body: &[u8], chunk: usize) -> Result<Vec<Field>, String> {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().expect("a runtime"));
    let chunks: Vec<Result<Bytes, Infallible>> = body
        .chunks(chunk.min(body.len()).max(1))
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    let body = Body::from_stream(futures::stream::iter(chunks));
    let request = Request::builder().header(CONTENT_TYPE, content_type).body(body);
    let request = request.map_err(|error| error.to_string())?;
    RUNTIME.block_on(fields(request)).map_err(|error| format!("{error:?}"))
}

async fn fields(request: Request<Body>) -> Result<Vec<Field>, ApiError> {
    let mut form = UploadForm::from_request(request, &()).await?;
    let mut fields = Vec::new();
    while let Some(field) = form.next().await? {
        fields.push(Field {
            name: field.name().to_owned(),
            file_name: field.file_name().map(str::to_owned),
            content_type: field.content_type().map(str::to_owned),
            content: field.text().await?,
        });
    }
    Ok(fields)
}

/// The only file that links are signed for.
pub const LINKED_FILE: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);

fn signer() -> LinkSigner {
    LinkSigner::new(b"the fuzzer knows it, which only helps")
}

/// Returns a link to that file that expires at a Unix time.
pub fn signed_link(expires: i64) -> String {
    signer().link(LINKED_FILE, Timestamp::from_seconds(expires))
}

/// Returns the file that a link gives access to at a Unix time.
pub fn opened_by(link: &str, now: i64) -> Option<Uuid> {
    let link: Uri = link.parse().ok()?;
    let id = Uuid::try_parse(link.path().strip_prefix("/files/")?).ok()?;
    let opened = verify_link(&signer(), id, &Query::of(&link), Timestamp::from_seconds(now));
    matches!(opened, Ok(Ok(()))).then_some(id)
}

/// A span or log record of an OTLP request, as far as it is checked.
#[derive(Debug, PartialEq, Eq)]
pub struct TelemetryItem {
    /// The ID of the trace.
    pub trace_id: String,
    /// The ID of the span.
    pub span_id: String,
    /// What must be JSON objects of strings.
    pub attributes: Vec<String>,
    /// What must be JSON arrays of strings.
    pub lists: Vec<String>,
    /// The messages in the form of the chat API, as JSON arrays. Log records have none.
    pub messages: Vec<String>,
    /// The preview of the last message of the user.
    pub preview: Option<String>,
}

/// Decodes a trace request, or returns why it is invalid.
pub fn otlp_traces(body: &[u8], is_json: bool) -> Result<Vec<TelemetryItem>, String> {
    let spans = telemetry::traces(body, encoding(is_json), Uuid::nil(), &|_| true);
    let spans = spans.map_err(|error| error.to_string())?.take(u64::MAX);
    let items = spans.into_iter().map(|span| TelemetryItem {
        trace_id: span.trace_id,
        span_id: span.span_id,
        attributes: vec![span.resource_attributes],
        lists: vec![
            span.request_stop_sequences,
            span.request_encoding_formats,
            span.response_finish_reasons,
        ],
        messages: telemetry::messages(EventMessages::Span {
            system_instructions: span.system_instructions,
            input: span.input_messages,
            output: span.output_messages,
        })
        .into(),
        preview: span.event.and_then(|event| event.last_user_message_preview),
    });
    Ok(items.collect())
}

/// Decodes a request of log records, or returns why it is invalid.
pub fn otlp_logs(body: &[u8], is_json: bool) -> Result<Vec<TelemetryItem>, String> {
    let records = telemetry::logs(body, encoding(is_json), &|_| true);
    let records = records.map_err(|error| error.to_string())?.take(u64::MAX);
    let items = records.into_iter().map(|record| TelemetryItem {
        trace_id: record.trace_id,
        span_id: record.span_id,
        attributes: vec![
            record.resource_attributes,
            record.scope_attributes,
            record.log_attributes,
        ],
        lists: Vec::new(),
        messages: Vec::new(),
        preview: None,
    });
    Ok(items.collect())
}

fn encoding(is_json: bool) -> Encoding {
    if is_json { Encoding::Json } else { Encoding::Protobuf }
}

/// Returns the canonical text of a search expression for each entity, or the number of characters that precede its error.
pub fn search_expression(text: &str) -> [Result<String, usize>; 4] {
    Entity::ALL.map(|entity| match search::parse(entity, text) {
        Ok(expression) => {
            Ok(expression.map(|expression| expression.to_string()).unwrap_or_default())
        }
        Err(error) => Err(error.offset),
    })
}
