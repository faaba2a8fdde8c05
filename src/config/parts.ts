import { z } from 'zod'

// What schemas are made of. A schema's error message is the remedy: what to set. What is wrong is said by issues.ts.

export function text(form: RegExp, remedy: string) {
  return z.string({ error: remedy }).regex(form, { error: remedy })
}

export function wholeNumber(least: number, most: number, unit = '') {
  const error = `set a whole number${unit} from ${least} to ${most}`
  return z.int({ error }).min(least, { error }).max(most, { error })
}

export function oneOf<const T extends readonly string[]>(words: T) {
  return z.enum(words, { error: `set one of: ${words.join(', ')}` })
}

export function trueOrFalse() {
  return z.boolean({ error: 'set true or false' })
}

/** One value or a list of them; always a list afterwards. */
export function listOf<T extends z.ZodType>(element: T, error: string, most = 10) {
  const list = z.array(element, { error }).min(1, { error }).max(most, { error })
  return z.preprocess((value) => (typeof value === 'string' ? [value] : value), list)
}

export function section<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, { error: 'set a JSON object' })
}

/** Refuses a value in a transform. `problem` is what is wrong, in place of "is not allowed". */
export function refuse(context: z.core.$RefinementCtx, input: unknown, remedy: string, problem?: string): never {
  context.issues.push({
    code: 'custom',
    message: remedy,
    input,
    ...(problem === undefined ? {} : { params: { problem } }),
  })
  return z.NEVER
}

/** A Token, which signs pushes. */
export function tokenOf(whose: string) {
  return text(/^[A-Za-z0-9]{3,32}$/, `set the Token of ${whose}: 3 to 32 letters and digits`)
}
