/**
 * The function of a call that reaches its user code: what it is for, the place of the extension or hook, an argument as
 * JSON, messages as JSON, and fields on request. It gives JSON, or `null` when nothing is to be said.
 */
export type Dispatch = (
  target: string,
  index: number,
  argument: string,
  messages: string | null,
  fields: EventFields | null,
) => Promise<string | null> | string | null
