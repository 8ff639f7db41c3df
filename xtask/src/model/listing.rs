//! Recognizes the operations that list items page by page.

use super::{Field, Kind, Model, Operation, Response, Type};

/// What a paginated operation lists.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The response field that contains the page.
    pub page_field: String,
    /// The schema of the items.
    pub item: String,
    /// The field that identifies an item: `id`, or else the first one whose name ends in `_id`.
    pub identity: Option<Field>,
}

impl Model {
    /// Returns what an operation lists if it has numbered pages: it takes `page` and `page_size`, and its response has a single
    /// field with a page of named objects, with their `count`.
    pub fn listing(&self, operation: &Operation) -> Option<Listing> {
        self.paginated(operation, "page", &["count", "next"])
    }

    /// Returns what an operation lists if it has a cursor: it takes `cursor` and `page_size`, and its response has a single
    /// field with a page of named objects, with the next cursor in `next` or `cursor`.
    pub fn feed(&self, operation: &Operation) -> Option<Listing> {
        self.paginated(operation, "cursor", &["cursor", "next"])
    }

    fn paginated(&self, operation: &Operation, position: &str, needed: &[&str]) -> Option<Listing> {
        let takes =
            |name: &str| operation.parameters.iter().any(|parameter| parameter.field.name == name);
        let Response::Json(response) = &operation.success.response else { return None };
        let Kind::Object { fields } = &self.schema(response).kind else { return None };
        let [Field { name: page_field, ty: Type::Named(page), .. }] = fields.as_slice() else {
            return None;
        };
        let Kind::Object { fields } = &self.schema(page).kind else { return None };
        let has = |name: &&str| fields.iter().any(|field| field.name == *name);
        let results = fields.iter().find(|field| field.name == "results")?;
        let Type::Array(item) = &results.ty else { return None };
        let Type::Named(item) = &**item else { return None };
        (takes(position) && takes("page_size") && needed.iter().all(has)).then(|| Listing {
            page_field: page_field.clone(),
            item: item.clone(),
            identity: self.identity(item).cloned(),
        })
    }

    fn identity(&self, item: &str) -> Option<&Field> {
        let Kind::Object { fields } = &self.schema(item).kind else { return None };
        let is_id =
            |field: &&Field| matches!(field.ty, Type::Uuid | Type::String) && field.required;
        let mut ids = fields.iter().filter(is_id);
        ids.clone()
            .find(|field| field.name == "id")
            .or_else(|| ids.find(|field| field.name.ends_with("_id")))
    }
}
