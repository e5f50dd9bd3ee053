/** Invitations and key shares, in the formats of docs/encryption.md: signed by their author, sealed for one person. */
import { base64url, be32, text, unbase64, utf8, uuid, type Bytes } from './bytes.js'
import { context } from './crypto.js'
import { ForgedError } from './errors.js'
import { pointOf, sealFor, verifyStatement, type Identity } from './identity.js'
import { ownerOf, verifyGrant, type Rights } from './rights.js'

const INVITATION = 'less-sync-invitation'
const SHARE = 'less-sync-epoch-key'
const invitationContext = utf8('less-sync invitation v1')
const shareContext = (space: string, epoch: number): Bytes => context('less-sync epoch key v1', uuid(space), be32(epoch))

/** Anybody can seal anything for anybody: bytes that are not text, for example. */
function textOf (plain: Bytes): string {
  try {
    return text(plain)
  } catch (cause) {
    throw new ForgedError('not a statement', { cause })
  }
}

function decoded (digits: string): Bytes {
  try {
    return unbase64(digits)
  } catch (cause) {
    throw new ForgedError('not base64', { cause })
  }
}

/** Verified invitation to a space. */
export interface Offer {
  space: string
  /** Name of the space, chosen by the sender. */
  name: string
  /** `did:key` of the owner of the space, whose key is its root key. */
  owner: string
  ucan: string
  epoch: number
  key: Bytes
  rights: Rights
}

/** Encrypts an invitation for the holder of `did`: rights, which `author` has issued, and the key of an epoch. */
export async function sealInvitation (author: Identity, did: string, offer: Omit<Offer, 'rights'>): Promise<string> {
  const { space, name, owner, ucan, epoch, key } = offer
  const body = { space, root: base64url(pointOf(owner)), name, ucan, epoch, key: base64url(key) }
  return base64url(await sealFor(did, invitationContext, utf8(await author.state(INVITATION, body))))
}

/** Decrypts and verifies an invitation. Throws a `DecryptionError` or a `ForgedError`. */
export async function openInvitation (identity: Identity, payload: string): Promise<Offer> {
  const plain = await identity.unseal(invitationContext, decoded(payload))
  const { by, space, root, name, ucan, epoch, key } = await verifyStatement(INVITATION, textOf(plain))
  const isComplete = [space, root, name, ucan, key].every(member => typeof member === 'string') && Number.isInteger(epoch) && epoch > 0
  if (!isComplete) throw new ForgedError('incomplete invitation')
  const owner = ownerOf(decoded(root))
  const rights = await verifyGrant(ucan, space, owner, identity.did, 'read')
  // The server has the chains of all members, and could offer a key of its own with one of them.
  if (rights.issuer !== by) throw new ForgedError('the invitation is not signed by the issuer of its rights')
  return { space, name, owner, ucan, epoch, key: decoded(key), rights }
}

/** Encrypts the key of an epoch for the holder of `did`; `proof` makes its author an administrator. */
export async function sealShare (author: Identity, proof: string, did: string, space: string, epoch: number, key: Bytes): Promise<Bytes> {
  const statement = await author.state(SHARE, { space, epoch, for: did, key: base64url(key) })
  return sealFor(did, shareContext(space, epoch), utf8(`${statement}~${proof}`))
}

/** Decrypts and verifies a key share. The caller checks that the log has not revoked the rights of its author. */
export async function openShare (identity: Identity, owner: string, space: string, epoch: number, sealed: Uint8Array): Promise<{ key: Bytes, author: Rights }> {
  const [signed = '', proof = ''] = textOf(await identity.unseal(shareContext(space, epoch), sealed)).split('~')
  const statement = await verifyStatement(SHARE, signed)
  const isForUs = statement.space === space && statement.epoch === epoch && statement.for === identity.did
  if (!isForUs) throw new ForgedError('the key share is for another space or person')
  return { key: decoded(statement.key), author: await verifyGrant(proof, space, owner, statement.by, 'admin') }
}
