/** Segments of letters, digits and `_ . -`. Each segment needs its slash, so no text makes this backtrack. */
const plainPath = /^(?:\/[A-Za-z0-9_.-]+)+$/
/** Of more than two dots too: some servers drop those at the end of a name. */
const dotSegment = /\/\.+(?:\/|$)/

/** Whether a path is plain: one spelling, one meaning. No segment of dots alone, no empty one, no escapes. */
export function isPlainPath(path: string): boolean {
  return plainPath.test(path) && !dotSegment.test(path)
}
