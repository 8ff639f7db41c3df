// Compiles as in a project with a bundler, the DOM library and without @types/node: reading, copying and editing records.

import {
  type AssistantMessage,
  type Conversation,
  type DatasetRecord,
  type ExportedRecord,
  type JsonValue,
  type Message,
  Mistral,
  type NewRecord,
  RawJson,
  type Timestamp,
} from "mistral-datasets";

/** Compiles only if both types are identical, which `any` is not. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(proof: Same<A, B>): void;

interface Ticket {
  subject: string;
  messages: Message[];
}
interface Labels {
  topic: "refund" | "order";
}

class Draft {
  readonly messages: Message[] = [];
  constructor(readonly subject: string) {}
}

export async function anyObjectIsAPayload(mistral: Mistral, datasetId: string): Promise<void> {
  const { datasets } = mistral;
  const ticket: Ticket = { subject: "Refund", messages: [] };
  const frozen = { messages: [{ role: "user", content: "Hi" }] } as const;
  for (const payload of [ticket, frozen, new Draft("Refund"), RawJson.from("{}")]) {
    await datasets.createRecord({ datasetId, payload, properties: ticket });
  }
  await datasets.createRecord({ datasetId, payload: { anything: 1 }, properties: { n: [1] } });
  await datasets.createRecord({ datasetId, payload: {}, properties: null });
  const records: NewRecord[] = [
    { payload: { anything: 1 } },
    { payload: ticket, properties: null },
    { messages: [] },
    ticket,
    new Draft("Refund"),
    RawJson.from("{}"),
  ];
  await datasets.createRecords({ datasetId, records });
  // @ts-expect-error An array is not a payload.
  await datasets.createRecord({ datasetId, payload: [ticket], properties: {} });
  // @ts-expect-error A string is not a payload.
  await datasets.createRecord({ datasetId, payload: "{}", properties: {} });
  // @ts-expect-error A map is not a payload.
  await datasets.createRecord({ datasetId, payload: new Map(), properties: {} });
}

export async function everyReadingMethodIsGeneric(
  mistral: Mistral,
  datasetId: string,
): Promise<void> {
  const { datasets } = mistral;
  type Typed = DatasetRecord<Ticket, Labels>;
  const fetched = await datasets.records.fetch<Ticket, Labels>({ datasetRecordId: datasetId });
  same<typeof fetched, Typed>(true);
  const { records } = await datasets.listRecords<Ticket, Labels>({ datasetId });
  same<typeof records.results, Typed[]>(true);
  for await (const record of datasets.iterRecords<Ticket, Labels>({ datasetId })) {
    same<typeof record, Typed>(true);
  }
  for await (const page of datasets.iterRecords<Ticket, Labels>({ datasetId }).pages()) {
    same<typeof page.results, Typed[]>(true);
  }
  for await (const record of datasets.exportRecords<Ticket, Labels>({ datasetId })) {
    same<typeof record, ExportedRecord<Ticket, Labels>>(true);
  }
  const created = await datasets.createRecord<Ticket, Labels>({
    datasetId,
    payload: fetched.payload,
    properties: { topic: "order" },
  });
  same<typeof created, Typed>(true);
  // Typed records can be sent again.
  await datasets.createRecords({ datasetId, records: [fetched, created] });
  await datasets.createRecords({ datasetId, records: datasets.iterRecords<Ticket>({ datasetId }) });
}

export async function recordsAreCopiedAndEdited(
  mistral: Mistral,
  record: DatasetRecord<Conversation, Labels>,
): Promise<void> {
  const { datasets } = mistral;
  const { id: datasetRecordId, datasetId } = record;
  const copy = { ...record, properties: { topic: "refund", reviewed: true } };
  same<typeof copy.payload, Conversation>(true);
  same<typeof copy.createdAt, Timestamp>(true);
  await datasets.createRecords({ datasetId, records: [copy] });
  const { payload, ...rest } = record;
  same<typeof rest.properties, Labels>(true);
  payload.messages.push({ role: "user", content: "Thanks" });
  await datasets.records.updatePayload({ datasetRecordId, payload });
  record.properties = { topic: "order" };
  record.properties.topic = "refund";
  // @ts-expect-error Other properties are read-only.
  record.id = "x";
  const cloned = structuredClone(record);
  same<typeof cloned.payload, Conversation>(true);
}

export function messagesAreTyped(message: Message): string | null {
  switch (message.role) {
    case "assistant":
      return message.tool_calls?.[0]?.function.name ?? null;
    case "tool":
      return message.tool_call_id ?? null;
    default: {
      const { content } = message;
      if (content === null || typeof content === "string") return content;
      const [part] = content;
      return part?.type === "text" ? part.text : null;
    }
  }
}

export const ASSISTANT: AssistantMessage = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "c1", type: "function", function: { name: "track", arguments: "{}" } }],
};
// @ts-expect-error Names are those of the wire format.
export const WRONG: AssistantMessage = { role: "assistant", toolCalls: [] };
// @ts-expect-error Unknown role.
export const UNKNOWN_ROLE: Message = { role: "robot", content: "" };

export function untypedPayloadsAreJson(record: DatasetRecord): JsonValue | undefined {
  record.payload["reviewed"] = true;
  return record.properties["topic"];
}
