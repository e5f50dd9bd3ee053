// Shared spaces: keys, rights and what the server sees of them. Rights are UCANs, JWTs signed with a P-256 key (WebCrypto).
import { createHash, randomBytes, randomUUID, webcrypto } from 'node:crypto'

const { subtle } = webcrypto
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' }
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

const b64u = data => Buffer.from(data).toString('base64url')
const seconds = () => Math.floor(Date.now() / 1000)

function base58 (bytes) { // of octets without leading zeros, as those of a did:key are
  let [number, text] = [BigInt('0x' + Buffer.from(bytes).toString('hex')), '']
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text
  return text
}

/** Somebody with a key of their own; an access token must name their `did`. */
export class Identity {
  static async create () {
    const identity = new Identity()
    const { privateKey, publicKey } = await subtle.generateKey(ECDSA, false, ['sign', 'verify'])
    const point = new Uint8Array(await subtle.exportKey('raw', publicKey)) // 04 ‖ x ‖ y
    identity.privateKey = privateKey
    /** The compressed point: 02 or 03, then x. Who creates a space gives it as the key of the space. */
    identity.rootKey = Buffer.from([2 + (point[64] & 1), ...point.subarray(1, 33)])
    identity.did = 'did:key:z' + base58([0x80, 0x24, ...identity.rootKey])
    return identity
  }

  /** A right in a space for `audience`: a root token, or one derived from `proof`, by which we have the right ourselves. */
  async grant (space, audience, right, proof, lifetime = 3600) {
    const header = { alg: 'ES256', typ: 'JWT' }
    const claims = {
      aud: [audience],
      cmd: `/space/${right}`, // read, write or admin
      exp: seconds() + lifetime, // no later than that of the proof
      iss: this.did,
      nonce: b64u(randomBytes(16)),
      prf: proof ? [proof] : [],
      with: `space:${space}`
    }
    const signed = b64u(JSON.stringify(header)) + '.' + b64u(JSON.stringify(claims))
    const signature = await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.privateKey, Buffer.from(signed))
    return signed + '.' + b64u(signature)
  }
}

/** The name of a token, by which it is revoked. */
export const cid = token => createHash('sha256').update(token).digest('hex')

/** A new shared space of `owner`: its id, and the root of all rights in it. */
export async function createSpace (client, owner) {
  const space = randomUUID()
  await client.call('space.create', { id: space, root_public_key: owner.rootKey })
  return { space, root: await owner.grant(space, owner.did, 'admin', null, 7200) }
}
