/** Identity of a user: a P-256 key that signs rights and statements, and decrypts what is sealed for its `did:key`. */
import { base64url, concat, copy, hex, random, text, unbase64, unhex, utf8, type Bytes } from './bytes.js'
import { hkdf, open, seal } from './crypto.js'
import { DecryptionError, ForgedError } from './errors.js'

const { subtle } = crypto
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' }
const AGREEMENT = { name: 'ECDH', namedCurve: 'P-256' }
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' }
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const PREFIX = [0x80, 0x24]
const NUL = Uint8Array.of(0)

/** Rights in a space; each includes those before it. */
export type Right = 'read' | 'write' | 'admin'

/** `did:key` of a compressed point (auth §5). */
export function didOf (point: Uint8Array): string {
  let [number, digits] = [BigInt('0x' + hex(Uint8Array.of(...PREFIX, ...point))), '']
  for (; number > 0n; number /= 58n) digits = ALPHABET[Number(number % 58n)] + digits
  return 'did:key:z' + digits
}

/** Compressed point of a `did:key`. Throws a `ForgedError` for anything but a P-256 key in its only spelling. */
export function pointOf (did: string): Bytes {
  let number = 0n
  for (const digit of did.slice('did:key:z'.length, 80)) number = number * 58n + BigInt(Math.max(0, ALPHABET.indexOf(digit)))
  const digits = number.toString(16)
  const point = unhex(digits.length % 2 ? '0' + digits : digits).slice(PREFIX.length)
  if (point.length !== 33 || didOf(point) !== did) throw new ForgedError('not a did:key of a P-256 key')
  return point
}

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

/** 04 ‖ x ‖ y of a compressed point, which not every browser imports. */
function uncompressed (point: Uint8Array): Bytes {
  const x = BigInt('0x' + hex(point.subarray(1)))
  const square = (x ** 3n - 3n * x + B) % P
  let [y, base] = [1n, (square + P) % P]
  for (let exponent = (P + 1n) / 4n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) y = y * base % P
    base = base * base % P
  }
  if (point[0] !== 2 && point[0] !== 3 || x >= P || y * y % P !== (square + P) % P) throw new ForgedError('not a point of P-256')
  if ((y & 1n) !== BigInt(point[0]! & 1)) y = P - y
  const half = (number: bigint): string => number.toString(16).padStart(64, '0')
  return unhex('04' + half(x) + half(y))
}

const compressed = (point: Uint8Array): Bytes => concat(Uint8Array.of(2 + (point[64]! & 1)), point.subarray(1, 33))

/** Header, body and signature of a compact JWS, decoded. Throws a `ForgedError`. */
export function jwsParts (token: string): { header: any, body: any, signature: Bytes, signed: Bytes } {
  const [header, body, signature, ...more] = token.split('.')
  try {
    if (header === undefined || body === undefined || signature === undefined || more.length) throw new SyntaxError('not three parts')
    const json = (part: string): any => JSON.parse(text(unbase64(part)))
    return { header: json(header), body: json(body), signature: unbase64(signature), signed: utf8(`${header}.${body}`) }
  } catch (cause) {
    throw new ForgedError('not a signed token', { cause })
  }
}

/** Verifies an ES256 signature of the holder of `did`. Throws a `ForgedError`. */
export async function verifySignature (did: string, signed: Bytes, signature: Bytes): Promise<void> {
  const key = await subtle.importKey('raw', uncompressed(pointOf(did)), CURVE, false, ['verify'])
  if (!await subtle.verify(SIGNATURE, key, signature, signed)) throw new ForgedError('invalid signature')
}

/** Body of a statement. Throws a `ForgedError` unless it has this purpose and the signature of its author `by`. */
export async function verifyStatement (purpose: string, token: string): Promise<any> {
  const { header, body, signature, signed } = jwsParts(token)
  if (header?.alg !== 'ES256' || header?.typ !== purpose || typeof body?.by !== 'string') throw new ForgedError(`not a statement ${purpose}`)
  await verifySignature(body.by, signed, signature)
  return body
}

async function boxKey (privateKey: CryptoKey, theirs: Uint8Array, ephemeral: Bytes, recipient: Bytes): Promise<Bytes> {
  const theirKey = await subtle.importKey('raw', uncompressed(theirs), AGREEMENT, false, [])
  const shared = new Uint8Array(await subtle.deriveBits({ name: 'ECDH', public: theirKey }, privateKey, 256))
  return hkdf('less-sync sealed box v1', shared, ephemeral, recipient)
}

