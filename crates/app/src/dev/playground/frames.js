// Description of frames as the server sees them: kind, ids, cursors and sizes. Never a token.
import { text } from './crypto.js'

const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`
const bytes = blobs => blobs.reduce((sum, blob) => sum + (blob?.length ?? 0), 0)
export const size = count => count < 1024 ? `${count} B` : `${(count / 1024).toFixed(1)} KiB`

/** Few words for a frame; `null` for a keepalive. */
export function describe (frame) {
  if (frame === null) return null
  const { type, method, name, params, data, result, error } = frame
  if (type === 3) return { name, detail: chunk(name, data) }
  if (type === 1 && error) return { name: 'error', detail: `${error.code}: ${error.message}` }
  if (type === 1) return { name: 'response', detail: response(result) }
  return { name: method, detail: call(method, params) }
}

function call (method, params) {
  switch (method) {
    case 'auth': return 'access token'
    case 'push': return `${plural(params.changes.length, 'record')}, ${size(bytes(params.changes.map(change => change.blob)))} sealed, key ${params.epoch}`
    case 'sync': return `#${params.cursor} ${plural(params.records.length, 'record')}, ${size(bytes(params.records.map(record => record.blob)))} sealed`
    case 'pull': case 'subscribe': return params.spaces.map(({ since }) => `since #${since}`).join(', ')
    case 'file': return `#${params.cursor} ${plural(params.files.length, 'file')}, ${size(params.files.reduce((sum, file) => sum + (file.size ?? 0), 0))} sealed`
    case 'presence': case 'presence.set': case 'event': return `${size(params.data.length)} sealed`
    case 'invitation.create': return `${size(params.payload.length)} sealed, for a mailbox`
    case 'membership.revoke': return 'rights of one member'
    case 'epoch.begin': case 'epoch.complete': case 'epochKeys.get': return `key ${params.epoch}`
    case 'epochKeys.put': return `key ${params.epoch}, sealed for ${plural(params.keys.length, 'member')}`
    case 'deks.rewrap': case 'deks.rewrapFiles': return plural(params.deks.length, 'wrapped key')
    case 'revoked': return params.reason
    default: return ''
  }
}

function chunk (name, data) {
  switch (name) {
    case 'pull.record': return `#${data.cursor} ${size(data.blob?.length ?? 0)} sealed`
    case 'pull.file': return `#${data.cursor} ${size(data.size ?? 0)} sealed`
    case 'pull.begin': case 'pull.commit': return `#${data.prev} to #${data.cursor}`
    default: return ''
  }
}

function response (result) {
  if (result.spaces) return result.spaces.map(({ cursor, key_generation: key }) => `at #${cursor}, key ${key}`).join(', ') || 'rejected'
  if (result.ok !== undefined && result.cursor) return `stored at #${result.cursor}`
  if (result.error) return result.error
  return result._chunks ? plural(result._chunks, 'chunk') : 'ok'
}

/** Rows of eight bytes: hexadecimal, and printable characters. */
export function dump (message, limit = 160) {
  const rows = []
  for (let at = 0; at < Math.min(message.length, limit); at += 8) {
    const row = message.slice(at, Math.min(at + 8, limit))
    const digits = Array.from(row, byte => byte.toString(16).padStart(2, '0')).join(' ')
    const shown = text(row.map(byte => byte > 31 && byte < 127 ? byte : 46))
    rows.push(`${digits.padEnd(23)} ${shown}`)
  }
  if (message.length > limit) rows.push(`… ${message.length - limit} more bytes`)
  return rows.join('\n')
}
