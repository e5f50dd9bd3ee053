/** Files: encrypted here, stored over HTTP (docs/http.md), described by a record. */
import { base64, copy, hex, sha256, text, unbase64, utf8, type Bytes } from './bytes.js'
import { epochOf } from './crypto.js'
import { DecryptionError, HttpError } from './errors.js'
import { adopt } from './keys.js'
import type { Space } from './space.js'

const TYPE = 'less-sync-file'
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Content of the record that owns a file. `name` is chosen by its author: validate it before using it as a path. */
export interface FileDescription { type: typeof TYPE, file: string, name: string, size: number, sha256: string }

/** Description of a file in the content of a record; `null` for other content. */
export function fileDescription (content: Uint8Array): FileDescription | null {
  try {
    const value = JSON.parse(text(content))
    const { type, file, name, size, sha256 } = value
    const isFile = type === TYPE && UUID.test(file) && /^[0-9a-f]{64}$/.test(sha256) && typeof name === 'string' && Number.isSafeInteger(size)
    return isFile ? { type, file, name, size, sha256 } : null
  } catch {
    return null
  }
}

async function request (space: Space, file: string, init: { method: string, headers?: Record<string, string>, body?: Bytes }): Promise<Response> {
  const headers: Record<string, string> = { authorization: `Bearer ${await space.client.token()}`, ...init.headers }
  if (space.ucan !== undefined) headers['X-UCAN'] = space.ucan
  const response = await fetch(`${space.client.base}/spaces/${space.id}/files/${file}`, { ...init, headers })
  if (response.ok) return response
  const { error } = await response.json().catch(() => ({ error: response.statusText }))
  throw new HttpError(response.status, String(error))
}

/** Encrypts and uploads a file: first the record that describes it, then the object. Returns the id of the record and the description. */
export async function putFile (space: Space, name: string, content: Uint8Array): Promise<{ record: string, description: FileDescription }> {
  const plain = copy(content)
  const [record, file] = [crypto.randomUUID(), crypto.randomUUID()]
  const description: FileDescription = { type: TYPE, file, name, size: plain.length, sha256: hex(await sha256(plain)) }
  await space.push([{ id: record, content: utf8(JSON.stringify(description)), expected: 0 }])
  const { object, dek } = await space.keys.sealFile(file, plain)
  await request(space, file, { method: 'PUT', headers: { 'X-Record-ID': record, 'X-Wrapped-DEK': base64(dek) }, body: object })
  return { record, description }
}

/** Downloads, decrypts and verifies a file. Throws an `HttpError` with status 404 while its upload has not ended. */
export async function getFile (space: Space, description: FileDescription): Promise<Bytes> {
  const { file, sha256: digest } = description
  const response = await request(space, file, { method: 'GET' })
  const dek = unbase64(response.headers.get('X-Wrapped-DEK') ?? '')
  await adopt(space, epochOf(dek))
  const content = await space.keys.openFile(file, new Uint8Array(await response.arrayBuffer()), dek)
  if (hex(await sha256(content)) !== digest) throw new DecryptionError('the content is not that of the record')
  return content
}

/** Deletes the object of a file; deleting its record does the same. */
export async function deleteFile (space: Space, file: string): Promise<void> {
  await request(space, file, { method: 'DELETE' })
}
