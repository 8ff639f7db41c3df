//! Looks up judges and campaigns by their ID or name.

use mistral_datasets_types::{Campaign, Judge};
use uuid::Uuid;

use crate::calls::{Campaigns, Judges};
use crate::error::{Error, ErrorKind};
use crate::pager::Pager;

impl Judges {
    /// Returns a judge, given its ID or its exact name.
    ///
    /// Sends `GET /v1/observability/judges/{judge_id}` for a UUID, and otherwise lists the judges whose names contain the text.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let judge = client.judges().find("Topic of the answer").await?;
    /// println!("{} {}", judge.id, judge.model_name);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such judge, [`Conflict`](ErrorKind::Conflict) if several judges have the
    /// name, and the errors that any call can return.
    pub async fn find(&self, judge: &str) -> Result<Judge, Error> {
        if Uuid::try_parse(judge).is_ok() {
            return self.fetch(judge).await;
        }
        let wanted = Wanted { operation: "find_judge", noun: "judge", name: judge };
        wanted.find(self.list().q(judge).pager(), |judge| (&judge.name, judge.id)).await
    }
}

impl Campaigns {
    /// Returns a campaign, given its ID or its exact name.
    ///
    /// Sends `GET /v1/observability/campaigns/{campaign_id}` for a UUID, and otherwise lists the campaigns whose names contain
    /// the text.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let campaign = client.campaigns().find("Refund review").await?;
    /// println!("{}", campaign.id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such campaign, [`Conflict`](ErrorKind::Conflict) if several campaigns
    /// have the name, and the errors that any call can return.
    pub async fn find(&self, campaign: &str) -> Result<Campaign, Error> {
        if Uuid::try_parse(campaign).is_ok() {
            return self.fetch(campaign).await;
        }
        let wanted = Wanted { operation: "find_campaign", noun: "campaign", name: campaign };
        let pager = self.list().q(campaign).pager();
        wanted.find(pager, |campaign| (&campaign.name, campaign.id)).await
    }
}

/// The item that is looked up by its name.
struct Wanted<'a> {
    operation: &'static str,
    noun: &'static str,
    name: &'a str,
}

impl Wanted<'_> {
    async fn find<T: Send + 'static>(
        &self,
        pager: Pager<T>,
        name_and_id: fn(&T) -> (&String, Uuid),
    ) -> Result<T, Error> {
        let Self { operation, noun, name } = *self;
        if name.is_empty() {
            return Err(Error::invalid(operation, format!("{noun}: must not be empty")));
        }
        let mut items = pager.items();
        let mut found: Option<T> = None;
        while let Some(item) = items.next().await {
            let item = item?;
            let (item_name, id) = name_and_id(&item);
            if item_name != name {
                continue;
            }
            if let Some(first) = &found {
                let first = name_and_id(first).1;
                let message =
                    format!("several {noun}s have the name `{name}`, such as {first} and {id}");
                return Err(Error::new(ErrorKind::Conflict, message)
                    .with_operation(operation)
                    .with_hint("pass an ID"));
            }
            found = Some(item);
        }
        found.ok_or_else(|| {
            let message = format!("there is no {noun} with the name `{name}`");
            Error::new(ErrorKind::NotFound, message).with_operation(operation)
        })
    }
}
