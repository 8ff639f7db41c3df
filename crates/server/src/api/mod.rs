//! The operations of the API, one file per resource.

mod aggregations;
mod campaigns;
mod datasets;
mod event_fields;
mod event_filter;
mod event_response;
mod events;
#[cfg(feature = "explorer")]
mod explorer;
mod exports;
mod files;
mod imports;
mod judges;
mod links;
mod live_judging;
mod logs;
mod openapi;
mod operations;
mod record_body;
mod records;
mod responses;
mod routes;
mod spans;
mod state;
mod tasks;
mod telemetry;
mod telemetry_fields;
mod telemetry_search;
mod traces;
mod generated {
    pub(crate) mod routes;
}

pub(crate) use exports::ExportLocks;
pub(crate) use generated::routes::OperationRoute;
pub(crate) use links::{linked_workspace, verify_link};
pub(crate) use operations::{OPEN_LINK, find_operation, is_served_by, name_requests, operations};
pub(crate) use responses::object;
pub(crate) use routes::{link_routes, routes, with_fallbacks};
pub(crate) use state::{App, AppParts};
