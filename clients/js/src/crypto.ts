/** Encryption with the keys of a space, in the formats of docs/encryption.md: records, files, presence, log entries. */
import { be32, concat, copy, random, utf8, uuid, type Bytes } from './bytes.js'
import { DecryptionError, MissingKeyError } from './errors.js'

const { subtle } = crypto
const VERSION = 1
const NUL = Uint8Array.of(0)
const WRAPPED = 44

/** HKDF-SHA-256 with 32 bytes of output. */
export async function hkdf (salt: string, secret: Bytes, ...info: Uint8Array[]): Promise<Bytes> {
  const key = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
  const params = { name: 'HKDF', hash: 'SHA-256', salt: utf8(salt), info: concat(...info) }
  return new Uint8Array(await subtle.deriveBits(params, key, 256))
}

const aes = (key: Bytes, use: KeyUsage): Promise<CryptoKey> => subtle.importKey('raw', key, 'AES-GCM', false, [use])

/** AES-256-GCM: nonce (12) ‖ ciphertext ‖ tag (16). */
export async function seal (key: Bytes, context: Bytes, plain: Bytes): Promise<Bytes> {
  const iv = random(12)
  const sealed = await subtle.encrypt({ name: 'AES-GCM', iv, additionalData: context }, await aes(key, 'encrypt'), plain)
  return concat(iv, new Uint8Array(sealed))
}

/** Opposite of `seal`. Throws a `DecryptionError` for modified content, another key and another context. */
export async function open (key: Bytes, context: Bytes, sealed: Uint8Array): Promise<Bytes> {
  const params = { name: 'AES-GCM', iv: copy(sealed.subarray(0, 12)), additionalData: context }
  return decrypted(subtle.decrypt(params, await aes(key, 'decrypt'), copy(sealed.subarray(12))))
}

async function decrypted (plain: Promise<ArrayBuffer>): Promise<Bytes> {
  try {
    return new Uint8Array(await plain)
  } catch (cause) {
    throw new DecryptionError('cannot decrypt: modified, or under another key', { cause })
  }
}

/** Associated data: label ‖ 0 ‖ parts. */
export const context = (label: string, ...parts: Uint8Array[]): Bytes => concat(utf8(label), NUL, ...parts)

/** Epoch of a wrapped key. */
export function epochOf (dek: Uint8Array): number {
  if (dek.length < 4) throw new DecryptionError('not a wrapped key')
  return new DataView(dek.buffer, dek.byteOffset, 4).getUint32(0)
}

function versioned (sealed: Uint8Array): Uint8Array {
  if (sealed[0] !== VERSION) throw new DecryptionError('not encrypted in this format')
  return sealed.subarray(1)
}

/** Kind of live content, which does not decrypt as the other one. */
export type Live = 'presence' | 'event'

/** Keys of a space, one per epoch. The newest 64 are kept, as many as concurrent rotations can need. */
export class KeyRing {
  #keys = new Map<number, Bytes>()
  constructor (readonly space: string) {}

