//! Operations on judges.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use mistral_datasets_types::ErrorCode;

use super::responses;
use super::state::App;
use crate::config::Generation;
use crate::http::{
    ApiError, BaseUrl, Caller, JsonBody, JudgePath, PageQuery, Query, json, no_content,
};
use crate::json::{Fields, Object};
use crate::judging::{JudgeDefinition, JudgeOutput, check_template};
use crate::storage::{CampaignJudge, Judge, JudgeFilter, JudgeWrite, NewJudge};

/// The maximum number of values of a filter.
const MAX_FILTER_VALUES: usize = 100;

/// Reads the definition of a judge, and checks its template.
pub(super) fn definition(fields: &Fields<'_>) -> Result<JudgeDefinition, ApiError> {
    let definition = JudgeDefinition::read(fields)?;
    check_template(&definition.instructions)?;
    Ok(definition)
}

fn new_judge(fields: &Fields<'_>) -> Result<NewJudge, ApiError> {
    let definition = definition(fields)?;
    let json = serde_json::to_string(&definition).map_err(|error| ApiError::internal(&error))?;
    let output_type = definition.output.kind();
    let JudgeDefinition { name, model_name, .. } = definition;
    Ok(NewJudge { name, model_name, output_type, definition: json })
}

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let new = body.parse(|body| new_judge(&body.fields()?)).await?;
    let judge = done(app.storage.create_judge(caller.workspace, caller.user, new).await?)?;
    Ok(json(StatusCode::CREATED, responses::one(&judge)))
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    base: BaseUrl,
    query: Query,
) -> Result<Response, ApiError> {
    let text = query.text("q")?.filter(|text| !text.is_empty());
    let filter = JudgeFilter {
        containing: text.map(str::to_owned),
        types: query.texts("type_filter", MAX_FILTER_VALUES)?,
        models: query.texts("model_filter", MAX_FILTER_VALUES)?,
    };
    if let Some(unknown) =
        filter.types.iter().find(|kind| !["CLASSIFICATION", "REGRESSION"].contains(&kind.as_str()))
    {
        let message =
            format!("type_filter: expected `CLASSIFICATION` or `REGRESSION`, found `{unknown}`");
        return Err(ApiError::validation(message));
    }
    let page = PageQuery::read(&query)?
        .repeating("type_filter", &filter.types)
        .repeating("model_filter", &filter.models);
    let listed = app.storage.judges(caller.workspace, filter, page.window()).await?;
    Ok(json(StatusCode::OK, responses::page("judges", &listed, &page, &base, text)))
}

pub(super) async fn fetch(
    State(app): State<App>,
    caller: Caller,
    JudgePath(id): JudgePath,
) -> Result<Response, ApiError> {
    let judge = app.storage.judge(caller.workspace, id).await?;
    Ok(json(StatusCode::OK, responses::one(&judge)))
}

pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    JudgePath(id): JudgePath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let new = body.parse(|body| new_judge(&body.fields()?)).await?;
    // The third generation has no campaigns, and no code for this error.
    let unless_used = matches!(app.generation, Generation::G1 | Generation::G2);
    done(app.storage.update_judge(caller.workspace, id, new, unless_used).await?)?;
    Ok(no_content())
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    JudgePath(id): JudgePath,
) -> Result<Response, ApiError> {
    app.storage.delete_judge(caller.workspace, id).await?;
    app.cleanup.erase();
    Ok(no_content())
}

fn done(write: JudgeWrite) -> Result<Judge, ApiError> {
    let conflict = |code, message| Err(ApiError::new(StatusCode::CONFLICT, code, message));
    match write {
        JudgeWrite::Done(judge) => Ok(judge),
        JudgeWrite::NameTaken => {
            conflict(ErrorCode::JudgeNameAlreadyExists, "name: another judge has this name")
        }
        JudgeWrite::Unchanged => {
            conflict(ErrorCode::JudgeDidNotChange, "the judge has this definition already")
        }
        JudgeWrite::InUse => conflict(
            ErrorCode::JudgeUsedInCampaignCannotBeUpdated,
            "a campaign uses the judge; create another judge, or delete the campaign",
        ),
    }
}

/// Returns the judge of a new campaign.
pub(super) async fn campaign_judge(
    app: &App,
    caller: &Caller,
    id: uuid::Uuid,
) -> Result<CampaignJudge, ApiError> {
    let judge = app.storage.judge(caller.workspace, id).await?;
    let definition = parse_definition(&judge)?;
    let options = match definition.output {
        JudgeOutput::Regression { .. } => None,
        JudgeOutput::Classification { options } => {
            Some(options.into_iter().map(|option| option.value).collect())
        }
    };
    let copy = String::from_utf8_lossy(&responses::one(&judge)).into_owned();
    Ok(CampaignJudge { id, name: definition.name, options, copy })
}

/// Returns the definition of a stored judge.
pub(super) fn parse_definition(judge: &Judge) -> Result<JudgeDefinition, ApiError> {
    serde_json::from_str(&judge.definition).map_err(|error| ApiError::internal(&error))
}

impl responses::Response for Judge {
    fn write(&self, out: &mut Vec<u8>) {
        let fields = |object: &mut Object<'_>| {
            object.uuid("id", self.id);
            object.timestamps(self.created_at, self.updated_at);
            object.raw("deleted_at", "null");
            object.uuid("owner_id", self.owner);
            object.uuid("workspace_id", self.workspace);
            // Judges are updated in place, so that there is a single revision.
            for revision in ["up_revision", "down_revision", "base_revision"] {
                object.raw(revision, "null");
            }
        };
        Object::write(out, fields);
        // The definition is an object whose fields follow.
        if let Some(rest) = self.definition.strip_prefix('{') {
            out.pop();
            out.push(b',');
            out.extend_from_slice(rest.as_bytes());
        }
    }

    fn size_hint(&self) -> usize {
        self.definition.len() + 480
    }
}
