//! Listings: one page of them, or everything.

use clap::Args;
use mistral_datasets::Pager;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Output};

/// Which part of a listing to print.
#[derive(Debug, Args)]
pub struct Part {
    /// How many to print, 0 to 100
    #[arg(long, value_name = "N")]
    pub page_size: Option<i64>,
    /// Which page to print, from 1
    #[arg(long, value_name = "N")]
    pub page: Option<i64>,
    /// Print everything, page after page; as JSON, one a line
    #[arg(long, conflicts_with_all = ["page_size", "page"])]
    pub all: bool,
}

/// Prints everything that is listed, as it comes.
pub async fn all<const N: usize, T: Serialize + Send + 'static>(
    pager: Pager<T>,
    output: Output,
    headings: [&str; N],
    row: impl Fn(&T) -> [String; N],
    what: &str,
) -> Result<(), Failure> {
    let mut pages = pager.pages();
    let (mut shown, mut total) = (0, 0);
    while let Some(page) = pages.next().await {
        let page = page?;
        shown += page.results.len();
        total = page.count;
        if output.json {
            for item in &page.results {
                output.print(item, |_| String::new())?;
            }
        } else if !page.results.is_empty() {
            let rows = page.results.iter().map(&row);
            output::line(&output::table(headings, rows))?;
        }
    }
    if output.json {
        return Ok(());
    }
    output::line(&output::of_total(shown, i64::try_from(total).unwrap_or(i64::MAX), what))
}
