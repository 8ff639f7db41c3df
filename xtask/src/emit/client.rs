//! The client's calls: one request type an operation, with its checks.

use super::Output;
use crate::model::Model;

/// Emits the calls of every resource group.
pub fn emit(_model: &Model) -> Result<Vec<Output>, String> {
    Ok(Vec::new())
}
