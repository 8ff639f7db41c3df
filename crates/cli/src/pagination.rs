//! Listing commands: the page options, and printing all pages.

use clap::Args;
use mistral_datasets::Pager;
use serde::Serialize;

use crate::error::CliError;
use crate::output::{self, Output};

/// The options that select which part of a listing to print.
#[derive(Debug, Args)]
pub struct PageOptions {
    /// The number of items to print, from 0 to 100
    #[arg(long, value_name = "N")]
    pub page_size: Option<i64>,
    /// The page to print, starting at 1
    #[arg(long, value_name = "N")]
    pub page: Option<i64>,
    /// Print all pages
    ///
    /// With `--json`, prints one item per line.
    #[arg(long, conflicts_with_all = ["page_size", "page"])]
    pub all: bool,
}

/// Prints every page, each as soon as it arrives.
pub async fn print_all<const N: usize, T: Serialize + Send + 'static>(
    pager: Pager<T>,
    output: Output,
    headings: [&str; N],
    row: impl Fn(&T) -> [String; N],
    noun: &str,
) -> Result<(), CliError> {
    let mut pages = pager.pages();
    let (mut shown, mut total) = (0, 0);
    while let Some(page) = pages.next().await {
        let page = page?;
        shown += page.results.len();
        total = page.count.unwrap_or_default();
        if output.json {
            for item in &page.results {
                output.print(item, |_| String::new())?;
            }
        } else if !page.results.is_empty() {
            let rows = page.results.iter().map(&row);
            output::print_text(&output::table(headings, rows))?;
        }
    }
    if output.json {
        return Ok(());
    }
    let total = i64::try_from(total).unwrap_or(i64::MAX);
    output::print_text(&output::shown_of_total(shown, total, noun))
}
