import { afterEach, expect, it, vi } from 'vitest'
import { Terminal } from '../../src/cli/terminal.js'
import { cleanText } from '../../src/ops/log-redaction.js'

afterEach(() => vi.restoreAllMocks())

it('tells nothing that the log would not: a known secret does not hide what an unknown one is known by', () => {
  const written: unknown[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(text) > 0)
  const terminal = new Terminal()
  // A Token that is an ordinary word: taken out first, nothing would tell what stands behind it.
  terminal.secrets.keep('ticket')
  const text = 'GET /cgi-bin/card?ticket=of-somebody-else answered 40001; Token ticket'
  terminal.tell(text)
  expect(written).toEqual([`${cleanText(text, terminal.secrets)}\n`])
  expect(written.join('')).not.toMatch(/of-somebody-else|ticket/)
})
