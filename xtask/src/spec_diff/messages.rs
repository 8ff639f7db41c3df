//! Compares the bodies of requests and responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::Document;
use super::error::Error;
use super::flow::{Change, Flow};
use super::operations::Side;
use super::place::Place;
use super::report::{Breaks, Difference};
use super::schemas::Comparison;
use super::shape::Node;
use super::statuses::{Responses, Statuses, is_range, pair};

/// The media type of bytes. Readers of bytes accept any other media type too.
const BYTES: &str = "application/octet-stream";

/// Schemas by media type, in lower case and without parameters.
pub type Content<'a> = BTreeMap<String, Node<'a>>;

/// Returns the differences in request bodies.
pub fn compare_requests<'a>(
    ours: Side<'_, 'a>,
    theirs: Side<'_, 'a>,
) -> Result<Vec<Difference>, Error> {
    let difference = |change: &str, breaks| vec![Difference::new("body", change, breaks)];
    let required = |body: &Value| body.get("required") == Some(&Value::Bool(true));
    let (our_body, their_body) = match (request_body(ours)?, request_body(theirs)?) {
        (Some(our_body), Some(their_body)) => (our_body, their_body),
        (None, None) => return Ok(Vec::new()),
        (Some(_), None) => return Ok(difference("removed", Some(Breaks::Writers))),
        (None, Some(body)) if required(body) => {
            return Ok(difference("added, required", Some(Breaks::Writers)));
        }
        (None, Some(_)) => return Ok(difference("added, optional", None)),
    };
    let mut differences = match (required(our_body), required(their_body)) {
        (false, true) => difference("optional → required", Some(Breaks::Writers)),
        (true, false) => difference("required → optional", None),
        (false, false) | (true, true) => Vec::new(),
    };
    let place = Place::new("body");
    let (our_content, their_content) = (content(our_body), content(their_body));
    let documents = (ours.document, theirs.document);
    differences.extend(bodies(documents, Flow::Request, &place, &our_content, &their_content)?);
    Ok(differences)
}

/// Returns the differences in the statuses and bodies of successful responses.
pub fn compare_responses<'a>(
    ours: Side<'_, 'a>,
    theirs: Side<'_, 'a>,
) -> Result<Vec<Difference>, Error> {
    let our_responses = Responses::of(ours.operation).successes;
    let their_responses = Responses::of(theirs.operation).successes;
    let Statuses { mut both, only_ours, only_theirs } = pair(&our_responses, &their_responses);

    let mut differences = Vec::new();
    for (our, their) in both.iter().filter(|(our, their)| our != their) {
        // Readers reject statuses that our document does not name.
        let change = if is_range(their) { Change::Widened } else { Change::Narrowed };
        let (text, breaks) = (format!("status {our} → {their}"), Flow::Response.breaks(change));
        differences.push(Difference::new(response_place(our, their), text, breaks));
    }
    for our in &only_ours {
        let breaks = their_responses.is_empty().then_some(Breaks::Readers);
        differences.push(Difference::new(format!("response {our}"), "status removed", breaks));
    }
    for their in &only_theirs {
        let place = format!("response {their}");
        differences.push(Difference::new(place, "status added", Some(Breaks::Readers)));
    }
    // If exactly one status was replaced, it is most likely the same response.
    if let ([our], [their]) = (only_ours.as_slice(), only_theirs.as_slice()) {
        both.insert((our.clone(), their.clone()));
    }
    for (our, their) in both {
        let our_content = content(ours.document.follow(our_responses[&our])?);
        let their_content = content(theirs.document.follow(their_responses[&their])?);
        let place = Place::new(response_place(&our, &their));
        let documents = (ours.document, theirs.document);
        differences.extend(bodies(
            documents,
            Flow::Response,
            &place,
            &our_content,
            &their_content,
        )?);
    }
    Ok(differences)
}

fn bodies<'a>(
    (our_document, their_document): (&Document<'a>, &Document<'a>),
    flow: Flow,
    place: &Place,
    ours: &Content<'a>,
    theirs: &Content<'a>,
) -> Result<Vec<Difference>, Error> {
    let mut differences = Vec::new();
    let mut add = |change: String, breaks| {
        differences.push(Difference::new(place.to_string(), change, breaks));
    };
    match (ours.is_empty(), theirs.is_empty()) {
        (true, true) => return Ok(differences),
        (true, false) => {
            add("body added".to_owned(), None);
            return Ok(differences);
        }
        (false, true) => {
            add("body removed".to_owned(), flow.breaks(Change::Different));
            return Ok(differences);
        }
        (false, false) => {}
    }
    for media in ours.keys().filter(|media| covering(theirs, media).is_none()) {
        let accepts_any_media_type = flow == Flow::Response && media == BYTES;
        let breaks = if accepts_any_media_type { None } else { flow.breaks(Change::Different) };
        add(format!("media type {media} removed"), breaks);
    }
    for media in theirs.keys().filter(|media| covering(ours, media).is_none()) {
        // Callers choose the media type of requests, and of responses with `accept`.
        add(format!("media type {media} added"), None);
    }
    for (media, our_schema) in ours {
        let Some(their_schema) = covering(theirs, media) else {
            continue;
        };
        let comparison = Comparison::new(our_document, their_document, flow);
        let comparison = match Form::of(media) {
            Form::Json => comparison,
            Form::Fields => comparison.without_null(),
            Form::Opaque => continue,
        };
        let place =
            if ours.len() == 1 { place.clone() } else { Place::new(format!("{place} {media}")) };
        differences.extend(comparison.run(&place, our_schema, their_schema)?);
    }
    Ok(differences)
}

/// How completely a schema describes a body.
enum Form {
    /// Completely.
    Json,
    /// Completely, except that null cannot be represented.
    Fields,
    /// Not at all.
    Opaque,
}

impl Form {
    fn of(media: &str) -> Self {
        match media {
            "application/json" | "application/*" | "*/*" => Self::Json,
            "multipart/form-data" | "application/x-www-form-urlencoded" => Self::Fields,
            _ if media.ends_with("+json") => Self::Json,
            _ => Self::Opaque,
        }
    }
}

/// Names a response by our status, or by theirs if ours is a range.
fn response_place(our: &str, their: &str) -> String {
    format!("response {}", if is_range(our) { their } else { our })
}

fn request_body<'a>(side: Side<'_, 'a>) -> Result<Option<&'a Value>, Error> {
    side.operation.body.get("requestBody").map(|body| side.document.follow(body)).transpose()
}

/// Returns the content of a request body or response; empty if it has no body.
pub fn content(message: &Value) -> Content<'_> {
    let written = message.get("content").and_then(Value::as_object);
    written
        .into_iter()
        .flatten()
        .map(|(media, described)| {
            let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            (media, Node(described.get("schema").into_iter().collect()))
        })
        .collect()
}

fn covering<'c, 'a>(content: &'c Content<'a>, media: &str) -> Option<&'c Node<'a>> {
    let range = format!("{}/*", media.split('/').next().unwrap_or_default());
    [media, range.as_str(), "*/*"].into_iter().find_map(|media| content.get(media))
}
