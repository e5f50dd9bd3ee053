/** One WebSocket connection: requests, chunks and notifications in CBOR (protocol §1, §2). */
import { decode, encode } from 'cborg'
import { ClosedError, ProtocolError, TokenRejectedError, serverError } from './errors.js'

const [REQUEST, RESPONSE, NOTIFICATION, CHUNK] = [0, 1, 2, 3]
const KEEPALIVE = 0xf6

/** The server sends a keepalive every 30 seconds; a link without any message for longer is dead. In milliseconds. */
const SILENCE = 75_000

/** What the client uses of a WebSocket: that of browsers, of Node.js 22, or of the package `ws`. */
export interface Socket {
  binaryType: string
  send (message: Uint8Array): void
  close (code?: number, reason?: string): void
  addEventListener (type: string, listener: (event: any) => void): void
}

export type SocketConstructor = new (url: string, protocols: string[]) => Socket

interface Frame {
  type: number
  id?: string
  method?: string
  name?: string
  params?: unknown
  data?: unknown
  result?: unknown
  error?: { code: string, message: string }
}

interface Call {
  resolve: (result: any) => void
  reject: (error: Error) => void
  onChunk: ChunkHandler
}

export type ChunkHandler = (name: string, data: any) => void
export type NotificationHandler = (method: string, params: any) => void

export class Connection {
  /** Resolves when the connection has ended. */
  readonly closed: Promise<ClosedError>
  #socket: Socket
  #calls = new Map<string, Call>()
  #nextId = 1
  #ended: ClosedError | null = null
  #end!: (error: ClosedError) => void
  #heard = Date.now()
  #onNotification: NotificationHandler

  private constructor (socket: Socket, onNotification: NotificationHandler) {
    this.#socket = socket
    this.#onNotification = onNotification
    this.closed = new Promise(resolve => {
      this.#end = error => {
        if (this.#ended) return
        this.#ended = error
        for (const call of this.#calls.values()) call.reject(error)
        this.#calls.clear()
        resolve(error)
      }
    })
  }

  /** Connects to a base URL such as `https://host/api/v1`, and sends the token. The server does not acknowledge it. */
  static async open (base: string, token: string, Socket: SocketConstructor, onNotification: NotificationHandler): Promise<Connection> {
    const socket = new Socket(`${base.replace(/^http/, 'ws')}/ws`, ['less-rpc-v1'])
    socket.binaryType = 'arraybuffer'
    const connection = new Connection(socket, onNotification)
    socket.addEventListener('close', ({ code, reason }) => {
      connection.#end(code === 4000 ? new TokenRejectedError(code, reason) : new ClosedError(code, reason))
    })
    const opened = new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve())
      socket.addEventListener('error', () => reject(new ClosedError(1006, 'cannot connect')))
      void connection.closed.then(reject)
    })
    socket.addEventListener('message', ({ data }) => connection.#receive(data))
    await opened
    connection.#watch()
    connection.notify('auth', { token })
    return connection
  }

  /** Ends the connection when its link is silent for too long: a phone without network gets no close frame. */
  #watch (): void {
    const timer = setInterval(() => {
      if (Date.now() - this.#heard < SILENCE) return
      this.#socket.close()
      this.#end(new ClosedError(1006, 'no message from the server'))
    }, SILENCE / 5)
    void this.closed.then(() => clearInterval(timer))
  }

  #send (frame: Frame): void { this.#socket.send(encode(frame, { ignoreUndefinedProperties: true })) }

  #receive (data: unknown): void {
    this.#heard = Date.now()
    if (!(data instanceof ArrayBuffer)) return this.#fail('message is not binary')
    const message = new Uint8Array(data)
    if (message.length === 1 && message[0] === KEEPALIVE) return
    let frame: Frame
    try {
      frame = decode(message)
    } catch {
      return this.#fail('message is not CBOR')
    }
    if (frame === null || typeof frame !== 'object') return this.#fail('message is not a frame')
    this.#dispatch(frame)
  }

  #dispatch (frame: Frame): void {
    if (frame.type === NOTIFICATION) return this.#onNotification(frame.method ?? '', frame.params ?? {})
    const call = this.#calls.get(frame.id ?? '')
    if (frame.type === CHUNK) call?.onChunk(frame.name ?? '', frame.data)
    if (frame.type !== RESPONSE || !call) return
    this.#calls.delete(frame.id ?? '')
    if (frame.error) call.reject(serverError(frame.error.code, frame.error.message))
    else call.resolve(frame.result)
  }

  #fail (why: string): void {
    this.#socket.close(1000, 'client close')
    this.#end(Object.assign(new ClosedError(1006, why), { cause: new ProtocolError(why) }))
  }

  /** Sends a request; resolves to its result, after all its chunks. Rejects with a `ServerError` or `ClosedError`. */
  call<Result = any> (method: string, params: unknown, onChunk: ChunkHandler = () => {}): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended)
      const id = String(this.#nextId++)
      this.#calls.set(id, { resolve, reject, onChunk })
      this.#send({ type: REQUEST, id, method, params })
    })
  }

  /** Sends a notification, which has no response. Does nothing after the end of the connection. */
  notify (method: string, params: unknown): void {
    if (!this.#ended) this.#send({ type: NOTIFICATION, method, params })
  }

  close (): void { this.#socket.close(1000, 'client close') }
}
