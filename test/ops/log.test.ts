import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../src/ops/log.js'
import { BlockOutput } from '../../src/ops/log-output.js'
import { Secrets } from '../../src/wechat/secrets.js'
import { built } from '../support/built.js'

type Line = Record<string, unknown>

function capture(level: 'trace' | 'info' | 'silent' = 'trace') {
  const lines: string[] = []
  const secrets = new Secrets()
  const { log } = createLog({ level, secrets, destination: { write: (line) => lines.push(line) } })
  const last = (): Line => JSON.parse(lines.at(-1) ?? '')
  return { log, lines, last, secrets }
}

describe('a line', () => {
  it('is JSON with the level as a word, the time in ISO 8601 and the name', () => {
    const { log, lines, last } = capture()
    log.warn({ account: 'shop' }, 'refreshing')
    expect(lines[0]?.endsWith('}\n')).toBe(true)
    expect(last()).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      name: 'wechat-hub',
      account: 'shop',
      msg: 'refreshing',
    })
  })

  it('is written from its level on', () => {
    const { log, lines } = capture('info')
    log.debug({}, 'no')
    log.info({}, 'yes')
    expect(lines).toHaveLength(1)
    const silent = capture('silent')
    silent.log.fatal({}, 'no')
    expect(silent.lines).toEqual([])
  })
})

describe('secrets', () => {
  const names = ['appSecret', 'access_token', 'accessToken', 'secret', 'token', 'ticket', 'session_key', 'sessionKey']
  const more = [
    'authorization',
    'Authorization',
    'cookie',
    'set-cookie',
    'encodingAESKey',
    'key',
    'js_code',
    'X-Session',
  ]

  it.each([...names, ...more])('are taken out under the key %s, four levels down too', (key) => {
    const { log, lines } = capture()
    log.info({
      [key]: 'hunter2',
      a: { [key]: 'hunter2', b: [{ [key]: { deep: 'hunter2' }, c: { [key]: 'hunter2' } }] },
    })
    log.info({ [key]: ['hunter2'] }, 'x')
    expect(lines.join('')).not.toContain('hunter2')
    expect(lines.join('')).toContain('[secret]')
  })

  it('are taken out by value wherever they stand', () => {
    const { log, lines, secrets } = capture()
    secrets.keep('TheAppSecret/1')
    secrets.rotate('shop', 'the-live-token')
    log.info(
      { note: 'at TheAppSecret/1', list: ['the-live-token'], 'the-live-token': 1 },
      `the-live-token ${encodeURIComponent('TheAppSecret/1')}`,
    )
    log.error(new Error('upstream said the-live-token'))
    expect(lines.join('')).not.toMatch(/the-live-token|TheAppSecret/)
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow()
  })

  it('leave JSON behind even where they are part of a number', () => {
    const { log, last, secrets } = capture()
    secrets.keep('170000')
    log.info({ expires: 1_700_000_000_000, note: 'is 170000', other: 5 })
    expect(last()).toMatchObject({ expires: '[secret]', note: 'is [secret]', other: 5 })
  })

  it('that nobody has told us of are known by what stands before them', () => {
    const { log, lines } = capture()
    log.info({}, 'GET https://api.weixin.qq.com/cgi-bin/token?appid=wx1&secret=hunter2&x=1')
    log.info({ note: 'Bearer hunter2', more: `whk_${'a'.repeat(49)}` })
    log.info({ url: '/sns/jscode2session?whatever=hunter2', href: new URL('https://me:hunter2@x.example/a?b=hunter2') })
    expect(lines.join('')).not.toMatch(/hunter2|whk_/)
    expect(lines[0]).toContain('appid=wx1&secret=[secret]&x=1')
    expect(lines[2]).toContain('"/sns/jscode2session"')
  })

  it('that nobody has told us of are known by their shape, if they are tickets', () => {
    const { log, last } = capture()
    // That of WeChat's own example [JSSDK].
    const ticket = 'sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg'
    const others = { longer: 'a'.repeat(87), shorter: '-'.repeat(85) }
    log.info({ path: `/v1/${ticket}/ticket`, ...others })
    expect(last()).toMatchObject({ path: '/v1/[secret]/ticket', ...others })
  })

  it('leave ordinary fields as they are, and the record untouched', () => {
    const { log, last } = capture()
    const record = {
      code: 'ECONNRESET',
      errcode: 40001,
      when: new Date(0),
      deep: { list: [1, { a: null }], token: 'hunter2' },
    }
    log.info(record)
    expect(last()).toMatchObject({
      code: 'ECONNRESET',
      errcode: 40001,
      when: '1970-01-01T00:00:00.000Z',
      deep: { list: [1, { a: null }] },
    })
    expect(record.deep.token).toBe('hunter2')
  })

  it('in sockets, bytes and circles are not followed', () => {
    const { log, lines, last } = capture()
    const circle: Record<string, unknown> = { socket: new Writable(), bytes: Buffer.from('hunter2') }
    circle['again'] = circle
    log.info(circle)
    expect(last()).toMatchObject({ socket: '[Writable]', bytes: '[7 bytes]', again: { again: { bytes: '[7 bytes]' } } })
    expect(lines[0]?.length).toBeLessThan(1000)
  })
})

