// Identities and rights on WebCrypto, in the formats of docs/encryption.md: did:key, UCANs, statements, sealed boxes.
import { base64url, concat, hex, hkdf, open, random, seal, sha256, text, unbase64, utf8 } from './crypto.js'

const { subtle } = crypto
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' }
const AGREEMENT = { name: 'ECDH', namedCurve: 'P-256' }
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' }
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const PREFIX = Uint8Array.of(0x80, 0x24)

/** Base58 of bytes without leading zeros, as in a did:key. */
function base58 (bytes) {
  let [number, digits] = [BigInt('0x' + hex(bytes)), '']
  for (; number > 0n; number /= 58n) digits = ALPHABET[Number(number % 58n)] + digits
  return digits
}

function unbase58 (digits) {
  let number = 0n
  for (const digit of digits) number = number * 58n + BigInt(ALPHABET.indexOf(digit))
  const all = number.toString(16)
  return Uint8Array.from((all.length % 2 ? '0' + all : all).match(/../g), pair => parseInt(pair, 16))
}

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

/** 04 ‖ x ‖ y of a compressed point, which not every browser imports. */
function uncompressed (point) {
  const x = BigInt('0x' + hex(point.slice(1)))
  const square = (x ** 3n - 3n * x + B) % P
  let [y, base] = [1n, (square + P) % P]
  for (let exponent = (P + 1n) / 4n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) y = y * base % P
    base = base * base % P
  }
  if (y * y % P !== (square + P) % P) throw new Error('not a point of P-256')
  if ((y & 1n) !== BigInt(point[0] & 1)) y = P - y
  const half = number => number.toString(16).padStart(64, '0')
  return Uint8Array.from(('04' + half(x) + half(y)).match(/../g), pair => parseInt(pair, 16))
}

const compressed = point => Uint8Array.of(2 + (point[64] & 1), ...point.subarray(1, 33))

/** `did:key` of a compressed point. */
export const didOf = point => 'did:key:z' + base58(concat(PREFIX, point))

/** Compressed point of a did:key. */
function pointOf (did) {
  const bytes = unbase58(did.slice('did:key:z'.length))
  if (!did.startsWith('did:key:zDn') || bytes[0] !== PREFIX[0] || bytes[1] !== PREFIX[1]) throw new Error('not a P-256 key')
  return bytes.slice(2)
}

const jws = async (key, header, body) => {
  const signed = base64url(utf8(JSON.stringify(header))) + '.' + base64url(utf8(JSON.stringify(body)))
  return signed + '.' + base64url(new Uint8Array(await subtle.sign(SIGNATURE, key, utf8(signed))))
}

/** CID of a UCAN, under which it is revoked. */
export const cid = async token => hex(await sha256(utf8(token)))

/** Payload of a UCAN, without verification: the server verifies it. */
export const claims = token => JSON.parse(text(unbase64(token.split('.')[1])))

/** Key pair of a person, for signatures and key agreement. */
export class Identity {
  static async create () {
    const identity = new Identity()
    const pair = await subtle.generateKey(CURVE, true, ['sign', 'verify'])
    const { key_ops: _unused, ...jwk } = await subtle.exportKey('jwk', pair.privateKey)
    identity.signing = pair.privateKey
    identity.agreement = await subtle.importKey('jwk', jwk, AGREEMENT, false, ['deriveBits'])
    identity.point = compressed(new Uint8Array(await subtle.exportKey('raw', pair.publicKey)))
    identity.did = didOf(identity.point)
    // A random mailbox suffices where nothing outlives the page.
    identity.mailbox = hex(random(32))
    return identity
  }

  /** Issues a UCAN for `audience`: a root token, or one delegated from `proof`. */
  grant (space, audience, right, proof, lifetime = 3600) {
    return jws(this.signing, { alg: 'ES256', typ: 'JWT' }, {
      aud: [audience],
      cmd: `/space/${right}`,
      exp: Math.floor(Date.now() / 1000) + lifetime,
      iss: this.did,
      nonce: base64url(random(16)),
      prf: proof ? [proof] : [],
      with: `space:${space}`
    })
  }

  /** Signs a statement of a purpose. */
  state (purpose, body) { return jws(this.signing, { alg: 'ES256', typ: purpose }, { by: this.did, ...body }) }

  /** Decrypts a sealed box. */
  async unseal (context, sealed) {
    if (sealed[0] !== 1) throw new Error('not a sealed box')
    const ephemeral = sealed.slice(1, 34)
    const key = await boxKey(this.agreement, ephemeral, ephemeral, this.point)
    return open(key, context, sealed.slice(34))
  }
}

async function boxKey (privateKey, theirs, ephemeral, recipient) {
  const theirKey = await subtle.importKey('raw', uncompressed(theirs), AGREEMENT, false, [])
  const shared = new Uint8Array(await subtle.deriveBits({ name: 'ECDH', public: theirKey }, privateKey, 256))
  return hkdf('less-sync sealed box v1', shared, ephemeral, recipient)
}

/** Encrypts for a did:key. */
export async function sealFor (did, context, plain) {
  const pair = await subtle.generateKey(AGREEMENT, false, ['deriveBits'])
  const ephemeral = compressed(new Uint8Array(await subtle.exportKey('raw', pair.publicKey)))
  const recipient = pointOf(did)
  const key = await boxKey(pair.privateKey, recipient, ephemeral, recipient)
  return concat(Uint8Array.of(1), ephemeral, await seal(key, context, plain))
}

/** Body of a statement; throws unless it has this purpose and the signature of its author. */
export async function verify (purpose, token) {
  const [header, body, signature] = token.split('.')
  if (text(unbase64(header)) !== JSON.stringify({ alg: 'ES256', typ: purpose })) throw new Error('statement of another purpose')
  const statement = JSON.parse(text(unbase64(body)))
  const key = await subtle.importKey('raw', uncompressed(pointOf(statement.by)), CURVE, false, ['verify'])
  const isValid = await subtle.verify(SIGNATURE, key, unbase64(signature), utf8(`${header}.${body}`))
  if (!isValid) throw new Error('statement with an invalid signature')
  return statement
}
