// node check.js [URL]: two devices of one user; one pushes, the other must receive. Exits with 0 or 1.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { baseUrl, Client, grant } from './client.js'

setTimeout(() => { console.error('error: no result within 10 s'); process.exit(1) }, 10_000).unref()

try {
  const base = baseUrl(process.argv[2])
  const { token, personal_space: space } = await grant(base, { user: `node-check-${randomUUID()}` })
  // The second device uses the older name of the same format.
  const [one, two] = [await Client.open(base, token), await Client.open(base, token, 'betterbase-rpc-v1')]
  const received = new Promise(resolve => {
    const events = []
    one.onNotification = (method, params) => events.push({ method, ...params }) === 3 && resolve(events)
  })
  assert.equal(await one.subscribe(space), 0)
  assert.deepEqual(await one.pull(space), { records: [], cursor: 0 })
  const id = randomUUID()
  assert.equal(await two.push(space, id, Buffer.from('hello')), 1)
  assert.equal(await two.push(space, id, Buffer.from('hello again'), 1), 2)
  await assert.rejects(two.push(space, id, Buffer.from('too late'), 1), /conflict/)
  assert.equal(await two.push(space, id, null, 2), 3)

  const texts = (await received).map(({ method, prev, cursor, records: [record] }) => {
    assert.deepEqual([method, record.id, record.cursor, cursor], ['sync', id, cursor, prev + 1])
    return record.deleted ? null : Buffer.from(record.blob).toString()
  })
  console.log(`received ${JSON.stringify(texts)}`)
  assert.deepEqual(texts, ['hello', 'hello again', null])
  assert.deepEqual((await two.pull(space, 2)).records.map(record => [record.id, record.deleted]), [[id, true]])
  two.close()
  assert.equal((await two.closed).message, 'closed: 1000 client close')
  process.exit(0)
} catch (error) {
  console.error(`error: ${error.message}`, error.cause?.message ?? '')
  process.exit(1)
}
