//! Operations on campaigns.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use mistral_datasets_types::ErrorCode;

use super::event_filter;
use super::event_response::{self, ExtraFields};
use super::judges;
use super::responses;
use super::state::App;
use crate::http::{
    ApiError, BaseUrl, Caller, CampaignPath, JsonBody, PageQuery, Query, RequestMemory, json,
    no_content,
};
use crate::storage::{EventFilter, NewCampaign};
use crate::validate::{campaign_description, campaign_name};

/// The maximum length of the filter of a campaign, in bytes. It is returned with the campaign.
const MAX_FILTER_BYTES: usize = 64 << 10;

/// The body of a request to create a campaign.
struct CreateBody {
    name: String,
    description: String,
    judge: uuid::Uuid,
    filter: EventFilter,
    search_params: String,
    max_events: u32,
}

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let body = body.parse(|body| {
        let body = body.fields()?;
        let search_params = body.required("search_params")?;
        let filter = event_filter::read_payload(&search_params)?;
        if search_params.text().len() > MAX_FILTER_BYTES {
            let message = format!("the filter of a campaign has at most {MAX_FILTER_BYTES} bytes");
            return Err(event_filter::bad_search(&search_params, message));
        }
        Ok(CreateBody {
            name: campaign_name(&body.required("name")?)?,
            description: campaign_description(&body.required("description")?)?,
            judge: body.required("judge_id")?.uuid()?,
            filter,
            search_params: search_params.text().to_owned(),
            max_events: body.required("max_nb_events")?.integer(1..=10_000)? as u32,
        })
    });
    let CreateBody { name, description, judge, filter, search_params, max_events } = body.await?;
    let judge = judges::campaign_judge(&app, &caller, judge).await?;
    app.judging.require_endpoint()?;
    let event_ids = app.storage.search_event_ids(caller.workspace, filter, max_events).await?;
    if event_ids.is_empty() {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            ErrorCode::CampaignNoMatchingEvents,
            "search_params: no event matches the filter; no campaign was created",
        ));
    }
    let owner = caller.user;
    let new = NewCampaign { name, description, owner, max_events, search_params, judge, event_ids };
    let campaign = app.campaigns.submit(caller.workspace, new).await;
    let campaign = campaign.map_err(|error| match error {
        crate::storage::StorageError::QueueFull => ApiError::busy("campaigns"),
        error => error.into(),
    })?;
    Ok(json(StatusCode::CREATED, responses::one(&campaign)))
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    base: BaseUrl,
    query: Query,
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let page = PageQuery::read(&query)?;
    let text = query.text("q")?.filter(|text| !text.is_empty());
    let containing = text.map(str::to_owned);
    let listed = app.storage.campaigns(caller.workspace, containing, page.window()).await?;
    let body = responses::page("campaigns", &listed, &page, &base, text);
    memory.reserve(2 * body.len() as u64).await?;
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn fetch(
    State(app): State<App>,
    caller: Caller,
    CampaignPath(id): CampaignPath,
) -> Result<Response, ApiError> {
    let campaign = app.storage.campaign(caller.workspace, id).await?;
    Ok(json(StatusCode::OK, responses::one(&campaign)))
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    CampaignPath(id): CampaignPath,
) -> Result<Response, ApiError> {
    app.storage.delete_campaign(caller.workspace, id).await?;
    app.campaigns.cancel(caller.workspace, id);
    // Housekeeping removes the list of its events in the background.
    app.cleanup.remove();
    Ok(no_content())
}

pub(super) async fn status(
    State(app): State<App>,
    caller: Caller,
    CampaignPath(id): CampaignPath,
) -> Result<Response, ApiError> {
    let status = app.storage.campaign_status(caller.workspace, id).await?;
    let body = responses::object(|object| object.string("status", status.as_str()));
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn events(
    State(app): State<App>,
    caller: Caller,
    CampaignPath(id): CampaignPath,
    base: BaseUrl,
    query: Query,
) -> Result<Response, ApiError> {
    let page = PageQuery::read(&query)?;
    let listed = app.storage.selected_events(caller.workspace, id, page.window()).await?;
    let mut body = Vec::new();
    responses::begin_page("completion_events", &mut body);
    for event in &listed.results {
        responses::next(&mut body);
        // A request cannot ask for fields.
        event_response::preview(&mut body, event, &ExtraFields::Annotations);
    }
    responses::end_page(&mut body, listed.count, &page, &base, None);
    Ok(json(StatusCode::OK, body))
}
