/** Client: keeps one connection, and the subscriptions of its spaces, over every interruption. */
import { base64url, random, unbase64 } from './bytes.js'
import { Connection, type ChunkHandler, type SocketConstructor } from './connection.js'
import { ClosedError, LessSyncError, MissingKeyError, OfflineError, TokenRejectedError } from './errors.js'
import type { Identity } from './identity.js'
import { Space, type SpaceHandlers, type SpaceState } from './space.js'

/** Longest delay between two attempts, in milliseconds. */
const LONGEST = 30_000

/** `online`: all spaces are subscribed and pulled. `waiting`: until the next attempt. `stopped`: by `stop`, or the token was rejected. */
export type ClientStatus = 'connecting' | 'online' | 'waiting' | 'stopped'

export interface ClientOptions {
  /** Server, such as `https://sync.example.com`; the path of the API is added to a URL without one. */
  url: string
  /** Returns a valid access token; asked before every connection and file request. */
  token: () => string | Promise<string>
  /** Identity of the user: required for shared spaces, and named by the token as `did`. */
  identity?: Identity
  /** Constructor of WebSockets where there is none globally: that of the package `ws` in Node.js 20. */
  WebSocket?: SocketConstructor
  onStatus?: (status: ClientStatus) => void
  /** An invitation has arrived: `invitations` lists it. */
  onInvitation?: () => void
  /** Failures that no call reports: of attempts to connect, of handlers, of notifications that prove nothing. */
  onError?: (error: unknown) => void
  /** Waits, in milliseconds. For tests. */
  delay?: (milliseconds: number) => Promise<void>
}

export class Client {
  /** Base URL of the API. */
  readonly base: string
  readonly spaces = new Map<string, Space>()
  status: ClientStatus = 'stopped'
  #options: ClientOptions
  #connection: Connection | null = null
  #run: object | null = null
  #waiting: { resolve: () => void, reject: (error: Error) => void }[] = []

  constructor (options: ClientOptions) {
    const url = new URL(options.url)
    this.base = url.origin + (url.pathname === '/' ? '/api/v1' : url.pathname.replace(/\/$/, ''))
    this.#options = options
  }

