import type { z } from 'zod'
import { dotPath, type Fault } from './fault.js'
import { nearMiss } from './near-miss.js'
import { knownSettings } from './schema.js'

/** What the schema found, told without a single value: zod's own sentences are not used, they may quote one. */
export function faultsOfIssues(issues: readonly z.core.$ZodIssue[], raw: unknown): Fault[] {
  return issues
    .flatMap(ofFittingBranch)
    .flatMap((issue) => (issue.code === 'unrecognized_keys' ? unknown(issue) : [refused(issue, raw)]))
}

/** Where a value may be of several types, what is wrong with it as the one that it is of. */
function ofFittingBranch(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const fitting = issue.errors.find((inner) => !inner.some(({ code, path }) => code === 'invalid_type' && !path.length))
  return fitting?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue]
}

function unknown({ path, keys }: z.core.$ZodIssueUnrecognizedKeys): Fault[] {
  const known = knownSettings(path)
  return keys.map((key) => {
    const meant = nearMiss(key, known)
    return {
      field: dotPath([...path, key]),
      problem: 'is not a setting of wechat-hub',
      remedy: meant === undefined ? `remove it (known here: ${known.join(', ')})` : `did you mean "${meant}"?`,
    }
  })
}

function refused(issue: z.core.$ZodIssue, raw: unknown): Fault {
  const { path, value } = follow(raw, issue.path)
  return { field: dotPath(path), problem: problemOf(issue, value), remedy: issue.message }
}

function problemOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return 'is missing'
  if (issue.code === 'custom' && typeof issue.params?.['problem'] === 'string') return issue.params['problem']
  if (issue.code === 'invalid_type' && typeof value === 'string' && /int|number/.test(issue.expected)) {
    return 'is not a plain number'
  }
  if (issue.code === 'invalid_type' && issue.expected === 'undefined') return 'does not go with the rest'
  if (issue.code === 'invalid_type') return `must not be ${kindOf(value)}`
  if (issue.code === 'too_small' && issue.origin !== 'array') return 'is too small'
  if (issue.code === 'too_big' && issue.origin !== 'array') return 'is too large'
  return 'is not allowed'
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number' && !Number.isInteger(value)) return 'a fraction'
  return { string: 'a text', number: 'a number', boolean: 'true or false' }[String(typeof value)] ?? 'an object'
}

/** Goes as far along the path as there is something: one text where a list may be has no element 0. */
function follow(raw: unknown, path: readonly PropertyKey[]): { path: PropertyKey[]; value: unknown } {
  const gone: PropertyKey[] = []
  let value = raw
  for (const name of path) {
    if (typeof value !== 'object' || value === null) break
    value = Object.getOwnPropertyDescriptor(value, name)?.value
    gone.push(name)
  }
  return { path: gone, value }
}
