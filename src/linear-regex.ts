import { createRequire } from 'node:module'

/** A regular expression that takes time in proportion to the text, whatever the expression and the text. */
export interface LinearRegex {
  /** Whether it is found anywhere in the text. */
  test(text: string): boolean
}

/** In characters. */
const longest = 1000
/** In instructions. A text of 2,000 characters takes the largest program some 50 ms, most take microseconds. */
const largest = 2000
/** By the estimate. What is below compiles in 300 ms and 50 MB at most. */
const largestEstimate = 50_000

/**
 * Compiles RE2 syntax, of at most 1,000 characters and 2,000 instructions. No pattern can explode: RE2 keeps every state
 * that it may be in at once and never goes back in the text, so what makes V8's own engine take for ever (`(a+)+$`) is
 * nothing special here. The price is that look-around and back references do not exist.
 * @throws TypeError saying what is wrong, without the pattern.
 */
export function compileLinearRegex(pattern: string): LinearRegex {
  if (pattern.length > longest) throw new TypeError(`the regex is longer than ${longest} characters`)
  if (estimate(pattern) > largestEstimate) throw new TypeError(tooLarge)
  const regex = compile(pattern)
  if (regex.programSize() > largest) throw new TypeError(tooLarge)
  return regex
}

const tooLarge = 'the regex is too large: its repeats multiply'

function compile(pattern: string) {
  const { RE2JS, RE2JSSyntaxException } = engine()
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    // Without the error as a cause: it quotes the pattern.
    throw new TypeError(error instanceof RE2JSSyntaxException ? explain(error) : 'the regex cannot be compiled')
  }
}

/** Loaded with the first regex: it costs 16 ms and 2 MB, and a configuration may well have none. */
function engine(): typeof import('re2js') {
  return createRequire(import.meta.url)('re2js')
}

/** `piece` is where the parser stopped. */
function explain({ error: reason, input: piece }: { error: string; input: string | null }): string {
  if (/^\(\?<?[=!]/.test(piece ?? '')) return 'the regex looks around, which cannot be done in linear time'
  if (/^\\[1-9k]/.test(piece ?? '')) return 'the regex refers back to a group, which cannot be done in linear time'
  if (reason === 'invalid repeat count' || reason === 'expression too large') return tooLarge
  return `the regex is not valid in RE2 syntax (${reason})`
}

/**
 * About half the instructions that the pattern compiles to at most, told without compiling it: a repeat copies what it
 * repeats. Those of groups may lie in each other; RE2 itself refuses what multiplies to more than 1,000.
 */
function estimate(pattern: string): number {
  let length = pattern.length
  let copies = 1
  for (const [, group, least, most] of pattern.matchAll(/(\)?)\{(\d+)(?:,(\d*))?\}/g)) {
    const count = Math.max(1, Number(least), Number(most ?? 0))
    if (group === '') length += count
    else copies = Math.min(copies * count, 1000)
  }
  return length * copies
}
