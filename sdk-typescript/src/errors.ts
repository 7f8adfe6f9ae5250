/** The errors that callers meet. */

/** Names and values of what an error is about. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** What every error of this package is. */
export class HeadroomError extends Error {
  /** A stable name for programs, the same in every language. */
  readonly code: string;
  /** What the error is about. */
  readonly details: ErrorDetails;

  constructor(message: string, options: { code?: string; details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code ?? "error";
    this.details = options.details ?? {};
  }
}

/** A proxy cannot be reached. */
export class HeadroomConnectionError extends HeadroomError {}
/** A proxy refuses the key. */
export class HeadroomAuthError extends HeadroomError {}
/** The compression as a whole could not run. */
export class HeadroomCompressError extends HeadroomError {}
/** An option or a declaration has a value that it cannot have. */
export class ConfigurationError extends HeadroomError {}
/** A provider or a proxy answered with an error. */
export class ProviderError extends HeadroomError {}
/** An original cannot be stored or found; `code` says which (`not_found`, `expired`, `storage`, `store_full`). */
export class StorageError extends HeadroomError {}
/** A text cannot be counted. */
export class TokenizationError extends HeadroomError {}
/** A cache failed. */
export class CacheError extends HeadroomError {}
/** Messages or a body cannot be read. */
export class ValidationError extends HeadroomError {}
/** A transform failed. */
export class TransformError extends HeadroomError {}
/** A `closed` extension failed or refused; `cause` is what it threw. */
export class ExtensionError extends HeadroomError {}

const CLASSES: Readonly<Record<string, typeof HeadroomError>> = {
  HeadroomError,
  HeadroomConnectionError,
  HeadroomAuthError,
  HeadroomCompressError,
  ConfigurationError,
  ProviderError,
  StorageError,
  TokenizationError,
  CacheError,
  ValidationError,
  TransformError,
  ExtensionError,
};

/** The class of a name that the native module gives. */
export function errorClass(name: string): typeof HeadroomError {
  return CLASSES[name] ?? HeadroomError;
}

/** The error of a proxy's answer that is no success. */
export function mapProxyError(status: number, body: unknown): HeadroomError {
  const error = isRecord(body) && isRecord(body["error"]) ? body["error"] : {};
  const type = typeof error["type"] === "string" ? error["type"] : "http_error";
  const message = typeof error["message"] === "string" ? error["message"] : `the proxy answered with status ${status}`;
  const options = { code: type, details: { status, type } };
  if (status === 401 || status === 403) return new HeadroomAuthError(message, options);
  if (type === "compression_error" || type === "compression_timeout") return new HeadroomCompressError(message, options);
  if (status === 404) return new StorageError(message, { ...options, code: "not_found" });
  if (status === 400 || status === 422) return new ValidationError(message, options);
  if (status === 502 || status === 504) return new HeadroomConnectionError(message, options);
  return new ProviderError(message, options);
}

/** Whether a value is an object with members. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
