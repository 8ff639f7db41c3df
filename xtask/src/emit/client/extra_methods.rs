//! Emits the additional methods of a call: `pager` for listings and feeds, `wait` and `handle` for calls that start a task.

use super::super::rust_text::{doc, identifier};
use super::example;
use crate::model::{Field, Listing, Model, Operation, Type};

/// Returns the additional methods of an operation's call.
pub(super) fn extra_methods(model: &Model, operation: &Operation) -> Result<String, String> {
    if let Some(listing) = model.listing(operation) {
        return pager(model, operation, &listing);
    }
    if let Some(feed) = model.feed(operation) {
        return feed_pager(model, operation, &feed);
    }
    if operation.starts_task() {
        return Ok(format!(
            "{}{}pub fn wait(self) -> Wait {{\nlet client = self.client.clone();\nWait::start(client, self.into_future())\n}}\n\n\
             {}{}pub async fn handle(self) -> Result<TaskHandle, Error> {{\n\
             let client = self.client.clone();\nlet task = self.await?;\nOk(TaskHandle::new(client, task.dataset_id.to_string(), task.id.to_string()))\n}}\n\n",
            doc("Starts the task and returns a [`Wait`], which waits until the task has ended."),
            example::wait(model, operation)?,
            doc(
                "Starts the task and returns a handle to it.\n\n# Errors\nThe errors of the call itself."
            ),
            example::handle(model, operation)?,
        ));
    }
    Ok(String::new())
}

fn pager(model: &Model, operation: &Operation, listing: &Listing) -> Result<String, String> {
    let Listing { page_field, item, identity, .. } = listing;
    let about = doc(
        "Returns a pager over all items, starting at this call's page. Default page size: 100.",
    );
    let identity = match identity {
        Some(Field { name, ty: Type::Uuid, .. }) => format!("item.{}", identifier(name)),
        Some(Field { name, .. }) => format!("item.{}.as_str()", identifier(name)),
        None => return Err(format!("operation `{}`: the listed items have no id", operation.id)),
    };
    let page_field = identifier(page_field);
    let example = example::pager(model, operation, listing)?;
    Ok(format!(
        "{about}{example}pub fn pager(self) -> Pager<types::{item}> {{\n\
         let (first_page, page_size) = (self.page, self.page_size);\n\
         let fetch = move |page: i64, page_size: i64| {{\n\
         let call = self.clone().page(page).page_size(page_size);\n\
         async move {{\n\
         let page = call.await?.{page_field};\n\
         Ok(FetchedPage {{ results: page.results, count: page.count, next: page.next }})\n\
         }}.boxed()\n}};\n\
         Pager::new(fetch, |item| ItemId::from({identity}), first_page, page_size)\n}}\n\n"
    ))
}

fn feed_pager(model: &Model, operation: &Operation, feed: &Listing) -> Result<String, String> {
    let about = doc(
        "Returns a pager over all items, starting at this call's cursor. Default page size: 100.",
    );
    let (page_field, item) = (identifier(&feed.page_field), &feed.item);
    let example = example::pager(model, operation, feed)?;
    Ok(format!(
        "{about}{example}pub fn pager(self) -> FeedPager<types::{item}> {{\n\
         let (cursor, page_size) = (self.cursor.clone(), self.page_size);\n\
         let fetch = move |cursor: Option<String>, page_size: i64| {{\n\
         let call = self.clone().cursor(cursor).page_size(page_size);\n\
         async move {{\n\
         let page = call.await?.{page_field};\n\
         Ok(FetchedFeed {{ results: page.results, next: page.next, cursor: page.cursor }})\n\
         }}.boxed()\n}};\n\
         FeedPager::new(fetch, cursor, page_size)\n}}\n\n"
    ))
}
