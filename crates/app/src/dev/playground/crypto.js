// Encryption of spaces on WebCrypto, in the formats of docs/encryption.md: keys, records, files, presence.

const { subtle } = crypto

export const utf8 = text => new TextEncoder().encode(text)
export const text = bytes => new TextDecoder().decode(bytes)
export const random = size => crypto.getRandomValues(new Uint8Array(size))
export const hex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
export const unhex = digits => Uint8Array.from(digits.match(/../g) ?? [], pair => parseInt(pair, 16))
export const uuid = id => unhex(id.replaceAll('-', ''))
export const be32 = number => Uint8Array.of(number >>> 24, number >>> 16 & 255, number >>> 8 & 255, number & 255)
export const sha256 = async bytes => new Uint8Array(await subtle.digest('SHA-256', bytes))

export function concat (...parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) { all.set(part, at); at += part.length }
  return all
}

export const base64 = bytes => btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
export const base64url = bytes => base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
export const unbase64 = digits => Uint8Array.from(atob(digits.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0))

/** HKDF-SHA-256 with 32 bytes of output. */
export async function hkdf (salt, secret, ...info) {
  const key = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
  const params = { name: 'HKDF', hash: 'SHA-256', salt: utf8(salt), info: concat(...info) }
  return new Uint8Array(await subtle.deriveBits(params, key, 256))
}

const aes = (key, uses) => subtle.importKey('raw', key, 'AES-GCM', false, uses)

/** AES-256-GCM: nonce ‖ ciphertext ‖ tag. */
export async function seal (key, context, plain) {
  const iv = random(12)
  const sealed = await subtle.encrypt({ name: 'AES-GCM', iv, additionalData: context }, await aes(key, ['encrypt']), plain)
  return concat(iv, new Uint8Array(sealed))
}

/** Opposite of `seal`; throws on modified content and on another key. */
export async function open (key, context, sealed) {
  const params = { name: 'AES-GCM', iv: sealed.slice(0, 12), additionalData: context }
  return new Uint8Array(await subtle.decrypt(params, await aes(key, ['decrypt']), sealed.slice(12)))
}

const NUL = Uint8Array.of(0)
const context = (label, ...parts) => concat(utf8(label), NUL, ...parts)

/** Keys of a space, one per epoch. */
export class KeyRing {
  #keys = new Map()
  constructor (space) { this.space = space }

  /** Newest epoch with a key; 0 without one. */
  get newest () { return Math.max(0, ...this.#keys.keys()) }
  add (epoch, key) { this.#keys.set(epoch, key) }
  copy () {
    const copy = new KeyRing(this.space)
    this.#keys.forEach((key, epoch) => copy.add(epoch, key))
    return copy
  }

  has (epoch) { return this.#keys.has(epoch) }

  key (epoch) {
    const key = this.#keys.get(epoch)
    if (!key) throw new Error(`no key of epoch ${epoch}`)
    return key
  }

  #derived (epoch, purpose) {
    return hkdf('less-sync space key v1', this.key(epoch), utf8(purpose), NUL, uuid(this.space), be32(epoch))
  }

  async #wrapper (epoch) {
    return subtle.importKey('raw', await this.#derived(epoch, 'dek'), 'AES-KW', false, ['wrapKey', 'unwrapKey'])
  }

  /** Wraps the key of a record or file: epoch ‖ AES-KW, 44 bytes. */
  async wrap (key, epoch = this.newest) {
    const wrapped = await subtle.importKey('raw', key, 'AES-GCM', true, ['encrypt'])
    return concat(be32(epoch), new Uint8Array(await subtle.wrapKey('raw', wrapped, await this.#wrapper(epoch), 'AES-KW')))
  }

  async unwrap (dek) {
    const wrapper = await this.#wrapper(epochOf(dek))
    const key = await subtle.unwrapKey('raw', dek.slice(4), wrapper, 'AES-KW', 'AES-GCM', true, ['encrypt'])
    return new Uint8Array(await subtle.exportKey('raw', key))
  }

  /** Encrypts the content of a record under a new key. */
  async sealRecord (record, content) {
    const key = random(32)
    const sealed = await seal(key, context('less-sync record v1', uuid(this.space), uuid(record)), content)
    return { blob: concat(Uint8Array.of(1), sealed), dek: await this.wrap(key) }
  }

  async openRecord (record, blob, dek) {
    if (blob[0] !== 1) throw new Error('not encrypted in this format')
    return open(await this.unwrap(dek), context('less-sync record v1', uuid(this.space), uuid(record)), blob.slice(1))
  }

  /** Encrypts a file in segments under a new key. */
  async sealFile (file, content) {
    const key = random(32)
    return { object: await segments('encrypt', key, this.space, file, content), dek: await this.wrap(key) }
  }

  async openFile (file, object, dek) {
    return segments('decrypt', await this.unwrap(dek), this.space, file, object)
  }

  /** Encrypts presence (0) or an event (1). */
  async sealLive (kind, content) {
    const epoch = this.newest
    const key = await this.#derived(epoch, 'live')
    const sealed = await seal(key, context('less-sync live v1', uuid(this.space), Uint8Array.of(kind)), utf8(content))
    return concat(Uint8Array.of(1), be32(epoch), sealed)
  }

  async openLive (kind, data) {
    const key = await this.#derived(epochOf(data.slice(1)), 'live')
    return text(await open(key, context('less-sync live v1', uuid(this.space), Uint8Array.of(kind)), data.slice(5)))
  }
}

/** Epoch in front of a wrapped key. */
export const epochOf = dek => new DataView(dek.buffer, dek.byteOffset, 4).getInt32(0)

const SEGMENT = 65536
const TAG = 16

/** Encrypts or decrypts the segments of a file; a missing or reordered one does not decrypt. */
async function segments (task, secret, space, file, input) {
  const isSealing = task === 'encrypt'
  if (!isSealing && input[0] !== 1) throw new Error('not encrypted in this format')
  const [start, step] = isSealing ? [0, SEGMENT] : [1, SEGMENT + TAG]
  const key = await aes(secret, [task])
  const parts = isSealing ? [Uint8Array.of(1)] : []
  const count = Math.max(1, Math.ceil((input.length - start) / step))
  for (let number = 0; number < count; number++) {
    const iv = concat(new Uint8Array(7), be32(number), Uint8Array.of(number === count - 1 ? 1 : 0))
    const params = { name: 'AES-GCM', iv, additionalData: context('less-sync file v1', uuid(space), uuid(file)) }
    const part = input.slice(start + number * step, start + (number + 1) * step)
    parts.push(new Uint8Array(await subtle[task](params, key, part)))
  }
  return concat(...parts)
}
