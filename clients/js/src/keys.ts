/** Keys of epochs that other members have begun, and the membership log that says who may hand out keys. */
import type { Bytes } from './bytes.js'
import { ConflictError, ForgedError, ProtocolError } from './errors.js'
import { Roster, sealEntry, verifyLog, type Act, type Head, type LogRow } from './roster.js'
import { openShare } from './sealed.js'
import { isNotFound, type Space } from './space.js'

/** Attempts to append to the log while others append. */
const ATTEMPTS = 10

/** Makes the key of an epoch known, from the share of this member; false if there is none. Known keys are never replaced. */
export async function adopt (space: Space, epoch: number): Promise<boolean> {
  if (space.keys.has(epoch) || space.isPersonal) return space.keys.has(epoch)
  const key = await sharedKey(space, epoch)
  if (key) space.keys.add(epoch, key)
  return key !== null
}

async function sharedKey (space: Space, epoch: number): Promise<Bytes | null> {
  const { identity } = space.client
  if (!identity || space.owner === undefined) return null
  const share = await space.call<{ wrapped_key: Uint8Array }>('epochKeys.get', { epoch }).catch(error => {
    if (isNotFound(error)) return null
    throw error
  })
  if (!share) return null
  const { key, author } = await openShare(identity, space.owner, space.id, epoch, share.wrapped_key)
  // The chain in a share was valid when the share was made, and may have been revoked since.
  if (!(await readLog(space)).roster.isLive(author)) throw new ForgedError('the key share is from a removed member')
  return key
}

/** Reads and verifies the membership log. */
export async function readLog (space: Space): Promise<{ roster: Roster, head: Head }> {
  if (space.owner === undefined) throw new ProtocolError('a personal space has no membership log')
  let { entries } = await space.call<{ entries: LogRow[] }>('membership.list')
  // A list that exceeds one frame begins with a later entry.
  while (entries[0] && entries[0].chain_seq > 1) {
    const older: { entries: LogRow[] } = await space.call('membership.list', { until_seq: entries[0].chain_seq - 1 })
    if (!older.entries.length) break
    entries = [...older.entries, ...entries]
  }
  const head = await verifyLog(entries)
  return { head, roster: await Roster.read(entries, space.keys, space.owner) }
}

/** Appends what `act` derives from the current log, under the key of `epoch`; nothing for `null`. */
export async function appendLog (space: Space, act: (roster: Roster) => Act | null, epoch: number = space.keys.newest, kind?: 'accept'): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const { roster, head } = await readLog(space)
    const entry = act(roster)
    if (!entry) return
    const payload = await sealEntry(space.client.self, space.ucan ?? '', space.keys, epoch, head, entry)
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', payload))
    const prev = head.hash.length ? { prev_hash: head.hash } : {}
    try {
      await space.call('membership.append', { expected_version: head.version, ...prev, entry_hash: hash, payload, kind })
      return
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt === ATTEMPTS) throw error
    }
  }
}
