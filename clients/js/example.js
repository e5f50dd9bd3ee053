import { accept, Client, createSpace, Identity, invitations, invite, text, utf8 } from 'less-sync-client'

const url = process.argv[2] ?? 'http://127.0.0.1:5379'

/** Connects a user; a development server gives an access token to everybody. */
async function connect (user) {
  const identity = await Identity.create()
  const mailbox = await identity.mailbox('less-sync-dev', user)
  const token = async () => {
    const body = JSON.stringify({ user, did: identity.did, mailbox })
    const response = await fetch(new URL('/dev/token', url), { method: 'POST', body })
    return (await response.json()).token
  }
  const client = new Client({ url, token, identity })
  await client.start()
  return { client, address: `${identity.did}@${mailbox}` }
}

const alice = await connect('alice')
const notes = await createSpace(alice.client, 'notes')
const record = crypto.randomUUID()
const version = await notes.push([{ id: record, content: utf8('buy milk'), expected: 0 }])

const bob = await connect('bob')
await invite(notes, bob.address)
const [invitation] = await invitations(bob.client)

const finished = new Promise(resolve => {
  const changes = async rows => {
    for (const { content, cursor } of rows) console.log(`bob reads #${cursor}: ${text(content)}`)
    if (rows.at(-1).cursor > version) resolve()
  }
  accept(bob.client, invitation, 'Bob', { changes }).then(async () => {
    await notes.push([{ id: record, content: utf8('buy oat milk'), expected: version }])
  })
})

await finished
alice.client.stop()
bob.client.stop()