  get identity (): Identity | undefined { return this.#options.identity }

  /** The identity. Throws without one. */
  get self (): Identity {
    if (!this.identity) throw new LessSyncError('shared spaces need an identity')
    return this.identity
  }

  async token (): Promise<string> { return this.#options.token() }

  async delay (milliseconds: number): Promise<void> {
    return this.#options.delay ? this.#options.delay(milliseconds) : new Promise(resolve => setTimeout(resolve, milliseconds))
  }

  /** Connects, and reconnects until `stop`. Resolves when online; rejects if the token is rejected. */
  start (): Promise<void> {
    if (!this.#run) void this.#keep(this.#run = {})
    return this.online()
  }

  /** Resolves when online, at once or after the next connect. Rejects when the client is stopped. */
  online (): Promise<void> {
    if (this.status === 'online') return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Closes the connection, and opens no other one. */
  stop (): void { this.#stop(new OfflineError('the client is stopped')) }

  #stop (why: LessSyncError): void {
    this.#run = null
    this.#connection?.close()
    this.#lost()
    this.#set('stopped')
    for (const { reject } of this.#waiting.splice(0)) reject(why)
  }

  #set (status: ClientStatus): void {
    if (status === this.status) return
    this.status = status
    this.#options.onStatus?.(status)
    if (status === 'online') for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  #lost (): void {
    this.#connection = null
    for (const space of this.spaces.values()) space.pause()
  }

  async #keep (run: object): Promise<void> {
    let failures = 0
    let rejected: string | null = null
    while (this.#run === run) {
      this.#set('connecting')
      let token = ''
      try {
        token = await this.token()
        if (token === rejected) throw new TokenRejectedError(4000, 'the token was rejected before')
        const ended = await this.#connect(run, token, () => { failures = 0 })
        if (ended instanceof TokenRejectedError) throw ended
      } catch (error) {
        if (this.#run !== run) return
        this.#options.onError?.(error)
        // The same token again would be rejected again; a new one may not be.
        if (error instanceof TokenRejectedError && token === rejected) return this.#stop(error)
        if (error instanceof TokenRejectedError) rejected = token
      }
      if (this.#run !== run) return
      this.#lost()
      this.#set('waiting')
      const delay = Math.min(LONGEST, 1000 * 2 ** failures++)
      await this.delay(delay * (1 + 0.3 * Math.random()))
    }
  }

  /** Connects and subscribes; resolves when the connection has ended. */
  async #connect (run: object, token: string, online: () => void): Promise<ClosedError> {
    const connection = await Connection.open(this.base, token, this.#socket(), (method, params) => this.#notified(method, params))
    if (this.#run !== run) {
      connection.close()
      return connection.closed
    }
    this.#connection = connection
    try {
      // Nothing acknowledges the token but the first response.
      await connection.call('subscribe', { spaces: [] })
      await Promise.all([...this.spaces.values()].map(space => this.#subscribe(space)))
    } catch (error) {
      connection.close()
      throw error
    }
    online()
    this.#set('online')
    return connection.closed
  }

  /** Subscribes a space; a failure of one does not keep the others from being online. */
  async #subscribe (space: Space): Promise<void> {
    try {
      await space.subscribe()
    } catch (error) {
      if (error instanceof ClosedError) throw error
      this.#options.onError?.(error)
    }
  }

  #socket (): SocketConstructor {
    const Socket = this.#options.WebSocket ?? (globalThis.WebSocket as SocketConstructor | undefined)
    if (!Socket) throw new LessSyncError('no WebSocket: pass that of the package ws')
    return Socket
  }

  #notified (method: string, params: any): void {
    if (method === 'invitation') return this.#options.onInvitation?.()
    const space = this.spaces.get(params.space)
    space?.notified(method, params).catch(error => {
      if (!(error instanceof ClosedError || error instanceof OfflineError)) this.#options.onError?.(error)
    })
  }

  /** Sends a request. Rejects with an `OfflineError`, a `ClosedError` or a `ServerError`. */
  async call<Result = any> (method: string, params: object, onChunk?: ChunkHandler): Promise<Result> {
    if (!this.#connection) throw new OfflineError('not connected')
    return this.#connection.call(method, params, onChunk)
  }

  /** Sends a notification, or does nothing without a connection. */
  notify (method: string, params: object): void { this.#connection?.notify(method, params) }

  /** Opens a space from its stored state: now if the client is connected, else with the next connection. */
  async open (state: SpaceState, handlers: SpaceHandlers = {}): Promise<Space> {
    const space = new Space(this, state, handlers)
    await this.add(space)
    return space
  }

  /** Registers a space, and subscribes it if the client is connected. */
  async add (space: Space): Promise<void> {
    this.spaces.set(space.id, space)
    space.hasEnded = false
    if (!this.#connection) return
    await space.subscribe()
  }

  /** Stops watching a space; its content stays on the server. */
  close (space: Space): void {
    this.forget(space)
    this.notify('unsubscribe', { spaces: [space.id] })
  }

  /** Removes a space without telling the server. For spaces. */
  forget (space: Space): void {
    space.pause()
    if (this.spaces.get(space.id) === space) this.spaces.delete(space.id)
  }

  /**
   * State of a personal space for `open`. `key` is the export of another device or of the toolbox; without it a new key is made,
   * unless the space has content already: then a `MissingKeyError` asks for the key.
   */
  async personal (id: string, key?: string): Promise<SpaceState> {
    const state: SpaceState = { id, name: '', keys: {}, cursor: 0 }
    if (key !== undefined) return { ...state, keys: { 1: importKey(id, key) } }
    let isUsed = false
    await this.call('pull', { spaces: [{ id, since: 0 }] }, (_name, data) => { isUsed ||= data.dek !== undefined })
    if (isUsed) throw new MissingKeyError(1)
    return { ...state, keys: { 1: base64url(random(32)) } }
  }
}

function importKey (id: string, text: string): string {
  try {
    const { version, space, key } = JSON.parse(text)
    if (version === 1 && space === id && unbase64(key).length === 32) return key
  } catch (cause) {
    throw new LessSyncError('not an exported key', { cause })
  }
  throw new LessSyncError('not the key of this space')
}

/** Export of the key of a personal space, for `personal` on another device and for `less-sync key import`. */
export function exportKey (space: Space): string {
  return JSON.stringify({ version: 1, space: space.id, key: base64url(space.keys.key(1)) })
}
