import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileLinearRegex } from '../../src/linear-regex.js'
import { built } from '../support/built.js'
import { newSeed } from '../support/seeded.js'

describe('a linear regex', () => {
  it.each([
    ['b', 'abc', true],
    ['^b', 'abc', false],
    ['^退款|客服$', '我要找客服', true],
    ['(?i)HELLO', 'well hello', true],
    ['^.$', '😀', true],
    ['a.c', 'a\nc', false],
    ['(?s)a.c', 'a\nc', true],
    ['\\d{11}', 'tel 13800138000.', true],
    ['\\p{Han}', 'latin', false],
    ['', '', true],
  ])('%j in %j: %j', (pattern, text, found) => {
    expect(compileLinearRegex(pattern).test(text)).toBe(found)
  })

  it.each([
    ['(a+)+$', false],
    ['(a|aa)+$', false],
    ['^(a|aa)+$', false],
    ['(.*)*x', false],
    ['(.*)*!', true],
    ['([a-z]+)*!$', true],
    ['(a*)*(a*)*(a*)*b', false],
  ])('does not explode: %s in 200,000 letters', (pattern, found) => {
    expect(compileLinearRegex(pattern).test(`${'a'.repeat(200_000)}!`)).toBe(found)
  })

  it.each([
    ['(?=a)b', /looks around/],
    ['a(?!b)', /looks around/],
    ['(?<=secret1)b', /looks around/],
    ['(?<!a)b', /looks around/],
    ['(?>a+)b', /not valid/],
    ['(a)\\1', /refers back/],
    ['(?<n>a)\\k<n>', /refers back/],
    ['(secret1', /not valid in RE2 syntax \(missing closing \)\)/],
    ['secret1)', /not valid/],
    ['[z-a]', /not valid/],
    ['*', /not valid/],
    ['secret1\\', /not valid/],
    ['\\q', /not valid/],
    ['\\C', /not valid/],
    ['(?<a>x)(?<a>y)', /not valid/],
    ['(x{1000}){1000}', /too large/],
    ['((x{30}){30}){30}', /too large/],
    ['x{1001}', /too large/],
    ['(){1000}{1000}', /not valid|too large/],
    [`(?:${'secret1'.repeat(140)}){1000}`, /too large/],
    ['x{1000}'.repeat(142), /too large/],
    ['\\w{999}'.repeat(3), /too large/],
    [`(?:${'a?'.repeat(100)}){1,99}`, /too large/],
    ['q'.repeat(1001), /longer than 1000 characters/],
    [`${'('.repeat(501)}a${')'.repeat(498)}`, /not valid/],
  ])('is refused: %.60s', (pattern, says) => {
    const compile = () => compileLinearRegex(pattern)
    expect(compile).toThrow(TypeError)
    expect(compile).toThrow(says)
    expect(compile).not.toThrow(/secret1|qqq/)
  })

  it('may be as long as 1,000 characters, and repeat as long as WeChat’s texts', () => {
    expect(compileLinearRegex('q'.repeat(1000)).test('q'.repeat(1000))).toBe(true)
    expect(compileLinearRegex('^.{1,600}$').test('字'.repeat(601))).toBe(false)
    const uuid = '^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$'
    expect(compileLinearRegex(uuid).test('123e4567-e89b-12d3-a456-426614174000')).toBe(true)
  })

  const seed = newSeed()
  it(`finds what V8’s own engine finds (seed ${seed})`, () => {
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom('a', 'b', '.', '^', '$', '[ab]', '[^a]', '\\b', '\\w', '\\.', '字', ''),
        fc.tuple(tie('pattern'), tie('pattern')).map(([one, other]) => one + other),
        fc.tuple(tie('pattern'), tie('pattern')).map(([one, other]) => `(?:${one}|${other})`),
        fc.tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{0,2}', '*?')).map(([it, q]) => `(${it})${q}`),
      ),
    }))
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '字', '\n', ' '), maxLength: 6 })
    fc.assert(
      fc.property(pattern, text, (made, given) => {
        expect(compileLinearRegex(made).test(given)).toBe(new RegExp(made, 'u').test(given))
      }),
      { seed, numRuns: 3000 },
    )
  })

  const seedOfMess = newSeed()
  it(`is made or refused in our own words, whatever the pattern (seed ${seedOfMess})`, () => {
    const piece = fc.constantFrom(
      ...'()[]{}|*+?^$.\\-,:=!<>PpkQE019azZ',
      '字',
      '😀',
      '\0',
      '\uD800',
      '{1000}',
      '(?i)',
      '\\pL',
    )
    fc.assert(
      fc.property(fc.string({ unit: piece, maxLength: 200 }), (pattern) => {
        try {
          expect(typeof compileLinearRegex(pattern).test('some text')).toBe('boolean')
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
          expect(String(error)).toMatch(/^TypeError: the regex (is|looks|refers) /)
        }
      }),
      { seed: seedOfMess, numRuns: 2000 },
    )
  })

  it('costs nothing until there is one', () => {
    const told = run(`
      import { createRequire } from 'node:module'
      const loaded = () => Object.keys(createRequire('${built('src/linear-regex.ts')}').cache).some((file) => file.includes('re2js'))
      const before = loaded()
      compileLinearRegex('a')
      tell([before, loaded()])`)
    expect(told).toEqual([false, true])
  })

  it('needs little memory to be refused for its size', () => {
    const hostile = [
      `(?:${'a?'.repeat(490)}){1000}`,
      `(?:${'(a*)'.repeat(240)}){0,1000}`,
      `(?:(?:${'ab'.repeat(480)}){30}){30}`,
      `(?:(?:${'a|b.'.repeat(240)}){30}){0,30}`,
      `(?:${'x{0,9}'.repeat(160)}){50}`,
      'x{1000}'.repeat(142),
    ]
    const told = run(
      `tell(${JSON.stringify(hostile)}.map((pattern) => { try { compileLinearRegex(pattern) } catch (error) { return error.message } }))`,
      '--max-old-space-size=40',
    )
    expect(told).toEqual(hostile.map(() => 'the regex is too large: its repeats multiply'))
  })
})

/** What a script tells from a process of its own. */
function run(script: string, ...options: string[]): unknown {
  const whole = `
    const { compileLinearRegex } = await import('${built('src/linear-regex.ts')}')
    const tell = (value) => process.stdout.write(JSON.stringify(value))
    ${script}`
  const child = spawnSync(process.execPath, [...options, '--input-type=module', '-e', whole], {
    encoding: 'utf8',
  })
  expect(child.stderr).toBe('')
  return JSON.parse(child.stdout)
}
