import type { z } from 'zod'

/** An argument, option or control body that the sandbox does not take. The message names each field, never its value. */
export class Refusal extends TypeError {
  override readonly name = 'Refusal'
}

/**
 * The value, as the schema has it.
 * @throws Refusal that tells all faults at once.
 */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new Refusal(result.error.issues.map(sentenceOf).join('; '))
}

function sentenceOf({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `"${path.join('.')}": ${message}`
}
