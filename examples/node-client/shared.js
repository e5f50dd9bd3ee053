// Shared spaces: identities (P-256 keys as did:key) and rights (UCANs: JWTs signed with such a key), on WebCrypto.
import { createHash, randomBytes, randomUUID, webcrypto } from 'node:crypto'

const { subtle } = webcrypto
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' }
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

const b64u = data => Buffer.from(data).toString('base64url')
const seconds = () => Math.floor(Date.now() / 1000)

function base58 (bytes) { // input without leading zero bytes, as in a did:key
  let [number, text] = [BigInt('0x' + Buffer.from(bytes).toString('hex')), '']
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text
  return text
}

/** Key pair of a user and its `did`, which the access token must name. */
export class Identity {
  static async create () {
    const identity = new Identity()
    const { privateKey, publicKey } = await subtle.generateKey(ECDSA, false, ['sign', 'verify'])
    const point = new Uint8Array(await subtle.exportKey('raw', publicKey)) // 04 ‖ x ‖ y
    identity.privateKey = privateKey
    /** Compressed point: 02 or 03, then x. Root key of the spaces that this identity creates. */
    identity.rootKey = Buffer.from([2 + (point[64] & 1), ...point.subarray(1, 33)])
    identity.did = 'did:key:z' + base58([0x80, 0x24, ...identity.rootKey])
    return identity
  }

  /** Issues a UCAN for `audience`: a root token, or one delegated from `proof`, a UCAN of this identity. */
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

/** Returns the CID of a UCAN, under which it is revoked. */
export const cid = token => createHash('sha256').update(token).digest('hex')

/** Creates a shared space of `owner`; returns its id and the root UCAN. */
export async function createSpace (client, owner) {
  const space = randomUUID()
  await client.call('space.create', { id: space, root_public_key: owner.rootKey })
  return { space, root: await owner.grant(space, owner.did, 'admin', null, 7200) }
}
