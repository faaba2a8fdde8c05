/** What Node reports when a caller goes away in the middle, or is too slow: the request log tells of it. */
const codes: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ERR_HTTP_REQUEST_TIMEOUT',
  'HPE_INVALID_EOF_STATE',
])

/** Whether an error of a request's own connection says no more than that the caller has gone. */
export function isCallerGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && codes.has(error.code)
}
