/** Members of a shared space, derived from its membership log, whose entries are encrypted for and signed by members. */
import { copy, equal, hex, sha256, text, utf8, type Bytes } from './bytes.js'
import type { KeyRing } from './crypto.js'
import { MissingKeyError, ProtocolError } from './errors.js'
import { verifyStatement, type Identity } from './identity.js'
import { covers, verifyRights, type Rights } from './rights.js'

const PURPOSE = 'less-sync-log'

/** Admissions of one entry; with the longest chains they fit the largest one. */
export const MAX_ADMISSIONS = 10

export interface Admission { did: string, name: string, ucan: string, joined: boolean }

/** Action of an entry. */
export type Act = { admit: Admission[] } | { join: { name: string } } | { remove: { did: string, cids: string[] } }

/** Row of the log as the server has it. */
export interface LogRow { chain_seq: number, prev_hash?: Uint8Array, entry_hash: Uint8Array, payload: Uint8Array }

/** Position that the next entry follows. */
export interface Head { version: number, hash: Bytes }

/** Member, invited or joined. */
export interface Member {
  did: string
  /** Chosen by the member, or by the inviter before that. */
  name: string
  joined: boolean
  /** Rights that are not revoked, at least one; they may have expired. */
  tokens: { ucan: string, rights: Rights }[]
  /** Newest epoch under whose key the member was admitted. */
  listed: number
}

/** Verifies the hash chain of a log from its beginning; returns the head. Throws a `ProtocolError`. */
export async function verifyLog (rows: LogRow[]): Promise<Head> {
  const head: Head = { version: 0, hash: new Uint8Array() }
  for (const row of rows) {
    const hash = await sha256(copy(row.payload))
    const isNext = row.chain_seq === head.version + 1 && equal(row.prev_hash ?? new Uint8Array(), head.hash) && equal(row.entry_hash, hash)
    if (!isNext) throw new ProtocolError(`the membership log is broken at entry ${row.chain_seq}`)
    Object.assign(head, { version: row.chain_seq, hash })
  }
  return head
}

/** Encrypts and signs the entry after `head` under the key of `epoch`; `proof` gives the rights of its author. */
export async function sealEntry (author: Identity, proof: string, keys: KeyRing, epoch: number, head: Head, act: Act): Promise<Bytes> {
  const seq = head.version + 1
  const prev = head.hash.length ? hex(head.hash) : null
  const statement = await author.state(PURPOSE, { space: keys.space, seq, prev, proof, act })
  return keys.sealEntry(epoch, seq, head.hash, utf8(statement))
}

export class Roster {
  readonly members = new Map<string, Member>()
  /** Members who were removed and not admitted again. */
  readonly removed = new Set<string>()
  /** Number of entries that prove nothing, and were ignored. */
  skipped = 0
  #revoked = new Set<string>()

  private constructor (readonly keys: KeyRing, readonly owner: string) {}

  /** Reads a log whose hash chain is verified. Entries under unknown keys are older than the admission of the reader. */
  static async read (rows: LogRow[], keys: KeyRing, owner: string): Promise<Roster> {
    const roster = new Roster(keys, owner)
    for (const row of rows) {
      try {
        await roster.#apply(row)
      } catch (error) {
        if (!(error instanceof MissingKeyError)) roster.skipped++
      }
    }
    return roster
  }

  /** Returns whether the log revokes no token of the chain. */
  isLive (rights: Rights): boolean { return rights.cids.every(cid => !this.#revoked.has(cid)) }

  /** Members whose last admission is under an older key than that of `epoch`. */
  toBeListed (epoch: number): Admission[] {
    const old = [...this.members.values()].filter(member => member.listed < epoch)
    return old.flatMap(({ did, name, joined, tokens }) => tokens.map(({ ucan }) => ({ did, name, ucan, joined })))
  }

  async #apply (row: LogRow): Promise<void> {
    const before = row.prev_hash ?? new Uint8Array()
    const { epoch, statement } = await this.keys.openEntry(row.chain_seq, before, row.payload)
    const { by, space, seq, prev, proof, act } = await verifyStatement(PURPOSE, text(statement))
    // A member with the key could otherwise move entries of others.
    const isHere = space === this.keys.space && seq === row.chain_seq && (prev ?? '') === hex(before)
    const author = await this.#rights(proof, by)
    if (!isHere || !author) throw new ProtocolError('the entry proves nothing')
    if (act.admit) for (const admission of act.admit) await this.#admit(admission, epoch)
    else if (act.join) this.#join(by, String(act.join.name))
    else if (act.remove && covers(author.right, 'admin')) this.#remove(act.remove)
    else throw new ProtocolError('unknown action, or without the right')
  }

  /** Live rights of `did` by a chain, at any time: an entry stays valid when the rights of its author expire. */
  async #rights (ucan: string, did: string): Promise<Rights | null> {
    const rights = await verifyRights(ucan, this.keys.space, this.owner, 0)
    return rights.audience === did && this.isLive(rights) ? rights : null
  }

  async #admit ({ did, name, ucan, joined }: Admission, epoch: number): Promise<void> {
    const rights = await this.#rights(ucan, did).catch(() => null)
    if (!rights) return
    this.removed.delete(did)
    const member = this.members.get(did) ?? { did, name: '', joined: false, tokens: [], listed: epoch }
    member.joined ||= joined === true
    member.listed = epoch
    if (member.name === '' || !member.joined) member.name = String(name)
    if (!member.tokens.some(token => token.ucan === ucan)) member.tokens.push({ ucan, rights })
    this.members.set(did, member)
  }

  #join (did: string, name: string): void {
    const member = this.members.get(did)
    if (member) Object.assign(member, { name, joined: true })
  }

  #remove ({ did, cids }: { did: string, cids: string[] }): void {
    for (const cid of cids) this.#revoked.add(cid)
    for (const { rights } of this.members.get(did)?.tokens ?? []) rights.cids.slice(0, 2).forEach(cid => this.#revoked.add(cid))
    for (const member of this.members.values()) {
      member.tokens = member.tokens.filter(token => this.isLive(token.rights))
      if (!member.tokens.length) this.members.delete(member.did)
    }
    this.removed.add(did)
  }
}
