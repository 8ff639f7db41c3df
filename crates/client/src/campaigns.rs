//! The hand-written methods of the `campaigns` handle.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use mistral_datasets_types::{FetchCampaignStatusResponse, TaskStatus};

use crate::argument::IntoId;
use crate::calls::Campaigns;
use crate::error::Error;
use crate::polling::{self, Polled, Polling};

impl Campaigns {
    /// Waits until a campaign has ended: all of its events have been judged, or it has failed.
    ///
    /// Sends `GET /v1/observability/campaigns/{campaign_id}/status` repeatedly.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// # let campaign_id = uuid::Uuid::nil();
    /// let status = client.campaigns().wait(campaign_id).await?;
    /// println!("{status}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self, campaign_id: impl IntoId) -> WaitForCampaign {
        WaitForCampaign {
            campaigns: self.clone(),
            id: campaign_id.into_id(),
            polling: Polling::default(),
        }
    }
}

/// Waits for a campaign to end, and returns its status, which is COMPLETED. Returned by [`Campaigns::wait`].
///
/// The status is polled with increasing delays. A status that this version does not know counts as still running.
///
/// # Errors
/// [`TaskFailed`](crate::ErrorKind::TaskFailed) if the status is FAILED, CANCELED, TERMINATED or TIMED_OUT.
/// [`Timeout`](crate::ErrorKind::Timeout) if the campaign is still running when the timeout expires; it keeps running and can be
/// waited for again. Polling can also fail with the errors that any call can return.
#[derive(Debug)]
#[must_use = "waiting starts when it is awaited"]
pub struct WaitForCampaign {
    campaigns: Campaigns,
    id: String,
    polling: Polling<FetchCampaignStatusResponse>,
}

impl WaitForCampaign {
    /// Sets the maximum time to wait. Default: 30 minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.polling.timeout = timeout;
        self
    }

    /// Sets the delay before the first poll, and the maximum to which it grows. Default: 0.1 s and 5 s.
    pub fn poll_interval(mut self, first: Duration, longest: Duration) -> Self {
        self.polling.set_intervals(first, longest);
        self
    }

    /// Sets a callback that receives the status after every poll.
    pub fn on_progress(
        mut self,
        mut on_progress: impl FnMut(&TaskStatus) + Send + 'static,
    ) -> Self {
        self.polling.on_progress = Some(Box::new(move |state| on_progress(&state.status)));
        self
    }

    async fn run(self) -> Result<TaskStatus, Error> {
        let started = Instant::now();
        let refresh = || self.campaigns.fetch_status(&self.id).into_future();
        let first = refresh().await?;
        let client = &self.campaigns.client;
        let ended = polling::until_ended(client, self.polling, started, first, refresh).await?;
        Ok(ended.status)
    }
}

impl IntoFuture for WaitForCampaign {
    type Output = Result<TaskStatus, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl Polled for FetchCampaignStatusResponse {
    const NOUN: &'static str = "campaign";

    fn status(&self) -> &TaskStatus {
        &self.status
    }

    fn failure(&self) -> String {
        "the server gave no reason".to_owned()
    }

    fn add_to(self, error: Error) -> Error {
        error
    }
}
