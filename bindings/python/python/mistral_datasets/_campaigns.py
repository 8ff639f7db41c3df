"""The methods of `mistral.campaigns` that are not generated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from mistral_datasets import _native
from mistral_datasets.enums import TaskStatus


class CampaignMethods:
    """Methods of `mistral.campaigns` that send several requests."""

    _client: _native.Client

    def wait(
        self,
        campaign_id: str | UUID,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: tuple[float | timedelta, float | timedelta] | None = None,
        on_progress: Callable[[TaskStatus], object] | None = None,
    ) -> TaskStatus:
        """Waits until a campaign has judged all of its events.

        A campaign with an unknown status counts as in progress.

        Args:
            campaign_id: ID of the campaign.
            timeout: Maximum time to wait, in seconds or as a `timedelta`. Default: 1800.
            poll_interval: First and longest interval between two polls, in seconds; the interval grows from one to the
                other. Default: (0.1, 5.0).
            on_progress: Callback that receives the status after every poll. It runs on the calling thread.

        Returns:
            The status, which is COMPLETED.

        Raises:
            errors.TaskFailedError: The campaign is FAILED, CANCELED, TERMINATED or TIMED_OUT.
            errors.TimeoutError: The campaign is still in progress. It continues, and can be waited for again.
            errors.MistralError: Any other failure; see `errors` for the subclasses.

        Example:
            >>> campaign = mistral.campaigns.create(
            ...     name="Refund review",
            ...     description="First week of August",
            ...     judge_id=judge.id,
            ...     search_params=field("model_name").startswith("mistral-medium"),
            ...     max_nb_events=500,
            ... )
            >>> mistral.campaigns.wait(campaign.id, timeout=600)
        """
        from mistral_datasets import _driver

        call = _native.watch_campaign(self._client, campaign_id, timeout, poll_interval)
        return _driver.run(call, on_progress)

    async def wait_async(
        self,
        campaign_id: str | UUID,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: tuple[float | timedelta, float | timedelta] | None = None,
        on_progress: Callable[[TaskStatus], object] | None = None,
    ) -> TaskStatus:
        """Waits until a campaign has judged all of its events.

        A campaign with an unknown status counts as in progress.

        Args:
            campaign_id: ID of the campaign.
            timeout: Maximum time to wait, in seconds or as a `timedelta`. Default: 1800.
            poll_interval: First and longest interval between two polls, in seconds; the interval grows from one to the
                other. Default: (0.1, 5.0).
            on_progress: Callback that receives the status after every poll. It runs on the event loop, and may be
                async.

        Returns:
            The status, which is COMPLETED.

        Raises:
            errors.TaskFailedError: The campaign is FAILED, CANCELED, TERMINATED or TIMED_OUT.
            errors.TimeoutError: The campaign is still in progress. It continues, and can be waited for again.
            errors.MistralError: Any other failure; see `errors` for the subclasses.

        Example:
            >>> await mistral.campaigns.wait_async(campaign.id, timeout=600)
        """
        from mistral_datasets import _driver

        call = _native.watch_campaign(self._client, campaign_id, timeout, poll_interval)
        return await _driver.run_async(call, on_progress)
