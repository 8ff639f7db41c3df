//! Maps the operations of the OpenAPI document to their handlers.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, get, on, post};
use http::{Method, StatusCode};
use mistral_datasets_types::ErrorCode;

use super::generated::routes::OPERATIONS;
use super::operations::OPEN_LINK;
use super::state::App;
use super::{
    campaigns, datasets, event_fields, events, exports, files, imports, judges, links,
    live_judging, logs, openapi, records, spans, tasks, telemetry, traces,
};
use crate::http::{ApiError, Caller, no_content};

/// Operations of the document that the server does not support, with the reason for the FEATURE_NOT_SUPPORTED error.
const UNSUPPORTED: &[(&str, &str)] = &[];

/// Returns the handler of a supported operation.
fn handler(operation_id: &str, method: MethodFilter) -> Option<MethodRouter<App>> {
    Some(match operation_id {
        "list_datasets" => on(method, datasets::list),
        "create_dataset" => on(method, datasets::create),
        "fetch_dataset" => on(method, datasets::fetch),
        "update_dataset" => on(method, datasets::update),
        "delete_dataset" => on(method, datasets::delete),
        "list_records" => on(method, records::list),
        "create_record" => on(method, records::create),
        "import_from_campaign" => on(method, imports::from_campaign),
        "import_from_explorer" => on(method, imports::from_explorer),
        "import_from_file" => on(method, imports::from_file),
        "import_from_playground" => on(method, imports::from_playground),
        "import_from_spans" => on(method, imports::from_spans),
        "import_from_dataset_records" => on(method, imports::from_dataset_records),
        "export_to_jsonl" => on(method, exports::to_jsonl),
        "fetch_task" => on(method, tasks::fetch),
        "list_tasks" => on(method, tasks::list),
        "bulk_delete_records" => on(method, records::bulk_delete),
        "fetch_record" => on(method, records::fetch),
        "delete_record" => on(method, records::delete),
        "update_record_payload" => on(method, records::update_payload),
        "update_record_properties" => on(method, records::update_properties),
        "judge_record" => on(method, live_judging::record),
        "judge_event" => on(method, live_judging::event),
        "list_judges" => on(method, judges::list),
        "create_judge" => on(method, judges::create),
        "fetch_judge" => on(method, judges::fetch),
        "update_judge" => on(method, judges::update),
        "delete_judge" => on(method, judges::delete),
        "judge_conversation" => on(method, live_judging::conversation),
        "search_events" => on(method, events::search),
        "search_event_ids" => on(method, events::search_ids),
        "fetch_event" => on(method, events::fetch),
        "fetch_similar_events" => on(method, events::similar),
        "list_event_fields" => on(method, event_fields::list),
        "fetch_event_field_options" => on(method, event_fields::options),
        "fetch_event_field_option_counts" => on(method, event_fields::option_counts),
        "list_campaigns" => on(method, campaigns::list),
        "create_campaign" => on(method, campaigns::create),
        "fetch_campaign" => on(method, campaigns::fetch),
        "delete_campaign" => on(method, campaigns::delete),
        "fetch_campaign_status" => on(method, campaigns::status),
        "list_campaign_events" => on(method, campaigns::events),
        "search_spans" => on(method, spans::search),
        "aggregate_spans" => on(method, spans::aggregate),
        "list_span_fields" => on(method, spans::fields),
        "fetch_span_field_options" => on(method, spans::options),
        "search_span_evaluations" => on(method, spans::search_evaluations),
        "search_latest_span_evaluations" => on(method, spans::search_latest_evaluations),
        "aggregate_span_evaluations" => on(method, spans::aggregate_evaluations),
        "list_span_evaluation_fields" => on(method, spans::evaluation_fields),
        "fetch_span_evaluation_field_options" => on(method, spans::evaluation_options),
        "search_traces" => on(method, traces::search),
        "aggregate_traces" => on(method, traces::aggregate),
        "get_trace_by_id" => on(method, traces::fetch),
        "get_trace_spans" => on(method, traces::spans),
        "get_span_by_id" => on(method, traces::span),
        "get_trace_fields" => on(method, traces::fields),
        "fetch_trace_field_options" => on(method, traces::options),
        "search_logs" => on(method, logs::search),
        "list_log_fields" => on(method, logs::fields),
        "fetch_log_field_options" => on(method, logs::options),
        "list_files" => on(method, files::list),
        "upload_file" => on(method, files::upload),
        "retrieve_file" => on(method, files::retrieve),
        "delete_file" => on(method, files::delete),
        "download_file" => on(method, files::download),
        "get_signed_url" => on(method, files::signed_url),
        _ => return None,
    })
}

