export type { Compression, CreateRecordsRequest, ImportJsonlRequest, NewRecord } from "./bulk.js";
export { Call, type RawResponse, type WithResponse } from "./call.js";
export { Mistral } from "./client.js";
export * from "./errors.js";
export {
  ExportedRecord,
  type ExportReport,
  type ExportRequest,
  type NodeWritable,
} from "./export.js";
export { field, FieldCondition, FilterExpression } from "./filter.js";
export type * from "./generated/inputs.js";
export type { WaitForCampaignRequest } from "./campaigns.js";
export * from "./generated/models.js";
export * from "./generated/resources.js";
export type * from "./messages.js";
export { Model } from "./model.js";
export type { ImportSpansRequest } from "./import-spans.js";
export type {
  AbortSignalLike,
  CallOptions,
  CommonOptions,
  LocalServerOptions,
  Logger,
  LogFacts,
  MistralOptions,
  RetryConfig,
  RetryPolicy,
  VariantOptions,
} from "./options.js";
export type { Progress } from "./progress.js";
export {
  RawJson,
  type JsonObject,
  type JsonObjectInput,
  type JsonValue,
  type JsonValueInput,
} from "./raw-json.js";
export {
  CreateReport,
  ImportReport,
  SpanImportReport,
  type ImportedFile,
  type ImportedSpans,
  type InvalidLine,
  type Outcome,
  type UnknownFile,
} from "./report.js";
export type { NestedRequest } from "./request.js";
export { expression, type ExpressionValue } from "./search-expression.js";
export { TaskHandle, type WaitableTask, type TaskRequest, type WaitOptions } from "./task.js";
export { Timestamp } from "./timestamp.js";
export { Download, type FileContent, type FileInput } from "./transfer.js";
export {
  FeedPager,
  Pager,
  type FeedOptions,
  type FeedPage,
  type Page,
  type PagerOptions,
} from "./pager.js";
export { UnknownVariant } from "./unknown-variant.js";
