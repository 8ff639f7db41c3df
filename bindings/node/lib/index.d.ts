export { Mistral, type MistralOptions } from "./client.js";
export * from "./errors.js";
export * from "./generated/models.js";
export * from "./generated/resources.js";
export { Model } from "./model.js";
export { RawJson, type JsonObject, type JsonValue } from "./raw-json.js";
export { Timestamp } from "./timestamp.js";
export { Download, type FileContent, type FileInput } from "./transfer.js";
