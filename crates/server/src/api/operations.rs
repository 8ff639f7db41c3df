//! Looks up operations of the API, and sets the name of a request in the log and the metrics.

use axum::extract::{MatchedPath, Request};
use http::Method;

use super::generated::routes::{OPERATIONS, OperationRoute};
use crate::http::RequestName;

/// The route of signed links, which is not an operation of the OpenAPI document.
pub(crate) static OPEN_LINK: OperationRoute = OperationRoute {
    operation_id: "open_link",
    method: "GET",
    path: "/files/{file_id}",
    success: 200,
    generations: &[],
};

/// Returns every operation, including [`OPEN_LINK`].
pub(crate) fn operations() -> impl Iterator<Item = &'static OperationRoute> {
    OPERATIONS.iter().chain([&OPEN_LINK])
}

/// Returns whether an operation handles a method. GET operations also handle HEAD.
pub(crate) fn is_served_by(operation: &OperationRoute, method: &str) -> bool {
    operation.method == method || (method == "HEAD" && operation.method == "GET")
}

/// Returns the operation with a route and a method.
pub(crate) fn find_operation(route: &str, method: &Method) -> Option<&'static OperationRoute> {
    operations()
        .find(|operation| operation.path == route && is_served_by(operation, method.as_str()))
}

/// Routes that are not operations of the document; the log and the metrics name them by their paths.
const OTHER_ROUTES: &[&str] = &[
    "/docs",
    "/docs/{part}",
    "/healthz",
    "/livez",
    "/local/v1/campaigns",
    "/local/v1/chat-completion-events",
    "/local/v1/conversations",
    "/local/v1/faults",
    "/local/v1/requests",
    "/local/v1/reset",
    "/metrics",
    "/openapi.json",
    "/readyz",
    "/telemetry/v1/logs",
    "/telemetry/v1/metrics",
    "/telemetry/v1/traces",
];

/// Sets the [`RequestName`] of a request that has matched a route.
pub(crate) fn name_requests(request: Request) -> Request {
    if let Some(name) = request.extensions().get::<RequestName>()
        && let Some(route) = request.extensions().get::<MatchedPath>()
    {
        let route = route.as_str();
        let operation = find_operation(route, request.method());
        let known = operation
            .map(|operation| operation.operation_id)
            .or_else(|| OTHER_ROUTES.iter().find(|other| **other == route).copied());
        if let Some(known) = known {
            name.set(known);
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_found_by_route_and_method() {
        let name =
            |route, method| find_operation(route, &method).map(|operation| operation.operation_id);
        let records = "/v1/observability/datasets/{dataset_id}/records";
        assert_eq!(name(records, Method::POST), Some("create_record"));
        assert_eq!(name(records, Method::GET), Some("list_records"));
        assert_eq!(name(records, Method::HEAD), Some("list_records"));
        assert_eq!(name(records, Method::PUT), None);
        assert_eq!(name("/files/{file_id}", Method::GET), Some("open_link"));
        assert_eq!(name("", Method::GET), None);
    }
}
