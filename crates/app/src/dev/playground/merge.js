// Merge of two versions of a text with their common base.

/** One changed range of `base`: what `other` has between the parts that both share. */
function change (base, other) {
  let start = 0
  while (start < base.length && start < other.length && base[start] === other[start]) start++
  let end = 0
  while (end < base.length - start && end < other.length - start && base.at(-1 - end) === other.at(-1 - end)) end++
  return { start, end: base.length - end, put: other.slice(start, other.length - end) }
}

/** Text with the changes of both; where they overlap, their lines and then mine. */
export function merge (base, mine, theirs) {
  if (mine === base || mine === theirs) return theirs
  if (theirs === base) return mine
  const [one, two] = [change(base, mine), change(base, theirs)]
  const apply = (text, { start, end, put }, shift = 0) => text.slice(0, start + shift) + put + text.slice(end + shift)
  // Two insertions at one place overlap.
  const isApart = (first, second) => first.end < second.start || (first.end === second.start && first.start < first.end)
  if (isApart(one, two)) return apply(apply(base, two), one)
  if (isApart(two, one)) return apply(apply(base, one), two)
  const [first, last] = [Math.min(one.start, two.start), base.indexOf('\n', Math.max(one.end, two.end))]
  const range = { start: first ? base.lastIndexOf('\n', first - 1) + 1 : 0, end: last < 0 ? base.length : last }
  const whole = ({ start, end, put }) => base.slice(range.start, start) + put + base.slice(end, range.end)
  const [ours, other] = [whole(one), whole(two)]
  return apply(base, { ...range, put: other.endsWith('\n') ? other + ours : `${other}\n${ours}` })
}
