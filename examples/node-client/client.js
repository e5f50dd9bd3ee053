// A less-sync client in one file: the wire format is CBOR over a WebSocket, and this is all there is to it.
import { randomUUID } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { decode, encode } from 'cborg'
import WebSocket from 'ws'

const [REQUEST, RESPONSE, NOTIFICATION, CHUNK] = [0, 1, 2, 3]

/** The base URL of the API; the path is added where only the server is named. */
export function baseUrl (text = process.env.LESS_SYNC_URL || 'http://127.0.0.1:5379') {
  const url = new URL(text)
  return url.origin + (url.pathname === '/' ? '/api/v1' : url.pathname.replace(/\/$/, ''))
}

/** A token and its personal space: from the environment, or else of the development server. */
export async function grant (base, wish = {}) {
  const { LESS_SYNC_TOKEN: token, LESS_SYNC_SPACE: personal_space } = process.env
  if (token) return { token, personal_space }
  const answer = await fetch(new URL('/dev/token', base), { method: 'POST', body: JSON.stringify(wish) })
  if (!answer.ok) throw new Error(`no token: HTTP ${answer.status}`)
  return answer.json()
}

export class Client {
  #socket; #calls = new Map(); #nextId = 1
  onNotification = () => {}

  /** Resolves once the socket is open and the token is on its way; there is no word of welcome. */
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

  /** A request; its answer, after all its chunks. */
  call (method, params, onChunk = () => {}) {
    return new Promise((resolve, reject) => {
      const id = `js-${this.#nextId++}`
      this.#calls.set(id, { resolve, reject, onChunk })
      this.#send({ type: REQUEST, id, method, params })
    })
  }

  /** Says something that has no answer. */
  notify (method, params) { this.#send({ type: NOTIFICATION, method, params }) }

  /** Watches a space, a shared one by the right of `ucan`; answers its cursor. Its changes come as notifications from now on. */
  async subscribe (space, ucan) {
    const { spaces, errors } = await this.call('subscribe', { spaces: [{ id: space, since: 0, ucan }] })
    if (!spaces.length) throw new Error(`cannot watch: ${errors[0].error}`)
    return spaces[0].cursor
  }

  /** What changed after `since`, and the cursor to go on from; an error unless it is whole. */
  async pull (space, since = 0, ucan) {
    const pulled = { records: [], cursor: since }
    let [rows, chunks, isWhole] = [0, 0, false]
    const { _chunks } = await this.call('pull', { spaces: [{ id: space, since, ucan }] }, (name, data) => {
      chunks++
      if (name === 'pull.record') pulled.records.push(data)
      if (/^pull\.(record|membership|file)$/.test(name)) rows++
      if (name === 'pull.commit') [pulled.cursor, isWhole] = [data.cursor, data.count === rows]
    })
    if (_chunks !== chunks || !isWhole) throw new Error('the pull is not whole')
    return pulled
  }

  /** Writes one record (`blob` null deletes it) that was last written at `expected`; answers the cursor of the space. */
  async push (space, id, blob, expected = 0, ucan) {
    const { ok, cursor, error } = await this.call('push', { space, ucan, changes: [{ id, blob, expected_cursor: expected }] })
    if (!ok) throw new Error(`push refused: ${error}`)
    return cursor
  }

  close () { this.#socket.close(1000, 'client close') }
}

const show = record => console.log(`${record.cursor} ${record.id} ${record.deleted ? '(deleted)' : JSON.stringify(Buffer.from(record.blob).toString())}`)

/** node client.js [TEXT]: shows what is there, pushes TEXT as a new record, and goes on to show live changes. */
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
