import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { errorCode } from '../src/error-code.js'

it('tells the code of an error of the system', async () => {
  const error = await readFile('/there/is/no/such/file').catch((thrown: unknown) => thrown)
  expect(errorCode(error)).toBe('ENOENT')
})

it('tells a code that is no text as one', () => {
  expect(errorCode(Object.assign(new Error('odd'), { code: 20 }))).toBe('20')
})

it.each([
  ['an error without one', new Error('ENOENT: no such file')],
  ['what is no error', { code: 'ENOENT' }],
  ['a text', 'ENOENT'],
  ['nothing', undefined],
])('finds none in %s', (_what, thrown) => {
  expect(errorCode(thrown)).toBeUndefined()
})
