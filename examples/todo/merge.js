// Merge of a todo that was edited here with the version of another device. `base` is the last version that both knew.

/** True if there is something to push. */
export const isDirty = ({ base, text, done, deleted }) => base
  ? text !== base.text || done !== base.done || deleted !== base.deleted
  : !deleted

/**
 * Returns the todo on top of `theirs`. Each member comes from the side that changed it. If both changed the text, ours stays and theirs is
 * kept beside it until somebody decides. An edit wins over a deletion, since it can be deleted again.
 */
export function merge (todo, theirs, version) {
  const base = todo.base ?? {}
  if (!isDirty(todo)) return { ...todo, ...theirs, base: theirs, version, theirs: undefined }
  if (theirs.deleted) return todo.deleted ? { ...todo, base: theirs, version } : { ...todo, base: theirs, version, theirs: undefined }
  const done = todo.done === base.done ? theirs.done : todo.done
  const deleted = todo.deleted && theirs.text === base.text && theirs.done === base.done
  const isTextOurs = todo.text !== base.text
  const isConflict = isTextOurs && theirs.text !== base.text && theirs.text !== todo.text
  const text = isTextOurs ? todo.text : theirs.text
  return { ...todo, text, done, deleted, base: theirs, version, theirs: isConflict ? theirs.text : undefined }
}
