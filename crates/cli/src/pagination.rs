//! Listing commands: the page options, and printing all pages.

use clap::Args;
use mistral_datasets::{FeedPager, Pager};
use serde::Serialize;

use crate::error::CliError;
use crate::output::{self, Output};
use crate::terminal;

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
        total = page.count.unwrap_or(total);
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

/// The options that select which part of a search to print. A search has no page numbers, but a cursor.
#[derive(Debug, Args)]
pub struct FeedOptions {
    /// The number of items to print, from 0 to 100
    #[arg(long, value_name = "N")]
    pub page_size: Option<i64>,
    /// Continue after an earlier page, given the cursor that it ended with
    #[arg(long)]
    pub cursor: Option<String>,
    /// Print all pages
    ///
    /// With `--json`, prints one item per line.
    #[arg(long, conflicts_with_all = ["page_size", "cursor"])]
    pub all: bool,
    /// Print at most this many items, from as many pages as needed
    #[arg(long, value_name = "N", conflicts_with_all = ["page_size", "cursor", "all"])]
    pub limit: Option<i64>,
}

impl FeedOptions {
    /// Returns whether to print more than one page.
    pub fn prints_pages(&self) -> bool {
        self.all || self.limit.is_some()
    }

    /// Limits a pager to the requested number of items.
    pub fn limited<T: Send + 'static>(&self, pager: FeedPager<T>) -> FeedPager<T> {
        match self.limit {
            Some(limit) => pager.limit(limit),
            None => pager,
        }
    }
}

/// Formats one page of a search: a table, the number of items, and how to get more.
pub fn feed<H: AsRef<str>, T, R: IntoIterator<Item = String>>(
    headings: &[H],
    results: &[T],
    row: impl Fn(&T) -> R,
    next: Option<&str>,
    noun: &str,
) -> String {
    let table = output::columns(headings, results.iter().map(row));
    let count = output::count(results.len() as u64, noun);
    match next {
        Some(cursor) => {
            let cursor = terminal::escape(cursor);
            format!("{table}\n{count}; for more, use `--all`, `--limit N` or `--cursor {cursor}`")
        }
        None => format!("{table}\n{count}"),
    }
}

/// Prints every page of a search, each as soon as it arrives.
pub async fn print_feed<H: AsRef<str>, T, R: IntoIterator<Item = String>>(
    pager: FeedPager<T>,
    output: Output,
    headings: &[H],
    row: impl Fn(&T) -> R,
    noun: &str,
) -> Result<(), CliError>
where
    T: Serialize + Send + 'static,
{
    let mut pages = pager.pages();
    let mut shown = 0;
    while let Some(page) = pages.next().await {
        let page = page?;
        shown += page.results.len() as u64;
        if output.json {
            for item in &page.results {
                output.print(item, |_| String::new())?;
            }
        } else if !page.results.is_empty() {
            output::print_text(&output::columns(headings, page.results.iter().map(&row)))?;
        }
    }
    if output.json { Ok(()) } else { output::print_text(&output::count(shown, noun)) }
}
