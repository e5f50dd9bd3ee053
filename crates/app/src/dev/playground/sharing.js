// Invitations and key shares, in the formats of docs/encryption.md: signed by their author, sealed for one person.
import { base64url, be32, concat, text, unbase64, utf8, uuid } from './crypto.js'
import { claims, didOf, sealFor, verify } from './identity.js'

const INVITATION = 'less-sync-invitation'
const SHARE = 'less-sync-epoch-key'
const invitationContext = utf8('less-sync invitation v1')
const shareContext = (space, epoch) => concat(utf8('less-sync epoch key v1'), Uint8Array.of(0), uuid(space), be32(epoch))

/** Invitation for the holder of `did`: rights, and the key of an epoch. `root` is the key of the owner of the space. */
export async function sealInvitation (author, did, { space, name, root, ucan, epoch, key }) {
  const statement = await author.state(INVITATION, { space, root: base64url(root), name, ucan, epoch, key: base64url(key) })
  return base64url(await sealFor(did, invitationContext, utf8(statement)))
}

/** Decrypts an invitation, and verifies its author and that the rights come from the owner of the space. */
export async function openInvitation (identity, payload) {
  const statement = await verify(INVITATION, text(await identity.unseal(invitationContext, unbase64(payload))))
  const { by, space, root, name, ucan, epoch, key } = statement
  const granted = claims(ucan)
  const owner = didOf(unbase64(root))
  if (granted.iss !== by) throw new Error('the invitation is not signed by the issuer of its rights')
  if (granted.aud[0] !== identity.did || granted.with !== `space:${space}`) throw new Error('the rights are for another person or space')
  // The server verifies the whole chain; here it suffices that it begins with the owner.
  if (rootIssuer(ucan) !== owner) throw new Error('the rights are not from the owner of the space')
  return { space, name, owner, ucan, epoch, key: unbase64(key) }
}

function rootIssuer (ucan) {
  const { iss, prf } = claims(ucan)
  return prf.length ? rootIssuer(prf[0]) : iss
}

/** Share of the key of an epoch for the holder of `did`; `proof` gives its author the rights of an administrator. */
export async function sealShare (author, proof, did, { space, epoch, key }) {
  const statement = await author.state(SHARE, { space, epoch, for: did, key: base64url(key) })
  return sealFor(did, shareContext(space, epoch), utf8(`${statement}~${proof}`))
}

/** Decrypts a key share, which only the owner of the space makes on this page: otherwise the server could hand out a key of its own. */
export async function openShare (identity, owner, { space, epoch }, sealed) {
  const [signed] = text(await identity.unseal(shareContext(space, epoch), sealed)).split('~')
  const statement = await verify(SHARE, signed)
  if (statement.by !== owner) throw new Error('the key share is not from the owner of the space')
  if (statement.space !== space || statement.epoch !== epoch || statement.for !== identity.did) throw new Error('the key share is for another space or person')
  return unbase64(statement.key)
}
