/** Shared spaces: creation, invitations, members, removal. */
import { random } from './bytes.js'
import type { Client } from './client.js'
import { ForgedError, LessSyncError } from './errors.js'
import { pointOf, type Right } from './identity.js'
import { adopt, appendLog, readLog } from './keys.js'
import { covers, seconds, verifyGrant } from './rights.js'
import { MAX_ADMISSIONS, type Member } from './roster.js'
import { rotateKey } from './rotation.js'
import { openInvitation, sealInvitation, type Offer } from './sealed.js'
import { Space, type SpaceHandlers } from './space.js'

/** Validity of the rights of an owner and of a member, in seconds. */
const [OWNER, MEMBER] = [10 * 365 * 86_400, 365 * 86_400]

/** Invitation in the mailbox of the user, verified. `id` names it on the server. */
export interface Invitation extends Offer { id: string }

/** Creates a shared space, owned by the identity of the client, and subscribes to it. */
export async function createSpace (client: Client, name: string, handlers: SpaceHandlers = {}): Promise<Space> {
  const { did, point } = client.self
  const id = crypto.randomUUID()
  const ucan = await client.self.grant(id, did, 'admin', seconds() + OWNER)
  const space = new Space(client, { id, name, keys: {}, cursor: 0, ucan, owner: did }, handlers)
  space.keys.add(1, random(32))
  await client.call('space.create', { id, root_public_key: point })
  await appendLog(space, () => ({ admit: [{ did, name: '', ucan, joined: true }] }))
  await client.add(space)
  return space
}

/**
 * Invites the user with this address (`did:key:…@mailbox`). `name` is shown to members until the invitee chooses one; rights end
 * with those of the inviter, at most after a year.
 */
export async function invite (space: Space, address: string, right: Right = 'write', name = ''): Promise<void> {
  const { did, mailbox } = parseAddress(address)
  const author = space.client.self
  const [proof, owner] = [space.ucan ?? '', space.owner ?? '']
  const own = await verifyGrant(proof, space.id, owner, author.did, right)
  const ucan = await author.grant(space.id, did, right, Math.min(seconds() + MEMBER, own.expires), proof)
  await space.serverState()
  await listMembers(space, space.keys.newest)
  // The log first: other administrators could not revoke rights that are not in it.
  await appendLog(space, () => ({ admit: [{ did, name, ucan, joined: false }] }))
  // A rotation that began before the entry has left no share for the invitee, but one for us.
  await space.serverState()
  const epoch = space.keys.newest
  const offer = { space: space.id, name: space.name, owner, ucan, epoch, key: space.keys.key(epoch) }
  await space.client.call('invitation.create', { mailbox_id: mailbox, payload: await sealInvitation(author, did, offer) })
}

function parseAddress (address: string): { did: string, mailbox: string } {
  const [did = '', mailbox = ''] = address.trim().split('@')
  pointOf(did)
  if (!/^[0-9a-f]{64}$/.test(mailbox)) throw new LessSyncError('expected an address: did:key:…@ and 64 hexadecimal digits')
  return { did, mailbox }
}

/** Invitations in the mailbox of the user; those that prove nothing are left out. */
export async function invitations (client: Client): Promise<Invitation[]> {
  const found: Invitation[] = []
  for (let after: string | undefined; ;) {
    const { invitations: page } = await client.call('invitation.list', { after })
    for (const { id, payload } of page) {
      const offer = await openInvitation(client.self, payload).catch(error => {
        if (error instanceof LessSyncError) return null
        throw error
      })
      if (offer) found.push({ id, ...offer })
    }
    if (!page.length || found.length > 10_000) return found
    after = page[page.length - 1].id
  }
}

/** Accepts an invitation under a name for other members: subscribes to the space, and deletes the invitation. */
export async function accept (client: Client, invitation: Invitation, name: string, handlers: SpaceHandlers = {}): Promise<Space> {
  const { id, space: spaceId, owner, ucan, epoch, key } = invitation
  const known = client.spaces.get(spaceId)
  if (known && known.owner !== owner) throw new ForgedError('the invitation has the id of a known space, but another owner')
  if (known) known.ucan = await better(known, invitation)
  const space = known ?? new Space(client, { id: spaceId, name: invitation.name, keys: {}, cursor: 0, ucan, owner }, handlers)
  const state = await space.serverState()
  // The inviter may be removed tomorrow: a key of another epoch than the current one could be theirs alone.
  if (!await adopt(space, state.key_generation) && epoch === state.key_generation) space.keys.add(epoch, key)
  await appendLog(space, () => ({ join: { name } }), space.keys.newest, 'accept')
  await client.add(space)
  await client.call('invitation.delete', { id }).catch(() => {}) // Deleted by another device.
  return space
}

/** The better one of the known and the offered rights: an invitation must not replace an administrator's by weaker ones. */
async function better (known: Space, offered: Invitation): Promise<string> {
  const own = await verifyGrant(known.ucan ?? '', known.id, known.owner ?? '', known.client.self.did, 'read').catch(() => null)
  const isWeaker = own && covers(own.right, offered.rights.right) && own.expires >= offered.rights.expires
  return isWeaker && !known.hasEnded ? known.ucan ?? '' : offered.ucan
}

/** Members of a space, by its log. */
export async function members (space: Space): Promise<Member[]> {
  return [...(await readLog(space)).roster.members.values()]
}

/** Revokes all rights of a member, and rotates the key: what is written from now on is not for them. Can be repeated after a failure. */
export async function remove (space: Space, did: string): Promise<void> {
  const { roster } = await readLog(space)
  const member = roster.members.get(did)
  if (!member && !roster.removed.has(did)) throw new LessSyncError(`the space has no member ${did}`)
  for (const { rights } of member?.tokens ?? []) {
    await space.call('membership.revoke', { ucan_cid: rights.cid, member_did: did })
  }
  const before = space.keys.newest
  // The key before the log: a full log does not keep the key with the removed member.
  const epoch = await rotateKey(space, did)
  const act = { remove: { did, cids: member?.tokens.map(token => token.rights.cid) ?? [] } }
  await appendLog(space, now => now.members.has(did) ? act : null, Math.min(before, epoch - 1))
  await listMembers(space, epoch)
}

/** Rotates the key of a space. All members keep access. */
export async function rotate (space: Space): Promise<void> {
  await listMembers(space, await rotateKey(space))
}

/** Repeats the admissions of all members under the key of `epoch`, for later members, who cannot read older entries. */
async function listMembers (space: Space, epoch: number): Promise<void> {
  for (let left = 1; left > 0;) {
    await appendLog(space, roster => {
      const old = roster.toBeListed(epoch)
      left = old.length - MAX_ADMISSIONS
      return old.length ? { admit: old.slice(0, MAX_ADMISSIONS) } : null
    }, epoch)
  }
}
