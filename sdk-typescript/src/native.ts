/** Calls of the native module: a promise with a value, or an error of this package. */

import * as native from "headroom-native";

import { errorClass, HeadroomError, type ErrorDetails } from "./errors";

export { native };

/** What user code threw, on its way through the native module. */
export class UserFailure extends Error {
  constructor(thrown: unknown) {
    super(describe(thrown), { cause: thrown });
    this.name = "";
  }
}

function describe(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message === "" ? thrown.name : `${thrown.name}: ${thrown.message}`;
  try {
    return String(thrown);
  } catch {
    return "a value that has no text";
  }
}

/** One record of the engine's log. */
export type Logged = native.Outcome["logged"][number];

/** Writes a record to the console. */
export function tell({ level, logger, message }: Logged): void {
  console[level === "error" ? "error" : "warn"](`[${logger}] ${message}`);
}

/** Makes a call that ends when the signal says so. */
export async function call(
  signal: AbortSignal | null | undefined,
  start: (abort: native.Abort) => Promise<native.Outcome>,
): Promise<Buffer> {
  signal?.throwIfAborted();
  const abort = new native.Abort();
  const onAbort = (): void => abort.abort();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const outcome = await start(abort);
    outcome.logged.forEach(tell);
    if (outcome.failure) {
      if (outcome.failure.code === "aborted") signal?.throwIfAborted();
      throw thrown(outcome.failure);
    }
    return outcome.value ?? Buffer.from("null");
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** As {@link call}, with the JSON that it gives read. */
export async function callForJson(
  signal: AbortSignal | null | undefined,
  start: (abort: native.Abort) => Promise<native.Outcome>,
): Promise<unknown> {
  return JSON.parse((await call(signal, start)).toString());
}

/** The error that a failure is. */
export function thrown(failure: native.Failure): HeadroomError {
  const cause = failure.cause instanceof UserFailure ? failure.cause.cause : failure.cause;
  const details = JSON.parse(failure.details) as ErrorDetails;
  return new (errorClass(failure.className))(failure.message, { code: failure.code, details, cause: cause ?? undefined });
}
