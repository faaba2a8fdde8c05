import { z } from 'zod'
import { compileLinearRegex } from '../linear-regex.js'
import { refuse, section } from './parts.js'

/** What one field of a message must be: this text, one of these, or a text in which the regex is found. */
export type MatchConfig = Readonly<Record<string, string | readonly string[] | { readonly regex: string }>>

const mostFields = 20
const mostTexts = 100

const valueRemedy = `set a text, a list of 1 to ${mostTexts} texts, or {"regex": "..."}`
const regexRemedy = 'set a regex in RE2 syntax, of at most 1000 characters'

const oneText = z.string({ error: valueRemedy })
const texts = z
  .array(oneText, { error: valueRemedy })
  .min(1, { error: valueRemedy })
  .max(mostTexts, { error: valueRemedy })

const regex = z.string({ error: regexRemedy }).transform((pattern, context) => {
  try {
    compileLinearRegex(pattern)
    return pattern
  } catch (error) {
    return refuse(context, pattern, regexRemedy, error instanceof Error ? error.message : undefined)
  }
})

export const matchRegexFields = { regex }
const withRegex = section(matchRegexFields)

const wanted = z.union([oneText, texts, withRegex], { error: valueRemedy })

const name = /^[A-Za-z_][\w:-]{0,63}(?:\.[A-Za-z_][\w:-]{0,63}){0,7}$/
const nameRemedy = 'set the name of a field of the message, such as MsgType or ScanCodeInfo.ScanType'
const matchRemedy = `set a JSON object: name of a field -> what it must be, for at most ${mostFields} fields`

export const match = z
  .record(z.string().regex(name), wanted, {
    error: ({ code }) => (code === 'invalid_key' ? nameRemedy : matchRemedy),
  })
  .refine((fields) => Object.keys(fields).length <= mostFields, { error: matchRemedy })
