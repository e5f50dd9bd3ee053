// Everything that the package offers, against a server: runs in Node.js and in a browser.
import {
  accept, ClosedError, ConflictError, createSpace, deleteFile, DecryptionError, exportKey, fileDescription, ForbiddenError, getFile, HttpError,
  invitations, invite, MissingKeyError, members, OfflineError, putFile, remove, rotate, TokenRejectedError, utf8
} from 'less-sync-client'
import { assert, cuttable, Device, rejects } from './device.js'

const id = () => crypto.randomUUID()
const user = name => `${name}-${id()}`

/** Two devices of one user: records, conflicts, resumed subscriptions, files. */
async function personal (url, issue) {
  const name = user('alice')
  const network = cuttable()
  const one = await Device.create(url, issue, name)
  const two = await Device.create(url, issue, name, one.identity, { WebSocket: network.WebSocket })
  const first = await one.client.open(await one.client.personal(one.personalSpace), one.handlers)
  const [record, other] = [id(), id()]
  assert(await first.push([{ id: record, content: utf8('hello'), expected: 0 }]) === 1, 'the first version is 1')
  await rejects(two.client.personal(two.personalSpace), MissingKeyError)
  const second = await two.client.open(await two.client.personal(two.personalSpace, exportKey(first)), two.handlers)
  assert(two.records.get(record) === 'hello' && second.cursor === 1, 'the second device pulls')

  await second.push([{ id: record, content: utf8('hello again'), expected: 1 }, { id: other, content: utf8('bye'), expected: 0 }])
  await one.until('both changes', () => one.records.get(record) === 'hello again' && one.records.get(other) === 'bye')
  const batches = one.batches
  await rejects(first.push([{ id: record, content: utf8('too late'), expected: 1 }]), ConflictError)
  await first.push([{ id: other, content: null, expected: 2 }])
  await two.until('the deletion', () => two.versions.get(other) === 3)
  await first.pull()
  assert(one.batches === batches, 'changes come once, and own ones not at all')

  // A cut connection: changes meanwhile arrive once, from the cursor.
  const before = two.batches
  network.cut()
  await two.until('the end of the connection', () => two.client.status !== 'online')
  await first.push([{ id: record, content: utf8('meanwhile'), expected: 2 }])
  await two.client.online()
  await two.until('the change', () => two.records.get(record) === 'meanwhile')
  await second.pull() // waits for the handler, after which the cursor advances
  assert(two.batches === before + 1 && second.cursor === 4, 'one batch after the reconnect')

  // A device that starts from its stored state.
  const state = JSON.parse(JSON.stringify(second.state))
  two.client.stop()
  await rejects(second.push([{ id: id(), content: utf8(''), expected: 0 }]), OfflineError)
  await first.push([{ id: record, content: null, expected: 4 }])
  const three = await Device.create(url, issue, name, one.identity)
  await three.client.open(state, three.handlers)
  assert(three.batches === 1 && three.versions.get(record) === 5, 'only what is new is pulled, deletions too')

  await files(one, first, three)
  one.client.stop()
  three.client.stop()
}

/** Files of several segments, between two devices. */
async function files (one, space, other) {
  const content = Uint8Array.from({ length: 150_000 }, (_, at) => at % 251)
  const { record, description } = await putFile(space, 'map.png', content)
  await other.until('the file', () => other.files.size === 1 && other.records.has(record))
  const found = fileDescription(utf8(other.records.get(record)))
  assert(found.name === 'map.png' && found.file === description.file, 'the record describes the file')
  const received = await getFile(other.client.spaces.get(space.id), found)
  assert(received.length === content.length && received.every((byte, at) => byte === content[at]), 'the content is the same')
  await rejects(getFile(space, { ...description, sha256: '0'.repeat(64) }), DecryptionError)
  await deleteFile(space, description.file)
  await other.until('the deletion', () => other.files.size === 0)
  const error = await rejects(getFile(space, description), HttpError)
  assert(error.status === 404 && one.errors.length === 0, 'a deleted file is not found')
}

