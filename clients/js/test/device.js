// Device of a user in a test: a client whose changes and statuses can be awaited, on platforms with global WebSocket and WebCrypto.
import { Client, Identity, text } from 'less-sync-client'

export function assert (condition, what) {
  if (!condition) throw new Error(`not so: ${what}`)
}

/** Rejects unless `promise` rejects with this class of errors; returns the error. */
export async function rejects (promise, kind) {
  try {
    await promise
  } catch (error) {
    if (error instanceof kind) return error
    throw error
  }
  throw new Error(`no ${kind.name}`)
}

/** WebSocket whose open connections can be cut, as by a network. */
export function cuttable () {
  const open = new Set()
  class Cuttable extends globalThis.WebSocket {
    constructor (...args) {
      super(...args)
      open.add(this)
    }
  }
  return { WebSocket: Cuttable, cut: () => { for (const socket of open) socket.close(); open.clear() } }
}

export class Device {
  /** Content of live records by id, as the handlers have delivered it. */
  records = new Map()
  versions = new Map()
  files = new Map()
  peers = new Map()
  events = []
  errors = []
  batches = 0
  invited = 0
  hasEnded = false
  #waiting = []

  /** `issue` returns an access token for a request; `identity` is that of another device of the same user. */
  static async create (url, issue, user, identity, options = {}) {
    const device = new Device()
    device.user = user
    device.identity = identity ?? await Identity.create()
    device.mailbox = await device.identity.mailbox('test', user)
    device.address = `${device.identity.did}@${device.mailbox}`
    const request = { user, did: device.identity.did, mailbox: device.mailbox }
    const grant = await issue(request)
    device.personalSpace = grant.personal_space
    device.client = new Client({
      url,
      token: async () => (await issue(request)).token,
      identity: device.identity,
      delay: () => new Promise(resolve => setTimeout(resolve, 10)),
      onStatus: () => device.#changed(),
      onInvitation: () => { device.invited++; device.#changed() },
      onError: error => { device.errors.push(error); device.#changed() },
      ...options
    })
    await device.client.start()
    return device
  }

  get handlers () {
    return {
      changes: changes => {
        this.batches++
        for (const change of changes) this.#apply(change)
        this.#changed()
      },
      presence: (peer, content) => {
        content === null ? this.peers.delete(peer) : this.peers.set(peer, text(content))
        this.#changed()
      },
      event: (_peer, content) => { this.events.push(text(content)); this.#changed() },
      ended: () => { this.hasEnded = true; this.#changed() }
    }
  }

  #apply (change) {
    if (change.error) this.errors.push(change.error)
    if (change.kind === 'file') return change.deleted ? this.files.delete(change.id) : this.files.set(change.id, change)
    this.versions.set(change.id, change.cursor)
    if (change.content) this.records.set(change.id, text(change.content))
    else this.records.delete(change.id)
  }

  #changed () { for (const check of [...this.#waiting]) check() }

  /** Resolves when `condition` holds, checked after every event. */
  until (what, condition) {
    if (condition()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`timeout: ${what}; errors: ${this.errors.map(String)}`)), 60_000)
      const check = () => {
        if (!condition()) return
        clearTimeout(limit)
        this.#waiting.splice(this.#waiting.indexOf(check), 1)
        resolve()
      }
      this.#waiting.push(check)
    })
  }

  /** Texts of all records, sorted. */
  get texts () { return [...this.records.values()].sort() }
}
