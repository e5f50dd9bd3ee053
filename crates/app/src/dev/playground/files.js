// Files of a device: encrypted in the page, stored over HTTP, described by a record.
import { base64, epochOf, hex, sha256, unbase64 } from './crypto.js'

/** Value of `type` in records that describe a file. */
export const FILE = 'less-sync-file'

const url = (device, file) => `/api/v1/spaces/${device.space}/files/${file}`
const rights = device => ({ authorization: `Bearer ${device.token}`, 'X-UCAN': device.ucan })

/** Encrypts and uploads a file: first the record that describes it, then the object. */
export async function upload (device, name, content) {
  const [record, file] = [crypto.randomUUID(), crypto.randomUUID()]
  const description = { type: FILE, file, name, size: content.length, sha256: hex(await sha256(content)) }
  const pushed = await device.push(record, description, 0)
  if (!pushed.ok) throw new Error(`not saved: ${pushed.error}`)
  device.files.set(file, description)
  const { object, dek } = await device.keys.sealFile(file, content)
  const headers = { ...rights(device), 'X-Record-ID': record, 'X-Wrapped-DEK': base64(dek) }
  const response = await fetch(url(device, file), { method: 'PUT', headers, body: object })
  if (!response.ok) throw new Error(`upload failed: HTTP ${response.status}`)
  device.stored({ id: file, kind: 'file', size: object.length, head: object.slice(0, 24), epoch: epochOf(dek) })
  device.changed()
}

/** Downloads, decrypts and verifies a file. */
export async function download (device, file) {
  const response = await fetch(url(device, file), { headers: rights(device) })
  if (!response.ok) throw new Error(`download failed: HTTP ${response.status}`)
  const dek = unbase64(response.headers.get('X-Wrapped-DEK'))
  await device.adopt(epochOf(dek))
  const content = await device.keys.openFile(file, new Uint8Array(await response.arrayBuffer()), dek)
  if (hex(await sha256(content)) !== device.files.get(file).sha256) throw new Error('the content is not that of the record')
  return content
}
