/**
 * A message of a conversation, with the property names of the wire format. Payloads are sent and returned as they are, so these
 * types describe them but are not validated at run time.
 *
 * @example
 * ```ts
 * const messages: Message[] = [
 *   { role: "user", content: "Where is my order?" },
 *   { role: "assistant", content: null, tool_calls: [{ id: "c1", function: { name: "track", arguments: "{}" } }] },
 *   { role: "tool", tool_call_id: "c1", name: "track", content: "On its way." },
 * ];
 * await mistral.datasets.createRecord({ datasetId, payload: { messages }, properties: {} });
 * ```
 */
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

/** Instructions for the model. */
export interface SystemMessage {
  role: "system";
  content: string | ContentPart[];
}

/** A message of the user. */
export interface UserMessage {
  role: "user";
  content: string | ContentPart[] | null;
}

/** A message of the model, which may call tools. */
export interface AssistantMessage {
  role: "assistant";
  content?: string | ContentPart[] | null;
  tool_calls?: ToolCall[] | null;
  /** Whether the model continues this message instead of starting a new one. */
  prefix?: boolean;
}

/** The result of a tool call. */
export interface ToolMessage {
  role: "tool";
  content: string | ContentPart[] | null;
  /** The {@link ToolCall.id} of the call that this answers. */
  tool_call_id?: string | null;
  /** Name of the tool. */
  name?: string | null;
}

/** A call of a tool by the model. */
export interface ToolCall {
  /** ID of the call, which the message with its result refers to. */
  id?: string;
  /** Type of the tool, such as `function`. */
  type?: string;
  function: FunctionCall;
  /** Position among the calls of the message. */
  index?: number;
}

/** The function that a tool call calls. */
export interface FunctionCall {
  /** Name of the function. */
  name: string;
  /** Arguments, usually as JSON text. */
  arguments: string | { [key: string]: unknown };
}

/** A part of a message's content. */
export type ContentPart =
  TextPart | ImagePart | AudioPart | DocumentPart | FilePart | ReferencePart | ThinkingPart;

/** Text. */
export interface TextPart {
  type: "text";
  text: string;
}

/** An image, by its URL or as a data URL. */
export interface ImagePart {
  type: "image_url";
  image_url: string | { url: string; detail?: string | null };
}

/** A document, by its URL. */
export interface DocumentPart {
  type: "document_url";
  document_url: string;
  document_name?: string | null;
}

/** An uploaded file, by its ID. */
export interface FilePart {
  type: "file";
  file_id: string;
}

/** Audio, as a URL or as Base64. */
export interface AudioPart {
  type: "input_audio";
  input_audio: string | { [key: string]: unknown };
}

/** References to sources. */
export interface ReferencePart {
  type: "reference";
  reference_ids: (number | string)[];
}

/** The reasoning of the model. */
export interface ThinkingPart {
  type: "thinking";
  thinking: ContentPart[];
  /** Whether the reasoning is complete. */
  closed?: boolean;
}

/**
 * A payload with typed messages, as type parameter of the methods that return records.
 *
 * @example
 * ```ts
 * for await (const { payload } of mistral.datasets.iterRecords<Conversation>({ datasetId })) {
 *   for (const message of payload.messages) if (message.role === "tool") console.log(message.tool_call_id);
 * }
 * ```
 */
export interface Conversation {
  messages: Message[];
  [key: string]: unknown;
}
