/** Encodings of bytes, texts and ids. */

/** Bytes in memory of their own, as WebCrypto takes them. */
export type Bytes = Uint8Array<ArrayBuffer>

const texts = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

/** UTF-8 bytes of a text. */
export const utf8 = (value: string): Bytes => encoder.encode(value) as Bytes

/** Text of UTF-8 bytes. Throws a `TypeError` for other bytes. */
export const text = (bytes: Uint8Array): string => texts.decode(bytes)

/** Random bytes for keys and nonces. */
export const random = (size: number): Bytes => crypto.getRandomValues(new Uint8Array(size))

export const hex = (bytes: Uint8Array): string => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

/** Bytes of hexadecimal digits. Throws a `RangeError` for other characters and for half a byte. */
export function unhex (digits: string): Bytes {
  if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) throw new RangeError('not hexadecimal')
  return Uint8Array.from(digits.match(/../g) ?? [], pair => parseInt(pair, 16))
}

/** The 16 bytes of a UUID. */
export function uuid (id: string): Bytes {
  const bytes = unhex(id.replaceAll('-', ''))
  if (bytes.length !== 16) throw new RangeError('not a UUID')
  return bytes
}

/** A number below 2³² as four bytes, the highest first. */
export const be32 = (number: number): Bytes => Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number)

export function concat (...parts: Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) { all.set(part, at); at += part.length }
  return all
}

/** A copy in memory of its own: frames are views of their message. */
export const copy = (bytes: Uint8Array): Bytes => new Uint8Array(bytes)

export const equal = (one: Uint8Array, two: Uint8Array): boolean => one.length === two.length && one.every((byte, at) => byte === two[at])

export const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))

/** Base64 for URLs, without padding. */
export const base64url = (bytes: Uint8Array): string => base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')

/** Bytes of both alphabets, with and without padding. Throws a `DOMException` for other characters. */
export const unbase64 = (digits: string): Bytes => Uint8Array.from(atob(digits.replaceAll('-', '+').replaceAll('_', '/')), digit => digit.charCodeAt(0))

export const sha256 = async (bytes: Bytes): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
