//! What rules and the journal call a request.

use http::Method;

use crate::generated::routes::{OPERATIONS, OperationRoute};

/// Opening a signed link, which is no operation of the document.
pub(super) static OPEN_LINK: OperationRoute = OperationRoute {
    operation_id: "open_link",
    method: "GET",
    path: "/files/{file_id}",
    success: 200,
};

/// Everything that can be spoiled by its name.
pub(super) fn all() -> impl Iterator<Item = &'static OperationRoute> {
    OPERATIONS.iter().chain([&OPEN_LINK])
}

/// Whether an operation answers a method. Whatever can be got can be asked for its head.
pub(super) fn answers(operation: &OperationRoute, method: &str) -> bool {
    operation.method == method || (method == "HEAD" && operation.method == "GET")
}

/// The operation that a request to a route asks for.
pub(super) fn of(route: &str, method: &Method) -> Option<&'static OperationRoute> {
    all().find(|operation| operation.path == route && answers(operation, method.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_named_by_route_and_method() {
        let name = |route, method| of(route, &method).map(|operation| operation.operation_id);
        let records = "/v1/observability/datasets/{dataset_id}/records";
        assert_eq!(name(records, Method::POST), Some("create_record"));
        assert_eq!(name(records, Method::GET), Some("list_records"));
        assert_eq!(name(records, Method::HEAD), Some("list_records"));
        assert_eq!(name(records, Method::PUT), None);
        assert_eq!(name("/files/{file_id}", Method::GET), Some("open_link"));
        assert_eq!(name("", Method::GET), None);
    }
}
