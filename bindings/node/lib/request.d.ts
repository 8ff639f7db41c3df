/**
 * A request in the form of the official SDK: the fields of the body are in a property of their own.
 *
 * @example
 * ```js
 * await mistral.datasets.update({ datasetId, updateDatasetRequest: { name: "Refund requests" } });
 * ```
 */
export type NestedRequest<Request, Property extends string, Fields extends keyof Request> = Omit<
  Request,
  Fields
> & { [Name in Property]: Pick<Request, Fields> };