  /** Newest epoch with a key; 0 without one. */
  get newest (): number { return Math.max(0, ...this.#keys.keys()) }

  /** All keys with their epochs. */
  get entries (): [number, Bytes][] { return [...this.#keys.entries()] }
  has (epoch: number): boolean { return this.#keys.has(epoch) }

  add (epoch: number, key: Bytes): void {
    if (key.length !== 32) throw new DecryptionError('a key of a space has 32 bytes')
    this.#keys.set(epoch, key)
    if (this.#keys.size > 64) this.#keys.delete(Math.min(...this.#keys.keys()))
  }

  /** Key of an epoch. Throws a `MissingKeyError`. */
  key (epoch: number): Bytes {
    const key = this.#keys.get(epoch)
    if (!key) throw new MissingKeyError(epoch)
    return key
  }

  #derived (epoch: number, purpose: 'dek' | 'log' | 'live'): Promise<Bytes> {
    return hkdf('less-sync space key v1', this.key(epoch), utf8(purpose), NUL, uuid(this.space), be32(epoch))
  }

  async #wrapper (epoch: number): Promise<CryptoKey> {
    return subtle.importKey('raw', await this.#derived(epoch, 'dek'), 'AES-KW', false, ['wrapKey', 'unwrapKey'])
  }

  /** Wraps the key of a record or file: epoch (4) ‖ AES-KW (40). */
  async wrap (key: Bytes, epoch: number = this.newest): Promise<Bytes> {
    const wrapped = await subtle.importKey('raw', key, 'AES-GCM', true, ['encrypt'])
    return concat(be32(epoch), new Uint8Array(await subtle.wrapKey('raw', wrapped, await this.#wrapper(epoch), 'AES-KW')))
  }

  async unwrap (dek: Uint8Array): Promise<Bytes> {
    if (dek.length !== WRAPPED) throw new DecryptionError('not a wrapped key')
    const wrapper = await this.#wrapper(epochOf(dek))
    const key = subtle.unwrapKey('raw', copy(dek.subarray(4)), wrapper, 'AES-KW', 'AES-GCM', true, ['encrypt'])
    return decrypted(key.then(key => subtle.exportKey('raw', key)))
  }

  /** Encrypts the content of a record under a new key, wrapped with the newest key of the space. */
  async sealRecord (record: string, content: Bytes): Promise<{ blob: Bytes, dek: Bytes }> {
    const key = random(32)
    const sealed = await seal(key, context('less-sync record v1', uuid(this.space), uuid(record)), content)
    return { blob: concat(Uint8Array.of(VERSION), sealed), dek: await this.wrap(key) }
  }

  async openRecord (record: string, blob: Uint8Array, dek: Uint8Array | undefined): Promise<Bytes> {
    if (!dek) throw new DecryptionError('not encrypted')
    const sealed = versioned(blob)
    return open(await this.unwrap(dek), context('less-sync record v1', uuid(this.space), uuid(record)), sealed)
  }

  /** Encrypts a file in segments under a new key: once per attempt to upload, since nonces are counters. */
  async sealFile (file: string, content: Bytes): Promise<{ object: Bytes, dek: Bytes }> {
    const key = random(32)
    return { object: await segments('encrypt', key, this.space, file, content), dek: await this.wrap(key) }
  }

  async openFile (file: string, object: Bytes, dek: Uint8Array): Promise<Bytes> {
    versioned(object)
    return segments('decrypt', await this.unwrap(dek), this.space, file, object)
  }

  /** Encrypts presence or an event. */
  async sealLive (kind: Live, content: Bytes): Promise<Bytes> {
    const epoch = this.newest
    const sealed = await seal(await this.#derived(epoch, 'live'), this.#liveContext(kind), content)
    return concat(Uint8Array.of(VERSION), be32(epoch), sealed)
  }

  async openLive (kind: Live, data: Uint8Array): Promise<Bytes> {
    const rest = versioned(data)
    return open(await this.#derived(epochOf(rest), 'live'), this.#liveContext(kind), rest.subarray(4))
  }

  #liveContext (kind: Live): Bytes {
    return context('less-sync live v1', uuid(this.space), Uint8Array.of(kind === 'presence' ? 0 : 1))
  }

  /** Encrypts an entry of the membership log at its position: number from 1, and hash of the entry before. */
  async sealEntry (epoch: number, seq: number, before: Uint8Array, statement: Bytes): Promise<Bytes> {
    const place = context('less-sync log v1', uuid(this.space), be32(seq), before)
    return concat(Uint8Array.of(VERSION), be32(epoch), await seal(await this.#derived(epoch, 'log'), place, statement))
  }

  async openEntry (seq: number, before: Uint8Array, payload: Uint8Array): Promise<{ epoch: number, statement: Bytes }> {
    const rest = versioned(payload)
    const epoch = epochOf(rest)
    const place = context('less-sync log v1', uuid(this.space), be32(seq), before)
    return { epoch, statement: await open(await this.#derived(epoch, 'log'), place, rest.subarray(4)) }
  }
}

const SEGMENT = 65536
const TAG = 16

/** Encrypts or decrypts the segments of a file; a missing, repeated or reordered one does not decrypt. */
async function segments (task: 'encrypt' | 'decrypt', secret: Bytes, space: string, file: string, input: Bytes): Promise<Bytes> {
  const isSealing = task === 'encrypt'
  const [start, step] = isSealing ? [0, SEGMENT] : [1, SEGMENT + TAG]
  const key = await aes(secret, task)
  const additionalData = context('less-sync file v1', uuid(space), uuid(file))
  const parts: Bytes[] = isSealing ? [Uint8Array.of(VERSION)] : []
  const count = Math.max(1, Math.ceil((input.length - start) / step))
  for (let number = 0; number < count; number++) {
    const iv = concat(new Uint8Array(7), be32(number), Uint8Array.of(number === count - 1 ? 1 : 0))
    const part = input.slice(start + number * step, start + (number + 1) * step)
    const done = await decrypted(subtle[task]({ name: 'AES-GCM', iv, additionalData }, key, part))
    // An empty last segment after others would be a second encoding of the same content.
    if (!isSealing && number > 0 && done.length === 0) throw new DecryptionError('empty segment')
    parts.push(done)
  }
  return concat(...parts)
}
