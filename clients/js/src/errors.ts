/** Errors of the client, one class per decision that a caller can take. */

/** Common class of all errors of this package. */
export class LessSyncError extends Error {
  constructor (message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** Error response of the server. `code` is a word of protocol §3.2, for programs; `message` is for people. */
export class ServerError extends LessSyncError {
  constructor (readonly code: string, message: string) { super(`${code}: ${message}`) }
}

/** Another device has written one of the records: merge with its version, which `changes` has brought, and push again. */
export class ConflictError extends ServerError {}

/** The rights in the space do not suffice, have expired or were revoked. */
export class ForbiddenError extends ServerError {}

/** No connection at the moment: keep the change and push it when the client is online again. */
export class OfflineError extends LessSyncError {}

/** Connection closed before the response: whether a change was stored is unknown until the next pull. */
export class ClosedError extends LessSyncError {
  /** `code` of the WebSocket close frame (protocol §1.5); 1006 without one. */
  constructor (readonly code: number, readonly reason: string) { super(`connection closed: ${code} ${reason}`.trimEnd()) }
}

/** The server rejects the access token: the user has to log in again. */
export class TokenRejectedError extends ClosedError {}

/** The server sent what the protocol does not allow, or an incomplete pull. */
export class ProtocolError extends LessSyncError {}

/** Content that is not in a known format, was modified, or is under another key. */
export class DecryptionError extends LessSyncError {}

/** The key of the epoch is not known: no share of it exists for this member, or not yet. */
export class MissingKeyError extends DecryptionError {
  constructor (readonly epoch: number) { super(`no key of epoch ${epoch}`) }
}

/** A signature, a chain of rights, an invitation or a log entry that does not prove what it claims. */
export class ForgedError extends LessSyncError {}

/** HTTP response of a file request other than success. `status` is its status code. */
export class HttpError extends LessSyncError {
  constructor (readonly status: number, message: string) { super(`HTTP ${status}: ${message}`) }
}

/** Error of an error code of the server. */
export function serverError (code: string, message: string): ServerError {
  if (code === 'conflict') return new ConflictError(code, message)
  return code === 'forbidden' ? new ForbiddenError(code, message) : new ServerError(code, message)
}
