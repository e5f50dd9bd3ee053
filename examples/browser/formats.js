// node formats.js: the encryption of the playground against another implementation, over standard input and output. Prints the
// DID of an identity; reads one line with a key and with what was sealed under it and for the DID; prints what it opened, and what it
// sealed in turn. All bytes are hexadecimal.
import { createInterface } from 'node:readline'
import { KeyRing, hex, text, unhex, utf8 } from '../../crates/app/src/dev/playground/crypto.js'
import { Identity } from '../../crates/app/src/dev/playground/identity.js'
import { openInvitation, openShare, sealInvitation, sealShare } from '../../crates/app/src/dev/playground/sharing.js'

// Node.js 18 has it under another name.
globalThis.crypto ??= (await import('node:crypto')).webcrypto

/** The only line of standard input. */
function line () {
  const lines = createInterface({ input: process.stdin })
  return new Promise(resolve => lines.once('line', text => { lines.close(); resolve(text) }))
}

const me = await Identity.create()
console.log(JSON.stringify({ did: me.did }))

const { space, epoch, key, record, file, theirs, guest, owner } = JSON.parse(await line())
const ring = new KeyRing(space)
ring.add(epoch, unhex(key))
const invited = await openInvitation(me, theirs.invitation)
const opened = {
  record: text(await ring.openRecord(record, unhex(theirs.blob), unhex(theirs.dek))),
  file: hex(await ring.openFile(file, unhex(theirs.object), unhex(theirs.fileDek))),
  presence: await ring.openLive(0, unhex(theirs.presence)),
  invitation: { space: invited.space, name: invited.name, owner: invited.owner, epoch: invited.epoch, key: hex(invited.key) },
  share: hex(await openShare(me, owner, { space, epoch }, unhex(theirs.share)))
}

const { blob, dek } = await ring.sealRecord(record, utf8('a record of the page'))
const { object, dek: fileDek } = await ring.sealFile(file, unhex(opened.file))
const root = await me.grant(space, me.did, 'admin')
const ucan = await me.grant(space, guest, 'write', root)
const sealed = {
  blob: hex(blob),
  dek: hex(dek),
  object: hex(object),
  fileDek: hex(fileDek),
  presence: hex(await ring.sealLive(0, 'typing')),
  invitation: await sealInvitation(me, guest, { space, name: 'notes', root: me.point, ucan, epoch, key: unhex(key) }),
  share: hex(await sealShare(me, root, guest, { space, epoch, key: unhex(key) })),
  root: hex(me.point),
  ucan
}
console.log(JSON.stringify({ opened, sealed }))