/// Returns the handler of an operation that is listed as unsupported.
fn unsupported_handler(operation_id: &str, method: MethodFilter) -> Option<MethodRouter<App>> {
    let (_, reason) = UNSUPPORTED.iter().find(|(listed, _)| *listed == operation_id)?;
    Some(on(method, move |_: Caller| async move {
        ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::FeatureNotSupported, *reason)
    }))
}

/// Returns the route of signed links.
pub(crate) fn link_routes(app: App) -> Router {
    Router::new().route(OPEN_LINK.path, get(links::open)).with_state(app)
}

/// Returns the routes of the API and its documentation, with the API explorer if `explorer` is set and the feature is enabled.
pub(crate) fn routes(app: App, explorer: bool) -> Router {
    let mut router = Router::new();
    for operation in OPERATIONS {
        // An operation of another generation is an unknown route.
        if !app.generation.has(operation.generations) {
            continue;
        }
        let method = Method::from_bytes(operation.method.as_bytes()).ok();
        let method = method.and_then(|method| MethodFilter::try_from(method).ok());
        let Some(method) = method else { continue };
        let served = handler(operation.operation_id, method);
        if let Some(handler) =
            served.or_else(|| unsupported_handler(operation.operation_id, method))
        {
            router = router.route(operation.path, handler);
        }
    }
    #[cfg(feature = "explorer")]
    if explorer {
        use super::explorer;

        router =
            router.route("/docs", get(explorer::page)).route("/docs/{part}", get(explorer::asset));
    }
    #[cfg(not(feature = "explorer"))]
    let _ = explorer;
    router
        .route("/openapi.json", get(openapi::document))
        .route("/telemetry/v1/traces", post(telemetry::traces))
        .route("/telemetry/v1/logs", post(telemetry::logs))
        .route("/telemetry/v1/metrics", post(telemetry::metrics))
        // The extractors enforce their own limits, with error responses of the API.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// Adds responses for unknown routes and methods. Call this when all routes have been added.
pub(crate) fn with_fallbacks(router: Router) -> Router {
    router.fallback(unknown_route).method_not_allowed_fallback(unsupported_method)
}

async fn unknown_route() -> ApiError {
    ApiError::not_found("route not found")
}

/// Handles methods that a route does not support. The router adds the header `Allow`.
async fn unsupported_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return no_content();
    }
    let message =
        format!("method {method} is not allowed; see the header `Allow` for allowed methods");
    let status = StatusCode::METHOD_NOT_ALLOWED;
    ApiError::new(status, ErrorCode::ValidationError, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_supported_or_listed_with_a_reason() {
        let mut problems = Vec::new();
        for operation in OPERATIONS {
            let id = operation.operation_id;
            let reason = UNSUPPORTED.iter().find(|(listed, _)| *listed == id).map(|(_, why)| *why);
            match (handler(id, MethodFilter::GET).is_some(), reason) {
                (false, None) => problems.push(format!("{id}: neither supported nor listed")),
                (true, Some(_)) => {
                    problems.push(format!("{id}: supported but listed as unsupported"))
                }
                (false, Some("")) => problems.push(format!("{id}: no reason")),
                _ => {}
            }
        }
        for (listed, _) in UNSUPPORTED {
            if !OPERATIONS.iter().any(|operation| operation.operation_id == *listed) {
                problems.push(format!("{listed}: listed, but not in the document"));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
