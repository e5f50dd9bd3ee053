// Connection of a device: requests, chunks and notifications in CBOR over a WebSocket.
import { decode, encode } from './cbor.js'

const [REQUEST, RESPONSE, NOTIFICATION, CHUNK] = [0, 1, 2, 3]

/** Error response of the server. */
export class ServerError extends Error {
  constructor ({ code, message }) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

export class Connection {
  #socket; #calls = new Map(); #nextId = 1; #tap
  onNotification = () => {}

  /** Connects and sends the token. `tap` is called with every frame as it is on the wire. */
  static async open (token, tap) {
    const connection = new Connection()
    connection.#tap = tap
    const url = new URL('/api/v1/ws', location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    const socket = connection.#socket = new WebSocket(url, 'less-rpc-v1')
    socket.binaryType = 'arraybuffer'
    connection.closed = new Promise(resolve => socket.addEventListener('close', resolve))
    connection.closed.then(({ code, reason }) => {
      for (const call of connection.#calls.values()) call.reject(new Error(`closed: ${code} ${reason}`))
    })
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true })
      socket.addEventListener('error', () => reject(new Error('cannot connect')), { once: true })
    })
    socket.addEventListener('message', ({ data }) => connection.#receive(new Uint8Array(data)))
    connection.notify('auth', { token })
    return connection
  }

  #send (frame) {
    const message = encode(frame)
    this.#tap({ isSent: true, frame, message })
    this.#socket.send(message)
  }

  #receive (message) {
    const frame = decode(message)
    this.#tap({ isSent: false, frame, message })
    if (frame === null) return // keepalive
    const call = this.#calls.get(frame.id)
    if (frame.type === NOTIFICATION) this.onNotification(frame.method, frame.params)
    if (frame.type === CHUNK) call?.onChunk(frame.name, frame.data)
    if (frame.type !== RESPONSE || !call) return
    this.#calls.delete(frame.id)
    if (frame.error) call.reject(new ServerError(frame.error))
    else call.resolve(frame.result)
  }

  /** Sends a request; resolves to its result, after all its chunks. */
  call (method, params, onChunk = () => {}) {
    return new Promise((resolve, reject) => {
      const id = String(this.#nextId++)
      this.#calls.set(id, { resolve, reject, onChunk })
      this.#send({ type: REQUEST, id, method, params })
    })
  }

  /** Sends a notification, which has no response. */
  notify (method, params) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#send({ type: NOTIFICATION, method, params })
  }

  close () { this.#socket.close(1000, 'client close') }
}
