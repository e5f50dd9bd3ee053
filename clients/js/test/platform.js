// What the package needs of Node.js: WebSockets before version 22, and WebCrypto before version 20.
import { webcrypto } from 'node:crypto'
import WebSocket from 'ws'

globalThis.crypto ??= webcrypto
globalThis.WebSocket ??= WebSocket

/** Access token of a development server. */
export async function issueToken (url, request) {
  const response = await fetch(new URL('/dev/token', url), { method: 'POST', body: JSON.stringify(request) })
  if (!response.ok) throw new Error(`cannot get a token: HTTP ${response.status}`)
  return response.json()
}
