/** The code that the system, Node or a library has given an error, such as `ENOENT` or `HPE_INVALID_CONSTANT`; `undefined`: it has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
