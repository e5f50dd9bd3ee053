// less-sync client in one file: requests, notifications and chunks in CBOR over a WebSocket.
import { randomUUID } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { decode, encode } from 'cborg'
import WebSocket from 'ws'

const [REQUEST, RESPONSE, NOTIFICATION, CHUNK] = [0, 1, 2, 3]

/** Returns the base URL of the API; adds the path to a URL without one. */
export function baseUrl (text = process.env.LESS_SYNC_URL || 'http://127.0.0.1:5379') {
  const url = new URL(text)
  return url.origin + (url.pathname === '/' ? '/api/v1' : url.pathname.replace(/\/$/, ''))
}

/** Returns an access token and its personal space: from the environment, else issued by the development server. */
export async function grant (base, request = {}) {
  const { LESS_SYNC_TOKEN: token, LESS_SYNC_SPACE: personal_space } = process.env
  if (token) return { token, personal_space }
  const response = await fetch(new URL('/dev/token', base), { method: 'POST', body: JSON.stringify(request) })
  if (!response.ok) throw new Error(`cannot get a token: HTTP ${response.status}`)
  return response.json()
}

export class Client {
  #socket; #calls = new Map(); #nextId = 1
  onNotification = () => {}

  /** Connects and sends the token. The server does not acknowledge it: requests may follow at once. */
  static async open (base, token, subprotocol = 'less-rpc-v1') {
    const client = new Client()
    const socket = client.#socket = new WebSocket(base.replace(/^http/, 'ws') + '/ws', subprotocol)
    client.closed = new Promise(resolve => {
      socket.on('close', (code, reason) => resolve(new Error(`closed: ${code} ${reason}`)))
    })
    client.closed.then(error => client.#calls.forEach(call => call.reject(error)))
    await new Promise((resolve, reject) => socket.once('open', resolve).on('error', reject))
    socket.on('message', message => client.#receive(message))
    client.#send({ type: NOTIFICATION, method: 'auth', params: { token } })
    return client
  }

  #send (frame) { this.#socket.send(encode(frame)) }
  #receive (message) {
    if (message.length === 1 && message[0] === 0xf6) return // keepalive
    const frame = decode(message)
    const call = this.#calls.get(frame.id)
    if (frame.type === NOTIFICATION) this.onNotification(frame.method, frame.params)
    if (frame.type === CHUNK) call?.onChunk(frame.name, frame.data)
    if (frame.type !== RESPONSE || !call) return
    this.#calls.delete(frame.id)
    if (frame.error) call.reject(new Error(`${frame.error.code}: ${frame.error.message}`))
    else call.resolve(frame.result)
  }

  /** Sends a request and returns its result, after all its chunks. */
  call (method, params, onChunk = () => {}) {
    return new Promise((resolve, reject) => {
      const id = `js-${this.#nextId++}`
      this.#calls.set(id, { resolve, reject, onChunk })
      this.#send({ type: REQUEST, id, method, params })
    })
  }

  /** Sends a notification, which has no response. */
  notify (method, params) { this.#send({ type: NOTIFICATION, method, params }) }

  /** Subscribes to a space and returns its cursor; changes then arrive as notifications. A shared space needs `ucan`. */
  async subscribe (space, ucan) {
    const { spaces, errors } = await this.call('subscribe', { spaces: [{ id: space, since: 0, ucan }] })
    if (!spaces.length) throw new Error(`cannot subscribe: ${errors[0].error}`)
    return spaces[0].cursor
  }

  /** Returns the changes after `since` and the cursor for the next pull; throws if the pull is incomplete. */
  async pull (space, since = 0, ucan) {
    const pulled = { records: [], cursor: since }
    let [rows, chunks, isComplete] = [0, 0, false]
    const { _chunks } = await this.call('pull', { spaces: [{ id: space, since, ucan }] }, (name, data) => {
      chunks++
      if (name === 'pull.record') pulled.records.push(data)
      if (/^pull\.(record|membership|file)$/.test(name)) rows++
      if (name === 'pull.commit') [pulled.cursor, isComplete] = [data.cursor, data.count === rows]
    })
    if (_chunks !== chunks || !isComplete) throw new Error('incomplete pull')
    return pulled
  }

  /** Writes one record (`blob` null deletes it) whose current cursor is `expected`; returns the new cursor of the space. */
  async push (space, id, blob, expected = 0, ucan) {
    const { ok, cursor, error } = await this.call('push', { space, ucan, changes: [{ id, blob, expected_cursor: expected }] })
    if (!ok) throw new Error(`push rejected: ${error}`)
    return cursor
  }

  close () { this.#socket.close(1000, 'client close') }
}

const show = record => console.log(`${record.cursor} ${record.id} ${record.deleted ? '(deleted)' : JSON.stringify(Buffer.from(record.blob).toString())}`)

/** node client.js [TEXT]: prints all records, pushes TEXT as a new record, then prints live changes. */
async function main (text) {
  const base = baseUrl()
  const { token, personal_space: space } = await grant(base)
  const client = await Client.open(base, token)
  client.onNotification = (method, params) => method === 'sync' ? params.records.forEach(show) : console.log(method)
  await client.subscribe(space)
  for (const record of (await client.pull(space)).records) show(record)
  if (text !== undefined) console.log(`pushed at ${await client.push(space, randomUUID(), Buffer.from(text))}`)
  throw await client.closed
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(process.argv[2]).catch(error => { console.error(`error: ${error.message}`); process.exit(1) })
}
