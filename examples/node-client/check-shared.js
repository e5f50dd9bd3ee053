// node check-shared.js [URL]: two users in a shared space, until one is revoked. Exits with 0 or 1.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { baseUrl, Client, grant } from './client.js'
import { cid, createSpace, Identity } from './shared.js'

setTimeout(() => { console.error('error: no result within 10 s'); process.exit(1) }, 10_000).unref()

/** Returns a function that resolves to the next notification of a client, in order of arrival. */
function inbox (client) {
  const [arrived, waiting] = [[], []]
  client.onNotification = (method, params) => {
    const event = { method, ...params }
    waiting.length ? waiting.shift()(event) : arrived.push(event)
  }
  return () => arrived.length ? Promise.resolve(arrived.shift()) : new Promise(resolve => waiting.push(resolve))
}

try {
  const base = baseUrl(process.argv[2])
  const [owner, guest] = [await Identity.create(), await Identity.create()]
  const [hers, his] = await Promise.all([owner, guest].map(async ({ did }) => {
    const { token } = await grant(base, { user: `node-check-${randomUUID()}`, did })
    return Client.open(base, token)
  }))
  const [she, he] = [inbox(hers), inbox(his)]

  const { space, root } = await createSpace(hers, owner)
  await hers.subscribe(space, root)
  await assert.rejects(his.subscribe(space, root), /forbidden/) // the UCAN of another user
  const ucan = await owner.grant(space, guest.did, 'write', root)
  assert.equal(await his.subscribe(space, ucan), 0)

  const id = randomUUID() // an app puts ciphertext into `blob`
  assert.equal(await his.push(space, id, Buffer.from('hello'), 0, ucan), 1)
  const change = await she()
  assert.deepEqual([change.method, change.space, change.records[0].id], ['sync', space, id])
  assert.deepEqual((await his.pull(space, 0, ucan)).records.map(record => record.id), [id])
  hers.notify('event.send', { space, data: Buffer.from('psst') })
  const event = await he()
  assert.deepEqual([event.method, Buffer.from(event.data).toString()], ['event', 'psst'])

  await hers.call('membership.revoke', { space, ucan: root, ucan_cid: cid(ucan), member_did: guest.did })
  assert.deepEqual(await he(), { method: 'revoked', space, reason: 'ucan_revoked' })
  await assert.rejects(his.push(space, randomUUID(), Buffer.from('too late'), 0, ucan), /forbidden/)
  await assert.rejects(his.pull(space, 0, ucan), /incomplete/) // a pull skips spaces without the right to read
  console.log('shared, and revoked')
  process.exit(0)
} catch (error) {
  console.error(`error: ${error.message}`, error.cause?.message ?? '')
  process.exit(1)
}
