// node toolbox.js URL PROGRAM FOLDER: the package and the toolbox in the same spaces, each reading what the other writes. FOLDER is for
// the keys and files of the toolbox. Exits with 0 or 1.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { issueToken } from './platform.js'

const [url, program, folder] = process.argv.slice(2)
const { assert, Device, rejects } = await import('./device.js')
const client = await import('less-sync-client')
const { exportKey, fileDescription, ForbiddenError, Identity, text, unbase64, utf8 } = client

/** Runs the toolbox as a user; returns standard output. */
async function toolbox (user, ...args) {
  const env = { PATH: process.env.PATH, LESS_SYNC_URL: url, LESS_SYNC_KEYS: join(folder, user) }
  const { stdout } = await promisify(execFile)(program, ['--user', user, ...args], { env })
  return stdout.trim()
}

const file = (name, content) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const push = (user, space, content) => toolbox(user, 'push', '--space', space, file('note', content))
const issue = request => issueToken(url, request)
const id = () => crypto.randomUUID()
const large = Buffer.from(Uint8Array.from({ length: 70_000 }, (_, at) => at % 251))

/** A space of the package: the toolbox joins, reads, writes, rotates, and is removed. */
async function invitesToolbox () {
  const alice = await Device.create(url, issue, `alice-${id()}`)
  const address = await toolbox('bob', 'identity')
  const space = await client.createSpace(alice.client, 'notes', alice.handlers)
  await space.push([{ id: id(), content: utf8('from the package'), expected: 0 }])
  const { description } = await client.putFile(space, 'a.bin', large)
  await client.invite(space, address)
  await toolbox('bob', 'space', 'accept', '--name', 'Bob')
  assert((await toolbox('bob', 'pull', '--space', space.id)).includes('"from the package"'), 'the toolbox reads records')
  await toolbox('bob', 'file', 'get', '--space', space.id, 'a.bin', '-o', join(folder, 'copy'))
  assert(readFileSync(join(folder, 'copy')).equals(large), 'the toolbox reads files')

  await push('bob', space.id, 'from the toolbox')
  await alice.until('the record', () => alice.texts.includes('from the toolbox'))
  await toolbox('bob', 'file', 'put', '--space', space.id, file('b.bin', large))
  const find = name => [...alice.records.values()].map(content => fileDescription(utf8(content))).find(found => found?.name === name)
  await alice.until('the file', () => find('b.bin') && alice.files.size > 0)
  assert(Buffer.from(await client.getFile(space, find('b.bin'))).equals(large), 'the package reads files')
  const names = (await client.members(space)).map(({ name, joined }) => `${name} ${joined}`).sort()
  assert(names.join() === ' true,Bob true', `both are members: ${names}`)

  await client.rotate(space)
  await push('bob', space.id, 'under the second key')
  await alice.until('the record', () => alice.texts.includes('under the second key'))
  assert(Buffer.from(await client.getFile(space, description)).equals(large), 'a wrapped key of a file is replaced')
  assert((await toolbox('bob', 'space', 'members', '--space', space.id)).split('\n').length === 2, 'the toolbox reads the log')
  await client.remove(space, address.split('@')[0])
  await rejects(push('bob', space.id, 'too late'), Error)
  assert((await toolbox('bob', 'space', 'list')).includes('permission=revoked'), 'the toolbox is removed')
  assert(alice.errors.length === 0, `no failures: ${alice.errors}`)
  alice.client.stop()
}

/** A space of the toolbox: the package joins, reads, writes, follows a rotation, and is removed. */
async function isInvited () {
  const bob = await Device.create(url, issue, `bob-${id()}`)
  const made = await toolbox('alice', 'space', 'create', 'plans')
  await push('alice', made, 'before he came')
  await toolbox('alice', 'space', 'invite', bob.address, '--space', made)
  const space = await client.accept(bob.client, (await client.invitations(bob.client))[0], 'Bob', bob.handlers)
  assert(bob.texts.join() === 'before he came', 'the package reads records')
  await toolbox('alice', 'space', 'rotate', '--space', made)
  await push('alice', made, 'under a new key')
  await bob.until('the record', () => bob.texts.includes('under a new key'))
  await space.push([{ id: id(), content: utf8('from the package'), expected: 0 }])
  assert((await toolbox('alice', 'pull', '--space', made)).includes('"from the package"'), 'the toolbox reads records')
  assert((await toolbox('alice', 'space', 'members', '--space', made)).includes('Bob'), 'the toolbox reads the log')
  await toolbox('alice', 'space', 'revoke', bob.address, '--space', made)
  await bob.until('the end', () => bob.hasEnded)
  await rejects(space.call('membership.list'), ForbiddenError)
  assert(bob.errors.length === 0, `no failures: ${bob.errors}`)
  bob.client.stop()
}

/** Identity and key of the personal space move between both. */
async function sameUser () {
  const user = `dora-${id()}`
  const address = await toolbox(user, 'identity')
  await toolbox(user, 'push', file('note', 'from the toolbox'))
  const { secret } = JSON.parse(readFileSync(join(folder, user, 'identity.json'), 'utf8'))
  const dora = await Device.create(url, issue, user, await Identity.fromSecret(unbase64(secret)))
  assert(address.startsWith(dora.identity.did), 'the identity is the same')
  await toolbox(user, 'key', 'export', join(folder, 'key'))
  const key = readFileSync(join(folder, 'key'), 'utf8')
  const space = await dora.client.open(await dora.client.personal(dora.personalSpace, key), dora.handlers)
  assert(dora.texts.join() === 'from the toolbox' && exportKey(space) === key.trim(), 'the package reads with the exported key')
  await space.push([{ id: id(), content: utf8('from the package'), expected: 0 }])
  assert((await toolbox(user, 'pull')).includes('"from the package"'), 'the toolbox reads records')
  dora.client.stop()
}

try {
  mkdirSync(folder, { recursive: true })
  assert(text(utf8('ä')) === 'ä', 'UTF-8')
  await invitesToolbox()
  await isInvited()
  await sameUser()
  console.log('invites the toolbox, is invited, is the same user')
  process.exit(0)
} catch (error) {
  console.error(error)
  process.exit(1)
}
