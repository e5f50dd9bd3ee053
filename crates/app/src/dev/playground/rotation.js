// Removal of a member, and rotation of the key of a space.
import { epochOf, random } from './crypto.js'
import { cid } from './identity.js'
import { sealShare } from './sharing.js'

/** Ends the rights of a member, and replaces the key of the space, so that the next records are not for them. */
export async function remove (device, did, ucan) {
  const { space, identity } = device
  await device.call('membership.revoke', { space, ucan: device.ucan, ucan_cid: await cid(ucan), member_did: did })
  await rotate(device, [identity.did])
}

/** Begins an epoch, shares its key with `members`, and wraps every key anew. */
async function rotate (device, members) {
  const epoch = device.keys.newest + 1
  const of = { space: device.space, ucan: device.ucan }
  const begun = await device.call('epoch.begin', { ...of, epoch, set_min_key_generation: true })
  if (begun.error) throw new Error(`cannot rotate: ${begun.error}`)
  const key = random(32)
  const share = member => sealShare(device.identity, device.ucan, member, { space: device.space, epoch, key })
  const keys = await Promise.all(members.map(async member => ({ member_did: member, wrapped_key: await share(member) })))
  await device.call('epochKeys.put', { ...of, epoch, keys })
  device.keys.add(epoch, key)
  await rewrap(device, ['deks.get', 'deks.rewrap'], of, epoch)
  await rewrap(device, ['deks.getFiles', 'deks.rewrapFiles'], of, epoch)
  await device.call('epoch.complete', { ...of, epoch })
  device.changed()
}

/** Wraps the keys of all records, or of all files, with the key of the epoch. The content stays as it is. */
async function rewrap (device, [list, replace], of, epoch) {
  const rows = []
  await device.call(list, of, (_name, row) => rows.push(row))
  const old = rows.filter(({ dek }) => epochOf(dek) !== epoch)
  const deks = await Promise.all(old.map(async ({ id, dek }) => {
    return { id, dek: await device.keys.wrap(await device.keys.unwrap(dek), epoch), observed_wrapped_dek: dek }
  }))
  await device.call(replace, { ...of, deks })
  for (const { id } of deks) device.stored({ id, epoch })
}
