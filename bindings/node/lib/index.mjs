import api from "./index.js";

export * from "./generated/names.mjs";

export const {
  Mistral,
  Call,
  CreateReport,
  Download,
  ExportedRecord,
  ImportReport,
  Model,
  RawJson,
  TaskHandle,
  Timestamp,
  Pager,
  MistralError,
  ConfigurationError,
  ConnectionError,
  TimeoutError,
  AuthenticationError,
  PermissionError,
  NotFoundError,
  ConflictError,
  ValidationError,
  RateLimitError,
  ServerError,
  DecodingError,
  TaskFailedError,
  CancelledError,
  ClosedError,
  ObservabilityError,
  reportOf,
} = api;
