/** Rotation of the key of a space: a new key, shares of it for the members, and all keys of content wrapped anew. */
import { random, type Bytes } from './bytes.js'
import { epochOf } from './crypto.js'
import { ConflictError, LessSyncError, MissingKeyError } from './errors.js'
import { adopt, readLog } from './keys.js'
import { seconds } from './rights.js'
import { sealShare } from './sealed.js'
import type { Space } from './space.js'

/** Attempts while others write or rotate. */
const ATTEMPTS = 10
/** Keys that are wrapped in one request. */
const BATCH = 5000

/** Rotates the key, without `removed` among those who get the new one; returns the epoch of the new key. Completes a pending rotation. */
export async function rotateKey (space: Space, removed?: string): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { key_generation: current, rewrap_epoch: pending } = await space.serverState()
    if (pending !== undefined) {
      await complete(space, pending)
      if (removed === undefined) return pending
      continue
    }
    const key = random(32)
    // Before the epoch begins: without shares the space would be stuck.
    const shares = await sealShares(space, current + 1, key, removed)
    const begun = await space.call<{ error?: string }>('epoch.begin', { epoch: current + 1, set_min_key_generation: removed !== undefined })
    if (begun.error) continue
    await space.call('epochKeys.put', { epoch: current + 1, keys: shares })
    space.keys.add(current + 1, key)
    await complete(space, current + 1)
    return current + 1
  }
  throw new LessSyncError('other members rotate the key: try again')
}

/** Takes over a rotation whose author began it and will never share its key: with a new key. */
export async function takeOver (space: Space): Promise<void> {
  const { rewrap_epoch: pending } = await space.serverState()
  if (pending === undefined || await adopt(space, pending)) return
  const key = random(32)
  await space.call('epochKeys.put', { epoch: pending, keys: await sealShares(space, pending, key) })
  space.keys.add(pending, key)
  await complete(space, pending)
}

async function sealShares (space: Space, epoch: number, key: Bytes, removed?: string): Promise<object[]> {
  const { self } = space.client
  const { roster } = await readLog(space)
  const now = seconds()
  const isValid = (did: string): boolean => roster.members.get(did)?.tokens.some(({ rights }) => rights.expires >= now) === true
  const dids = [...roster.members.keys()].filter(did => did !== self.did && did !== removed && isValid(did))
  return Promise.all([self.did, ...dids].map(async did => {
    return { member_did: did, wrapped_key: await sealShare(self, space.ucan ?? '', did, space.id, epoch, key) }
  }))
}

async function complete (space: Space, epoch: number): Promise<void> {
  await adopt(space, epoch - 1)
  if (!await adopt(space, epoch)) throw new MissingKeyError(epoch)
  for (let attempt = 0; ; attempt++) {
    await rewrap(space, 'deks.get', 'deks.rewrap', epoch)
    await rewrap(space, 'deks.getFiles', 'deks.rewrapFiles', epoch)
    try {
      return await space.call('epoch.complete', { epoch })
    } catch (error) {
      // Records were written under the old key meanwhile.
      if (!(error instanceof ConflictError) || attempt === ATTEMPTS) throw error
    }
  }
}

/** Wraps the keys of all records, or of all files, with the key of the epoch. The content stays as it is. */
async function rewrap (space: Space, list: string, replace: string, epoch: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const rows: { id: string, dek: Uint8Array }[] = []
    await space.client.call(list, { space: space.id, ucan: space.ucan }, (_name, row) => rows.push(row))
    const old = rows.filter(({ dek }) => epochOf(dek) !== epoch)
    try {
      for (let at = 0; at < Math.max(1, old.length); at += BATCH) {
        const deks = await Promise.all(old.slice(at, at + BATCH).map(async ({ id, dek }) => {
          return { id, dek: await space.keys.wrap(await space.keys.unwrap(dek), epoch), observed_wrapped_dek: dek }
        }))
        await space.call(replace, { deks })
      }
      return
    } catch (error) {
      // A record was replaced between the two requests.
      if (!(error instanceof ConflictError) || attempt === ATTEMPTS) throw error
    }
  }
}
