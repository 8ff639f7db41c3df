//! Emits the properties of the client that return the resources.

use std::fmt::Write;

use super::text::{class, docstring, name};
use crate::emit::preamble;
use crate::emit::wording::with_none;
use crate::model::{Model, last_part};

/// The paths of the operations that the official SDK has in `beta.observability`.
const OBSERVABILITY: &str = "/v1/observability/";

/// Emits `_groups.py`: the base class of `Mistral`, and the class of `beta.observability`.
pub fn emit(model: &Model) -> String {
    let mut text = preamble("#");
    text.push_str(
        "\n\"\"\"The resources of a client.\"\"\"\n\n\
         from __future__ import annotations\n\n\
         from typing import TYPE_CHECKING\n\n\
         # `resources` is imported on first use, so annotations name it in full.\n\
         import mistral_datasets\n\
         from mistral_datasets._native import Client\n\
         from mistral_datasets._resource import resource_property\n\n\
         if TYPE_CHECKING:\n    import mistral_datasets.resources\n\n\
         __all__ = [\"Groups\", \"Observability\"]\n\n\n\
         class Groups:\n    \"\"\"The resources of a client, which are created on first access.\"\"\"\n\n\
         \x20   _client: Client\n",
    );
    let groups = model.groups_in(None);
    for group in &groups {
        let _ = write!(
            text,
            "\n    @resource_property\n{}        from mistral_datasets.resources import {class}\n\n        return {class}(self._client)\n",
            property(model, group),
            class = class(model, group)
        );
    }
    text.push_str(
        "\n\nclass Observability:\n    \"\"\"The official SDK's `beta.observability` namespace.\"\"\"\n\n\
         \x20   __slots__ = (\"_client\",)\n\n\
         \x20   def __init__(self, client: Groups) -> None:\n        self._client = client\n",
    );
    for group in groups {
        let prefix = format!("{group}.");
        let is_observability = model
            .operations
            .iter()
            .filter(|operation| operation.group == group || operation.group.starts_with(&prefix))
            .all(|operation| operation.path.starts_with(OBSERVABILITY));
        if is_observability {
            let _ = write!(
                text,
                "\n    @property\n{}        return self._client.{}\n",
                property(model, group),
                name(last_part(group))
            );
        }
    }
    text
}

/// Emits the signature and the docstring of a property.
fn property(model: &Model, group: &str) -> String {
    let description = model.group_description(group).map(with_none);
    let doc = description.unwrap_or_else(|| format!("Operations of `{group}`."));
    format!(
        "    def {}(self) -> mistral_datasets.resources.{}:\n{}",
        name(last_part(group)),
        class(model, group),
        docstring(&[doc], 8)
    )
}