/** DIDs for which a client seals the key of an epoch from now on. */
function keyShares (client) {
  const [dids, call] = [[], client.call.bind(client)]
  client.call = (method, params, onChunk) => {
    if (method === 'epochKeys.put') dids.push(...params.keys.map(share => share.member_did))
    return call(method, params, onChunk)
  }
  return dids
}

/** A shared space: invitation, presence, events, rotation, removal. */
async function shared (url, issue) {
  const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map(name => Device.create(url, issue, user(name))))
  const space = await createSpace(alice.client, 'notes', alice.handlers)
  await space.push([{ id: id(), content: utf8('before he came'), expected: 0 }])
  await space.present(utf8('writing'))
  await invite(space, bob.address)
  await bob.until('the notice', () => bob.invited > 0)
  const [invitation] = await invitations(bob.client)
  assert(invitation.name === 'notes' && invitation.rights.right === 'write', 'the invitation says what it offers')
  await rejects(carol.client.open({ ...space.state, keys: {}, cursor: 0 }).then(space => space.serverState()), ForbiddenError)
  const his = await accept(bob.client, invitation, 'Bob', bob.handlers)
  assert(bob.texts.join() === 'before he came' && (await invitations(bob.client)).length === 0, 'he reads what was there')
  await bob.until('her presence', () => [...bob.peers.values()].join() === 'writing')
  await his.send(utf8('psst'))
  await alice.until('his event', () => alice.events.join() === 'psst')

  // A rotation is transparent; a writer cannot rotate or invite administrators.
  await his.push([{ id: id(), content: utf8('thanks'), expected: 0 }])
  await rotate(space)
  await space.push([{ id: id(), content: utf8('under a new key'), expected: 0 }])
  await bob.until('the record under the new key', () => bob.texts.includes('under a new key'))
  assert(space.keys.newest === 2 && his.keys.newest === 2, 'both have the second key')
  await rejects(rotate(his), ForbiddenError)

  // Carol comes after the rotation, and reads everything; she learns of both others from the log.
  await invite(space, carol.address, 'read')
  const hers = await accept(carol.client, (await invitations(carol.client))[0], 'Carol', carol.handlers)
  assert(carol.texts.join() === 'before he came,thanks,under a new key', 'she reads all records')
  const names = (await members(hers)).map(({ name, joined }) => `${name} ${joined}`).sort()
  assert(names.join() === ' true,Bob true,Carol true', `members by their names: ${names}`)
  await rejects(hers.push([{ id: id(), content: utf8('a reader'), expected: 0 }]), ForbiddenError)
  assert(!carol.hasEnded, 'a reader who may not write is no outsider')

  // Bob is removed: he is told, and what follows is not for him. Carol stays.
  const shares = keyShares(alice.client)
  await remove(space, bob.identity.did)
  assert(shares.length === 2 && !shares.includes(bob.identity.did), 'the new key is sealed for those who stay')
  await bob.until('the end', () => bob.hasEnded)
  await rejects(his.push([{ id: id(), content: utf8('too late'), expected: 0 }]), ForbiddenError)
  await space.push([{ id: id(), content: utf8('without bob'), expected: 0 }])
  await carol.until('the record', () => carol.texts.includes('without bob'))
  assert((await members(hers)).length === 2 && !his.keys.has(3) && hers.keys.has(3), 'the third key is not for him')
  assert(alice.errors.length === 0 && carol.errors.length === 0, 'no failures')
  for (const { client } of [alice, bob, carol]) client.stop()
}

/** What a client does that may not connect. */
async function rejected (url) {
  const { Client } = await import('less-sync-client')
  let asked = 0
  const client = new Client({ url, token: () => { asked++; return 'nonsense' }, delay: async () => {} })
  const error = await rejects(client.start(), TokenRejectedError)
  assert(error.code === 4000 && asked === 2 && client.status === 'stopped', 'a rejected token is not sent again')
  assert(error instanceof ClosedError, 'a rejected token is an end of the connection')
}

/** Plays everything; `issue` returns a token of the development server for a request. */
export async function play (url, issue) {
  await personal(url, issue)
  await shared(url, issue)
  await rejected(url)
  return 'personal, shared, rejected'
}
