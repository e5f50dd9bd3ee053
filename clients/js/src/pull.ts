/** A pull of one space: its rows, and the proof that none is missing (protocol §4.4, §5.4). */
import { ForbiddenError, ProtocolError } from './errors.js'
import type { Space } from './space.js'

/** Rows that a handler gets at a time. */
const BATCH = 500

export interface RecordRow { id: string, cursor: number, blob?: Uint8Array, dek?: Uint8Array, deleted?: boolean }
export interface FileRow { id: string, record_id: string, cursor: number, size?: number, deleted?: boolean }

/** State of a space in the response to `subscribe`. */
export interface State {
  cursor: number
  key_generation: number
  /** Epoch of a rotation that is not complete. */
  rewrap_epoch?: number
  peers?: { peer: string, data: Uint8Array }[]
}

export class Pull {
  cursor = 0
  #rows: (RecordRow | FileRow)[] = []
  #chunks = 0
  #counted = 0
  #count = -1

  /** Pulls everything after the cursor of the space. Throws a `ProtocolError` if something is missing. */
  static async of (space: Space): Promise<Pull> {
    const pull = new Pull()
    const entry = { id: space.id, since: space.cursor, ucan: space.ucan }
    const { _chunks: chunks } = await space.client.call('pull', { spaces: [entry] }, (name, data) => pull.#take(name, data))
    // A space without the right to read is skipped, silently.
    if (pull.#chunks === 0 && chunks === 0) throw new ForbiddenError('forbidden', 'the space cannot be read')
    if (chunks !== pull.#chunks || pull.#count !== pull.#counted) throw new ProtocolError('incomplete pull')
    return pull
  }

  #take (name: string, data: any): void {
    this.#chunks++
    if (/^pull\.(record|membership|file)$/.test(name)) this.#counted++
    if (name === 'pull.record' || name === 'pull.file') this.#rows.push(data)
    if (name === 'pull.commit') [this.cursor, this.#count] = [data.cursor, data.count]
  }

  * batches (): Iterable<(RecordRow | FileRow)[]> {
    for (let at = 0; at < this.#rows.length; at += BATCH) yield this.#rows.slice(at, at + BATCH)
  }
}
