// Checks the types of judges, events, campaigns and telemetry. This file is compiled but not run.

import {
  type Campaign,
  type CreateJudgeRequest,
  type FilterCondition,
  type FilterGroup,
  type FilterPayloadInput,
  type GetSpan,
  type JsonObject,
  type JsonValue,
  type JudgeClassificationOutput,
  type JudgeOutputUnion,
  type JudgeRegressionOutput,
  type Mistral,
  type SpanImportReport,
  type TaskStatus,
  type Timestamp,
  type UnknownVariant,
  expression,
  field,
} from "mistral-datasets";

/** Compiles only if both types are identical, which `any` is not. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(proof: Same<A, B>): void;

declare const mistral: Mistral;
declare const id: string;

export async function judges(): Promise<void> {
  const judge = await mistral.judges.fetch({ judgeId: id });
  const { output } = judge;
  same<typeof output, JudgeOutputUnion>(true);
  switch (output.type) {
    case "CLASSIFICATION":
      same<typeof output, JudgeClassificationOutput>(true);
      break;
    case "REGRESSION":
      same<typeof output, JudgeRegressionOutput>(true);
      same<typeof output.min, number | null>(true);
      break;
    case "UNKNOWN":
      same<typeof output.raw, JsonValue>(true);
      same<typeof output.isUnknown, true>(true);
      break;
    default:
      // The union is exhausted.
      same<typeof output, never>(true);
  }
  const common = {
    name: "Politeness",
    description: "",
    modelName: "m",
    instructions: "",
    tools: [],
  };
  if (output.type !== "UNKNOWN") {
    await mistral.judges.update({ judgeId: id, ...common, output });
    const updateJudgeRequest: CreateJudgeRequest = { ...common, output };
    await mistral.judges.update({ judgeId: id, updateJudgeRequest });
  }
  // @ts-expect-error An unknown output cannot be sent.
  await mistral.judges.update({ judgeId: id, ...common, output });
  // @ts-expect-error An unknown output cannot be sent.
  await mistral.judges.create({ ...common, output: { type: "RANKING" } });
  await mistral.judges.create({
    ...common,
    // @ts-expect-error The options of a classification are required.
    output: { type: "CLASSIFICATION" },
  });
  const { answer } = await mistral.judges.judgeConversation({
    judgeId: id,
    messages: [{ role: "user", content: "Hello" }],
    properties: null,
  });
  same<typeof answer, string | number>(true);
  for await (const { id } of mistral.judges.iter({ typeFilter: ["REGRESSION"] })) id.length;
}

export async function events(): Promise<void> {
  const filter = field("model_name")
    .eq("x")
    .and(field("invoked_tools").includes("web_search").or(field("input_tokens").gt(10)));
  const payload: FilterPayloadInput = filter;
  const { completionEvents } = await mistral.chatCompletionEvents.search({ searchParams: payload });
  same<(typeof completionEvents.results)[number]["extraFields"], JsonObject>(true);
  await mistral.chatCompletionEvents.search({
    searchParams: {
      filters: { and: [{ field: "timestamp", op: "gte", value: new Date() }, { or: [] }] },
    },
    pageSize: 5,
  });
  await mistral.chatCompletionEvents.search({
    searchChatCompletionEventsRequest: { searchParams: { filters: null } },
  });
  for await (const page of mistral.chatCompletionEvents.iter({ searchParams: filter }).pages()) {
    same<typeof page.nextCursor, string | null>(true);
  }
  // @ts-expect-error A feed has no count.
  mistral.chatCompletionEvents.iter({ searchParams: filter }).count();
  // @ts-expect-error Pages with cursors are not prefetched.
  mistral.chatCompletionEvents.iter({ searchParams: filter, prefetch: 2 });
  // @ts-expect-error A condition needs a value.
  const incomplete: FilterPayloadInput = { filters: { field: "f", op: "eq" } };
  // @ts-expect-error Properties are in camelCase.
  const upperCase: FilterPayloadInput = { filters: { AND: [] } };
  void [incomplete, upperCase];
  const { options } = await mistral.chatCompletionEvents.fields.fetchOptions({
    fieldName: "model_name",
    operator: "eq",
  });
  for (const option of options ?? []) same<typeof option, string | boolean | null>(true);

  const campaign: Campaign = await mistral.campaigns.fetch({ campaignId: id });
  const { filters } = campaign.searchParams;
  same<typeof filters, FilterCondition | FilterGroup | UnknownVariant | null>(true);
  if (filters !== null && "field" in filters) same<typeof filters, FilterCondition>(true);
  const status = await mistral.campaigns.wait({ campaignId: id, timeoutMs: 1 });
  same<typeof status, TaskStatus>(true);
}

export async function telemetry(): Promise<void> {
  const searchExpression = expression`service_name = ${"shop"} AND span_id IN (${["a", "b"]})`;
  same<typeof searchExpression, string>(true);
  const { spans } = await mistral.beta.observability.spans.searchSpans({
    from: new Date(),
    to: "2026-09-01T12:30:00Z",
    spansRequest: { searchExpression },
  });
  const [span] = spans.results;
  if (span === undefined) return;
  same<typeof span, GetSpan>(true);
  same<typeof span.spanAttributes, Record<string, string>>(true);
  same<typeof span.startTime, Timestamp>(true);
  same<typeof span.requestTemperature, number | null>(true);
  const { data } = await mistral.traces.aggregate({
    metric: { measure: "duration_ns", aggregation: "p95" },
    timeDimension: { granularity: "auto" },
  });
  same<(typeof data)[number]["dimensions"], JsonObject | null>(true);
  const report = await mistral.datasets.importSpans({
    datasetId: id,
    spans: mistral.spans.iterSpans({ searchExpression }),
    mapping: {
      mappings: [
        { targetField: "messages", sourceField: { namespace: "span_attributes", key: "a" } },
      ],
    },
  });
  same<typeof report, SpanImportReport>(true);
  // @ts-expect-error Attributes are read-only.
  span.spanAttributes = {};
  // @ts-expect-error A time is a date or a string.
  await mistral.logs.search({ from: 5 });
}