/** Encrypts for the holder of a `did:key`, bound to a context. The box does not tell who made it. */
export async function sealFor (did: string, context: Bytes, plain: Bytes): Promise<Bytes> {
  const pair = await subtle.generateKey(AGREEMENT, false, ['deriveBits']) as CryptoKeyPair
  const ephemeral = compressed(new Uint8Array(await subtle.exportKey('raw', pair.publicKey)))
  const recipient = pointOf(did)
  const key = await boxKey(pair.privateKey, recipient, ephemeral, recipient)
  return concat(Uint8Array.of(1), ephemeral, await seal(key, context, plain))
}

/** Key pair of a user. Access tokens and UCANs name its `did`. */
export class Identity {
  private constructor (
    readonly did: string,
    /** Compressed public key, the root key of spaces of this identity. */
    readonly point: Bytes,
    /** Private scalar, 32 bytes: to be stored, and moved to other devices of the user. */
    readonly secret: Bytes,
    private readonly signing: CryptoKey,
    private readonly agreement: CryptoKey
  ) {}

  static async create (): Promise<Identity> {
    const pair = await subtle.generateKey(CURVE, true, ['sign', 'verify']) as CryptoKeyPair
    return Identity.#of(await subtle.exportKey('jwk', pair.privateKey))
  }

  /** Identity of a stored secret: of this package, or of `identity.json` of the toolbox. */
  static async fromSecret (secret: Uint8Array): Promise<Identity> {
    // PKCS #8 without the public key, which WebCrypto derives.
    const prefix = unhex('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420')
    const key = await subtle.importKey('pkcs8', concat(prefix, secret), CURVE, true, ['sign'])
    return Identity.#of(await subtle.exportKey('jwk', key))
  }

  static async #of (exported: JsonWebKey): Promise<Identity> {
    const { key_ops: _uses, ...jwk } = exported
    const half = (digits: string | undefined): Bytes => unbase64(digits ?? '')
    const point = compressed(concat(Uint8Array.of(4), half(jwk.x), half(jwk.y)))
    const signing = await subtle.importKey('jwk', jwk, CURVE, false, ['sign'])
    const agreement = await subtle.importKey('jwk', jwk, AGREEMENT, false, ['deriveBits'])
    return new Identity(didOf(point), point, half(jwk.d), signing, agreement)
  }

  /** Mailbox id of this user of an issuer, which the access token must name to receive invitations (auth §4.2). */
  async mailbox (issuer: string, user: string): Promise<string> {
    const key = await hkdf('less-sync mailbox key v1', this.secret)
    return hex(await hkdf('less-platform-mailbox-salt-v1', key, utf8('less:mailbox:v1'), NUL, utf8(issuer), NUL, utf8(user)))
  }

  async #sign (header: object, body: object): Promise<string> {
    const signed = `${base64url(utf8(JSON.stringify(header)))}.${base64url(utf8(JSON.stringify(body)))}`
    return `${signed}.${base64url(new Uint8Array(await subtle.sign(SIGNATURE, this.signing, utf8(signed))))}`
  }

  /** Issues a UCAN until `expires`, in seconds since 1970: a root token, or one derived from `proof`, a token of this identity. */
  grant (space: string, audience: string, right: Right, expires: number, proof?: string): Promise<string> {
    return this.#sign({ alg: 'ES256', typ: 'JWT' }, {
      aud: [audience],
      cmd: `/space/${right}`,
      exp: expires,
      iss: this.did,
      nonce: base64url(random(16)),
      prf: proof === undefined ? [] : [proof],
      with: `space:${space}`
    })
  }

  /** Signs a statement of a purpose, which is not valid for another one or as a UCAN. */
  state (purpose: string, body: object): Promise<string> {
    return this.#sign({ alg: 'ES256', typ: purpose }, { by: this.did, ...body })
  }

  /** Decrypts a box that was sealed for this identity and context. Throws a `DecryptionError`. */
  async unseal (context: Bytes, sealed: Uint8Array): Promise<Bytes> {
    if (sealed[0] !== 1 || sealed.length < 34) throw new DecryptionError('not a sealed box')
    const ephemeral = copy(sealed.subarray(1, 34))
    return open(await boxKey(this.agreement, ephemeral, ephemeral, this.point), context, sealed.subarray(34))
  }
}
