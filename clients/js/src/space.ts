/** One space on one device: changes in order, pushes, presence and events, all encrypted. */
import { base64url, copy, unbase64, type Bytes } from './bytes.js'
import type { Client } from './client.js'
import { KeyRing, epochOf } from './crypto.js'
import { DecryptionError, ForbiddenError, ForgedError, MissingKeyError, ServerError, serverError } from './errors.js'
import { adopt } from './keys.js'
import { Pull, type RecordRow, type FileRow, type State } from './pull.js'

/** The server forgets presence 45 seconds after it was set. In milliseconds. */
const HEARTBEAT = 30_000
/** Notifications that wait for handlers; beyond that they are dropped, and one pull replaces them. */
const BACKLOG = 1000
/** Polls for the key of a rotation whose author is about to share it, and milliseconds between two of them. */
const [POLLS, POLL_INTERVAL] = [10, 300]

/** What an app stores of a space. Contains keys: keep it where other apps cannot read it. */
export interface SpaceState {
  id: string
  name: string
  /** Keys by epoch, base64url. */
  keys: Record<string, string>
  /** Position up to which `changes` has delivered; 0 before the first pull. */
  cursor: number
  /** Chain of rights, and `did:key` of the owner: of shared spaces only. */
  ucan?: string
  owner?: string
}

/** Record as another device, or this one before, has written it. */
export interface RecordChange {
  kind: 'record'
  id: string
  /** Version: the `expected` of the push that replaces it. */
  cursor: number
  deleted: boolean
  /** Decrypted content; `null` if the record is deleted, or `error` says why it cannot be read. */
  content: Bytes | null
  error?: DecryptionError
}

/** Encrypted file, uploaded or deleted. `size` is that of the ciphertext, in bytes. */
export interface FileChange { kind: 'file', id: string, record: string, cursor: number, deleted: boolean, size: number }
export type Change = RecordChange | FileChange

/** Write of one record. `content` null deletes it; `expected` is the version that it replaces, 0 for a new record. */
export interface Write { id: string, content: Bytes | null, expected: number }

/** What an app does with a space. Handlers run one after the other, in the order of the server. */
export interface SpaceHandlers {
  /** Changes in cursor order. The cursor of the space advances after the handler: a change may come twice, and none is left out. */
  changes?: (changes: Change[], space: Space) => void | Promise<void>
  /** Another connection is present with this content, or has left with `null`; content under an unknown key is empty. */
  presence?: (peer: string, content: Bytes | null) => void
  event?: (peer: string, content: Bytes) => void
  /** The rights have ended: the space is not subscribed any more. */
  ended?: (space: Space) => void
}

export class Space {
  readonly id: string
  name: string
  readonly keys: KeyRing
  readonly owner: string | undefined
  ucan: string | undefined
  cursor: number
  hasEnded = false
  #queue: Promise<unknown> = Promise.resolve()
  #backlog = 0
  #isBehind = false
  #presence: Bytes | null = null
  #heartbeat: ReturnType<typeof setInterval> | undefined

  constructor (readonly client: Client, state: SpaceState, readonly handlers: SpaceHandlers) {
    this.id = state.id
    this.name = state.name
    this.keys = new KeyRing(state.id)
    for (const [epoch, key] of Object.entries(state.keys)) this.keys.add(Number(epoch), unbase64(key))
    this.ucan = state.ucan
    this.owner = state.owner
    this.cursor = state.cursor
  }

  /** State to be stored, after changes and whenever keys may have changed. */
  get state (): SpaceState {
    const { id, name, cursor, ucan, owner } = this
    const keys = Object.fromEntries(this.keys.entries.map(([epoch, key]) => [epoch, base64url(key)]))
    return { id, name, keys, cursor, ...(ucan !== undefined && { ucan }), ...(owner !== undefined && { owner }) }
  }

  /** True for the personal space of the user, whose rights come with the access token. */
  get isPersonal (): boolean { return this.ucan === undefined }

  /** Calls a method in this space, with its rights. */
  call<Result = any> (method: string, params: object = {}): Promise<Result> {
    return this.client.call(method, { space: this.id, ucan: this.ucan, ...params })
  }

  /** Subscribes, fetches a new key, and pulls what is missing: after every connect. */
  async subscribe (): Promise<void> {
    const state = await this.serverState()
    await this.#enqueue(() => this.#pull())
    clearInterval(this.#heartbeat)
    this.#heartbeat = setInterval(() => { this.#announce().catch(() => {}) }, HEARTBEAT)
    for (const { peer, data } of state.peers ?? []) await this.#present(peer, data)
    await this.#announce()
  }

  /** State of the space on the server, and its key. Throws a `ForbiddenError` after the end of the rights. */
  async serverState (): Promise<State> {
    const entry = { id: this.id, since: this.cursor, ucan: this.ucan, presence: true }
    const { spaces: [state], errors } = await this.client.call('subscribe', { spaces: [entry] })
    if (!state) {
      const error = serverError(errors?.[0]?.error ?? 'internal', 'cannot subscribe')
      if (error instanceof ForbiddenError) this.#end()
      throw error
    }
    await adopt(this, state.key_generation)
    return state
  }

  /** Pulls once more, for example to check that nothing is missing. */
  pull (): Promise<void> { return this.#enqueue(() => this.#pull()) }

  /** Everything in the order of the server: a handler ends before the next one begins. */
  #enqueue<T> (task: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(task)
    this.#queue = done.catch(() => {})
    return done
  }

  async #pull (): Promise<void> {
    const pull = await Pull.of(this)
    for (const rows of pull.batches()) await this.#deliver(rows)
    this.cursor = Math.max(this.cursor, pull.cursor)
  }

