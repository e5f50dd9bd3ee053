// node check.js PAGE SERVER: what an app does from the page at PAGE, whose origin is not that of SERVER: upload, ranged
// download, deletion, WebSocket. Takes LESS_SYNC_TOKEN, LESS_SYNC_SPACE and LESS_SYNC_RECORD, the record that owns the file.
// Exits with 0 or 1.
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { decode, encode } from 'cborg'
import { chromium } from 'playwright-core'

const [page, server] = process.argv.slice(2)
const { LESS_SYNC_TOKEN: token, LESS_SYNC_SPACE: space, LESS_SYNC_RECORD: record } = process.env
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium'

const content = Buffer.from('ciphertext of a file')
const dek = Buffer.alloc(44, 7)
dek.writeUInt32BE(1)
const digest = `sha-256=:${createHash('sha256').update(content).digest('base64')}:`
const task = {
  file: `${server}/api/v1/spaces/${space}/files/${randomUUID()}`,
  socket: `${server.replace(/^http/, 'ws')}/api/v1/ws`,
  content: [...content],
  authorization: `Bearer ${token}`,
  upload: {
    'X-Record-ID': record, 'X-Wrapped-DEK': dek.toString('base64'), 'Repr-Digest': digest, 'Content-Digest': digest,
    'X-Request-ID': 'browser-check', 'Content-Type': 'application/octet-stream'
  },
  frames: [
    { type: 2, method: 'auth', params: { token } },
    { type: 0, id: 'b-1', method: 'subscribe', params: { spaces: [{ id: space, since: 0 }] } }
  ].map(frame => [...encode(frame)])
}

/** Runs in the page. Returns what the page may read of the responses. */
async function inPage ({ file, socket, content, authorization, upload, frames }) {
  const ask = async (method, headers, body) => {
    const response = await fetch(file, { method, headers: { authorization, ...headers }, body })
    const names = ['etag', 'content-range', 'x-wrapped-dek', 'repr-digest', 'x-request-id']
    const read = Object.fromEntries(names.map(name => [name, response.headers.get(name)]))
    return { status: response.status, text: await response.text(), ...read }
  }
  const put = await ask('PUT', upload, new Uint8Array(content))
  const part = await ask('GET', { Range: 'bytes=0-9', 'If-Match': put.etag })
  const known = await ask('GET', { 'If-None-Match': put.etag })
  const removed = await ask('DELETE', {})
  const gone = await ask('GET', {})
  const received = await new Promise((resolve, reject) => {
    const client = new WebSocket(socket, 'less-rpc-v1')
    client.binaryType = 'arraybuffer'
    client.onopen = () => frames.forEach(frame => client.send(new Uint8Array(frame)))
    client.onclose = client.onerror = event => reject(new Error(`WebSocket ${event.type} ${event.code ?? ''}`))
    client.onmessage = ({ data }) => {
      if (data.byteLength > 1) resolve({ subprotocol: client.protocol, frame: [...new Uint8Array(data)] })
    }
  })
  return { put, part, known, removed, gone, received }
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
try {
  const tab = await browser.newPage()
  tab.on('console', message => console.error(message.text()))
  await tab.goto(page)
  const { put, part, known, removed, gone, received } = await tab.evaluate(inPage, task)
  assert.deepEqual([put.status, put['repr-digest'], put['x-request-id']], [201, digest, 'browser-check'])
  assert.deepEqual([part.status, part.text, part['content-range']], [206, 'ciphertext', 'bytes 0-9/20'])
  assert.deepEqual([part['x-wrapped-dek'], part.etag], [dek.toString('base64'), put.etag])
  assert.equal(known.status, 304)
  assert.equal(removed.status, 204)
  assert.deepEqual([gone.status, gone.text], [404, '{"error":"file not found"}'])
  assert.equal(received.subprotocol, 'less-rpc-v1')
  const { id, result } = decode(Uint8Array.from(received.frame))
  assert.deepEqual([id, result.spaces.map(({ id }) => id)], ['b-1', [space]])
  console.log('upload, part, deletion, WebSocket')
} catch (error) {
  console.error(`error: ${error.message}`)
  process.exitCode = 1
} finally {
  await browser.close()
}