describe('an error', () => {
  class UpstreamError extends Error {
    readonly code = 'ETIMEDOUT'
    readonly errcode = 40001
    readonly options = { url: 'hunter2' }
    readonly request = { headers: 'hunter2' }
  }

  it('is told by type, message, code, errcode, stack and cause, and by nothing else', () => {
    const { log, lines, last } = capture()
    log.error({ err: new UpstreamError('too slow', { cause: new TypeError('inner') }) })
    log.error(new UpstreamError('too slow'), 'refresh failed')
    log.error({ failure: { nested: new UpstreamError('too slow') } })
    expect(lines.join('')).not.toContain('hunter2')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'too slow' })
    expect(JSON.parse(lines[0] ?? '').err).toEqual({
      type: 'UpstreamError',
      message: 'too slow',
      code: 'ETIMEDOUT',
      errcode: 40001,
      stack: expect.stringContaining('log.test.ts'),
      cause: { type: 'TypeError', message: 'inner', stack: expect.any(String) },
    })
    expect(last()).toMatchObject({ failure: { nested: { type: 'UpstreamError', code: 'ETIMEDOUT' } } })
  })

  it('is told to a bounded depth of causes, even if it is its own', () => {
    const { log, lines } = capture()
    const circle = new Error('round')
    circle.cause = circle
    log.error(circle)
    expect(lines[0]?.match(/"message":"round"/g)).toHaveLength(5)
  })
})

describe('standard output', () => {
  const modules = {
    log: JSON.stringify(built('src/ops/log.ts')),
    secrets: JSON.stringify(built('src/wechat/secrets.ts')),
  }

  function start(body: string) {
    const script = `
      import { createLog } from ${modules.log}
      import { Secrets } from ${modules.secrets}
      const { log, flush, close } = createLog({ level: 'info', secrets: new Secrets() })
      ${body}`
    return spawn(process.execPath, ['--input-type=module', '-e', script])
  }

  async function outputOf(body: string): Promise<string[]> {
    const child = start(body)
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(err).toBe('')
    return out.split('\n').filter(Boolean)
  }

  it('has every line after flush and a hard exit', async () => {
    const lines = await outputOf(`for (let i = 0; i < 1000; i++) log.info({ i }, 'line'); flush(); process.exit(0)`)
    expect(lines.map((line) => JSON.parse(line).i).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    )
  })

  it('has every line, in order, after close, and those after it', async () => {
    const lines = await outputOf(
      `for (let i = 0; i < 1000; i++) log.info({ i }, 'line'); await close(); await close(); flush(); log.info({ i: 1000 }); process.exit(0)`,
    )
    expect(lines.map((line) => JSON.parse(line).i)).toEqual(Array.from({ length: 1001 }, (_, i) => i))
  })

  it('is closed only when all of it is written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wechat-hub-log-'))
    try {
      const file = join(folder, 'log')
      const output = new BlockOutput(openSync(file, 'w'))
      const lines = Array.from({ length: 1000 }, (_, i) => `line ${i} 中\n`)
      for (const line of lines) output.write(line)
      await output.close()
      expect(readFileSync(file, 'utf8')).toBe(lines.join(''))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('has every line when the process just ends: the timer does not keep it', async () => {
    expect(await outputOf(`log.info('last words')`)).toHaveLength(1)
  })

  it('has a single line within about a second', async () => {
    const child = start(`log.info('soon'); setInterval(() => undefined, 60_000)`)
    const first = await new Promise<string>((done) => child.stdout.once('data', (chunk) => done(String(chunk))))
    expect(JSON.parse(first)).toMatchObject({ msg: 'soon' })
    child.kill('SIGKILL')
  })

  it('may be closed by its reader: the process goes on and ends in order', async () => {
    const child = start(`
      process.stdin.once('data', async () => {
        for (let i = 0; i < 1000; i++) log.info({ i }, 'line')
        setImmediate(async () => { flush(); log.info('more'); await close(); process.stderr.write('ended in order'); process.exit(0) })
      })
      process.stderr.write('ready ')`)
    child.stderr.once('data', () => {
      child.stdout.destroy()
      child.stdin.write('go')
    })
    expect(await text(child.stderr)).toBe('ready ended in order')
  })
})
