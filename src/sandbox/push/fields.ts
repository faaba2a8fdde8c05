import { z } from 'zod'

/** A text, a number, nested fields, or a list of these. */
export type Value = string | number | Fields | readonly Value[]

/** The fields of a message, by WeChat's own names. */
export interface Fields {
  readonly [name: string]: Value
}

/** No message is nested deeper, in levels. */
export const deepest = 10

/** What an XML document can't hold, not even escaped. */
const notXML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

export function fitsXML(text: string): boolean {
  return !notXML.test(text)
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value)
}

/** Fields that are texts or numbers, whatever the message is. */
const flat = ['ToUserName', 'FromUserName', 'CreateTime', 'MsgType', 'MsgId']

/** The fields of a message to push. Whole numbers beyond 2^53 must be given as texts, or they would lose digits. */
export const fieldsSchema: z.ZodType<Fields> = z
  .custom<Fields>(isObject, 'must be an object of fields')
  .superRefine((fields, context) => {
    for (const { path, message } of faultsOf(fields, [])) context.addIssue({ code: 'custom', path: [...path], message })
    for (const name of flat.filter((each) => typeof fields[each] === 'object')) {
      context.addIssue({ code: 'custom', path: [name], message: 'must be a text or a number' })
    }
  })

interface Fault {
  readonly path: readonly (string | number)[]
  readonly message: string
}

function* faultsOf(value: unknown, path: Fault['path']): Generator<Fault> {
  if (path.length > deepest) yield { path, message: `is nested deeper than ${deepest} levels` }
  else if (Array.isArray(value)) yield* faultsOfList(value, path)
  else if (isObject(value)) yield* faultsOfFields(value, path)
  else if (!isScalar(value)) yield { path, message: 'must be a text, a number, an object or a list' }
  else if (typeof value === 'string' && !fitsXML(value)) yield { path, message: 'has a character that XML cannot hold' }
  else if (typeof value === 'number' && !isExact(value)) yield { path, message: 'is not exact: give it as a text' }
}

function* faultsOfList(list: readonly unknown[], path: Fault['path']): Generator<Fault> {
  for (const [index, value] of list.entries()) {
    if (Array.isArray(value)) yield { path: [...path, index], message: 'must not be a list in a list' }
    else yield* faultsOf(value, [...path, index])
  }
}

function* faultsOfFields(fields: object, path: Fault['path']): Generator<Fault> {
  for (const [name, value] of Object.entries(fields)) {
    const inner = [...path, name]
    if (!/^[A-Za-z][\w.-]{0,63}$/.test(name)) yield { path: inner, message: 'is no name of a field' }
    else yield* faultsOf(value, inner)
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isScalar(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}

function isExact(value: number): boolean {
  return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value))
}