  async #deliver (rows: (RecordRow | FileRow)[]): Promise<void> {
    const missing = new Set<number>()
    const changes: Change[] = []
    for (const row of rows) changes.push('record_id' in row ? fileChange(row) : await this.#recordChange(row, missing))
    if (changes.length) await this.handlers.changes?.(changes, this)
  }

  async #recordChange (row: RecordRow, missing: Set<number>): Promise<RecordChange> {
    const { id, cursor, blob, dek } = row
    const change = { kind: 'record' as const, id, cursor, deleted: row.deleted === true }
    if (change.deleted || !blob) return { ...change, content: null }
    try {
      if (dek && !missing.has(epochOf(dek)) && !await adopt(this, epochOf(dek))) missing.add(epochOf(dek))
      return { ...change, content: await this.keys.openRecord(id, blob, dek) }
    } catch (error) {
      if (error instanceof DecryptionError) return { ...change, content: null, error }
      // One forged key share does not keep other records from being read.
      if (error instanceof ForgedError) return { ...change, content: null, error: new DecryptionError('no proven key', { cause: error }) }
      throw error
    }
  }

  /** Takes a notification. For the client. */
  notified (method: string, params: any): Promise<void> {
    if (this.#backlog >= BACKLOG) {
      this.#isBehind = true
      return Promise.resolve()
    }
    this.#backlog++
    return this.#enqueue(async () => {
      try {
        await this.#take(method, params)
        if (this.#backlog > 1 || !this.#isBehind) return
        this.#isBehind = false
        await this.#pull()
      } finally {
        this.#backlog--
      }
    })
  }

  async #take (method: string, params: any): Promise<void> {
    if (method === 'sync') await this.#follow(params.prev, params.cursor, params.records)
    if (method === 'file') await this.#follow(params.cursor - 1, params.cursor, params.files.map((file: object) => ({ ...file, cursor: params.cursor })))
    if (method === 'membership') await this.#follow(params.cursor - 1, params.cursor, [])
    if (method === 'presence') await this.#present(params.peer, params.data)
    if (method === 'presence.leave') this.handlers.presence?.(params.peer, null)
    if (method === 'event') this.handlers.event?.(params.peer, await this.keys.openLive('event', params.data))
    // All watchers hear of every revocation in the space.
    if (method === 'revoked') await this.serverState().catch(error => { if (!(error instanceof ForbiddenError)) throw error })
  }

  /** Advances over an event that follows the cursor; pulls over a gap, and drops what is known. */
  async #follow (prev: number, cursor: number, rows: (RecordRow | FileRow)[]): Promise<void> {
    if (cursor <= this.cursor && prev !== cursor) return
    if (prev !== this.cursor || prev === cursor) return this.#pull()
    await this.#deliver(rows)
    this.cursor = cursor
  }

  /**
   * Encrypts and stores all writes under one new version, or none; returns it. Throws a `ConflictError` if another device was first,
   * an `OfflineError` without a connection, and a `ClosedError` if the connection ended before the response.
   */
  async push (writes: Write[]): Promise<number> {
    for (let poll = 0; ; poll++) {
      const result = await this.call('push', { changes: await this.#sealed(writes), epoch: this.isPersonal ? undefined : this.keys.newest })
      if (result.ok) return this.#pushed(result.cursor ?? 0)
      if (result.error === 'forbidden') await this.serverState()
      if (result.error !== 'epoch_stale') throw serverError(result.error ?? 'internal', 'push rejected')
      const { key_generation: epoch } = await this.serverState()
      if (poll === POLLS) throw new MissingKeyError(epoch)
      if (!this.keys.has(epoch)) await this.client.delay(POLL_INTERVAL)
    }
  }

  async #sealed (writes: Write[]): Promise<object[]> {
    return Promise.all(writes.map(async ({ id, content, expected }) => {
      const sealed = content === null ? {} : await this.keys.sealRecord(id, copy(content))
      return { id, expected_cursor: expected, ...sealed }
    }))
  }

  #pushed (cursor: number): number {
    // In the queue: changes of others before this one may still wait for their handler.
    void this.#enqueue(async () => { if (cursor === this.cursor + 1) this.cursor = cursor })
    return cursor
  }

  /** Shows this connection to others as present with this content, at most 900 bytes, until `null`. */
  async present (content: Bytes | null): Promise<void> {
    this.#presence = content
    if (content === null) this.client.notify('presence.clear', { space: this.id })
    else await this.#announce()
  }

  async #announce (): Promise<void> {
    if (!this.#presence || this.hasEnded) return
    this.client.notify('presence.set', { space: this.id, data: await this.keys.sealLive('presence', this.#presence) })
  }

  /** Sends an event to those who are connected now, at most 4000 bytes. */
  async send (content: Bytes): Promise<void> {
    this.client.notify('event.send', { space: this.id, data: await this.keys.sealLive('event', content) })
  }

  async #present (peer: string, data: Uint8Array): Promise<void> {
    const content = await this.keys.openLive('presence', data).catch(() => new Uint8Array())
    this.handlers.presence?.(peer, content)
  }

  /** Stops timers, as does the end of the connection. For the client. */
  pause (): void { clearInterval(this.#heartbeat) }

  #end (): void {
    if (this.hasEnded) return
    this.hasEnded = true
    this.pause()
    this.client.forget(this)
    this.handlers.ended?.(this)
  }
}

function fileChange ({ id, record_id: record, cursor, deleted, size }: FileRow): FileChange {
  return { kind: 'file', id, record, cursor, deleted: deleted === true, size: size ?? 0 }
}

/** Returns whether an error says that there is nothing by this name. */
export const isNotFound = (error: unknown): boolean => error instanceof ServerError && error.code === 'not_found'
