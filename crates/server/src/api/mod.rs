//! The operations: what each takes, does and answers.

mod datasets;
mod docs;
mod exports;
mod faults;
mod files;
mod health;
mod imports;
mod links;
mod metrics;
mod openapi;
mod planting;
mod records;
mod responses;
mod routes;
mod tasks;

pub(crate) use links::linked_workspace;
pub(crate) use links::opens;
pub(crate) use routes::{own_route, router};
