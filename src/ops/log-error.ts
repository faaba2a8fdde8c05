/** What a log tells of an error. Nothing else of it: got's errors carry URLs, and WeChat's URLs carry secrets. */
export interface ErrorRecord {
  type: string
  message: string
  code?: string | number
  errcode?: number
  stack?: string
  cause?: ErrorRecord | string
}

/** How many causes of causes are told. */
const deepestCause = 4

export function errorRecord(error: Error, depth = 0): ErrorRecord {
  const record: ErrorRecord = { type: error.constructor.name || error.name, message: error.message }
  if ('code' in error && isCode(error.code)) record.code = error.code
  if ('errcode' in error && typeof error.errcode === 'number') record.errcode = error.errcode
  if (typeof error.stack === 'string') record.stack = error.stack
  if (depth < deepestCause) {
    if (error.cause instanceof Error) record.cause = errorRecord(error.cause, depth + 1)
    else if (typeof error.cause === 'string') record.cause = error.cause
  }
  return record
}

function isCode(code: unknown): code is string | number {
  return typeof code === 'string' || typeof code === 'number'
}
