/** Rights in shared spaces: verification of chains of UCANs up to the root key of the space (auth §6). */
import { base64url, concat, hex, sha256, unhex, utf8, type Bytes } from './bytes.js'
import { ForgedError } from './errors.js'
import { didOf, jwsParts, verifySignature, type Right } from './identity.js'

/** Maximum number of tokens in a chain. */
const DEPTH = 8
const LEVELS: Record<string, number> = { '/space/read': 1, '/space/write': 2, '/space/admin': 3 }
const RIGHTS: Right[] = ['read', 'write', 'admin']
/** Order of the group of P-256. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** What a verified chain grants. */
export interface Rights {
  /** `did:key` of the holder. */
  audience: string
  /** `did:key` of the member who issued the outermost token. */
  issuer: string
  right: Right
  /** Last second of validity, since 1970. */
  expires: number
  /** CID of the outermost token, by which the chain is revoked. */
  cid: string
  /** CIDs of every token, in both forms: a flipped signature makes a second valid text of a token. */
  cids: string[]
}

export const covers = (right: Right, required: Right): boolean => RIGHTS.indexOf(right) >= RIGHTS.indexOf(required)

/** CID of a token: SHA-256 of its text, in hex. */
export const cid = async (token: string): Promise<string> => hex(await sha256(utf8(token)))

/** CID of the token with the other signature that is valid for it: (r, n − s). */
async function alternateCid (token: string, signature: Bytes): Promise<string> {
  const s = BigInt('0x' + hex(signature.subarray(32)))
  const flipped = unhex((N - s).toString(16).padStart(64, '0'))
  const signed = token.slice(0, token.lastIndexOf('.'))
  return cid(`${signed}.${base64url(concat(signature.subarray(0, 32), flipped))}`)
}

const reject = (why: string): never => { throw new ForgedError(`invalid rights: ${why}`) }

/**
 * Verifies a chain for a space whose root key is that of `owner`, at a time in seconds since 1970; 0 accepts expired chains. Revocations
 * are known to the server and to the membership log only. Throws a `ForgedError`.
 */
export async function verifyRights (token: string, space: string, owner: string, now: number): Promise<Rights> {
  const cids: string[] = []
  let rights: Rights | null = null
  let child = { level: 0, issuer: '', expires: 0 }
  for (let depth = 0, link = token; depth < DEPTH; depth++) {
    const { header, body, signature, signed } = jwsParts(link)
    const level = LEVELS[body?.cmd] ?? reject('unknown command')
    const audience = Array.isArray(body.aud) ? body.aud[0] : body.aud
    if (header?.alg !== 'ES256' || header.crit || typeof body.iss !== 'string') reject('malformed')
    if (signature.length !== 64) reject('malformed signature')
    await verifySignature(body.iss, signed, signature)
    if (body.with !== `space:${space}`) reject('for another space')
    if (typeof body.exp !== 'number' || body.exp < now || typeof body.nonce !== 'string' || body.nonce === '') reject('expired, or without nonce')
    if (body.nbf !== undefined && now > 0 && !(body.nbf <= now)) reject('not yet valid')
    const own = await cid(link)
    cids.push(own, await alternateCid(link, signature))
    if (!rights) {
      rights = { audience, issuer: body.iss, right: RIGHTS[level - 1]!, expires: body.exp, cid: own, cids }
    } else if (audience !== child.issuer || level < child.level || child.expires > body.exp) {
      reject('more than its proof grants')
    }
    const proofs = Array.isArray(body.prf) ? body.prf : []
    if (proofs.length === 0) return body.iss === owner ? rights : reject('not from the owner of the space')
    if (proofs.length > 1 || typeof proofs[0] !== 'string') reject('more than one proof')
    child = { level, issuer: body.iss, expires: body.exp }
    link = proofs[0]
  }
  return reject('chain too long')
}

/** Current time in seconds since 1970. */
export const seconds = (): number => Math.floor(Date.now() / 1000)

/** Verifies that a chain grants `right` to `did` now. */
export async function verifyGrant (token: string, space: string, owner: string, did: string, right: Right): Promise<Rights> {
  const rights = await verifyRights(token, space, owner, seconds())
  if (rights.audience !== did) reject('for another person')
  if (!covers(rights.right, right)) reject(`less than ${right}`)
  return rights
}

/** `did:key` of the owner of a space whose root key is `root`. */
export const ownerOf = (root: Uint8Array): string => root.length === 33 ? didOf(root) : reject('malformed root key')
