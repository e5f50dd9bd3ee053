// CBOR as the protocol uses it: integers, text, bytes, lists, maps with text keys, booleans, null.

const texts = new TextDecoder('utf-8', { fatal: true })

/** Returns the encoding of a value: a number, text, Uint8Array, list, plain object, boolean or null. */
export function encode (value) {
  const out = []
  write(value, out)
  return Uint8Array.from(out)
}

function head (major, length, out) {
  if (length < 24) out.push(major << 5 | length)
  else if (length < 0x100) out.push(major << 5 | 24, length)
  else if (length < 0x10000) out.push(major << 5 | 25, length >> 8, length & 255)
  else if (length < 0x100000000) out.push(major << 5 | 26, length >>> 24, length >>> 16 & 255, length >>> 8 & 255, length & 255)
  else {
    out.push(major << 5 | 27)
    for (let byte = 7; byte >= 0; byte--) out.push(Math.floor(length / 256 ** byte) % 256)
  }
}

function bytes (major, part, out) {
  head(major, part.length, out)
  for (const byte of part) out.push(byte)
}

function write (value, out) {
  if (value === null) out.push(0xf6)
  else if (typeof value === 'boolean') out.push(value ? 0xf5 : 0xf4)
  else if (typeof value === 'number') value < 0 ? head(1, -1 - value, out) : head(0, value, out)
  else if (typeof value === 'string') bytes(3, new TextEncoder().encode(value), out)
  else if (value instanceof Uint8Array) bytes(2, value, out)
  else if (Array.isArray(value)) {
    head(4, value.length, out)
    value.forEach(item => write(item, out))
  } else {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    head(5, members.length, out)
    members.forEach(([key, member]) => { write(key, out); write(member, out) })
  }
}

/** Returns the value of a message, which must be one item. */
export function decode (message) {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  let at = 0
  const length = small => {
    if (small < 24) return small
    const width = { 24: 1, 25: 2, 26: 4, 27: 8 }[small]
    if (!width) throw new Error('unsupported length in CBOR')
    at += width
    if (width === 8) return Number(view.getBigUint64(at - 8))
    return width === 4 ? view.getUint32(at - 4) : width === 2 ? view.getUint16(at - 2) : view.getUint8(at - 1)
  }
  const take = size => {
    if (at + size > message.length) throw new Error('truncated CBOR')
    at += size
    return message.slice(at - size, at)
  }
  const read = () => {
    const first = view.getUint8(at++)
    const [major, small] = [first >> 5, first & 31]
    if (major === 7) {
      if (small === 20 || small === 21) return small === 21
      if (small === 22 || small === 23) return null
      throw new Error('unsupported value in CBOR')
    }
    const size = length(small)
    switch (major) {
      case 0: return size
      case 1: return -1 - size
      case 2: return take(size)
      case 3: return texts.decode(take(size))
      case 4: return Array.from({ length: size }, read)
      case 5: return Object.fromEntries(Array.from({ length: size }, () => [read(), read()]))
      default: throw new Error('unsupported item in CBOR')
    }
  }
  const value = read()
  if (at !== message.length) throw new Error('bytes after the end of CBOR')
  return value
}
