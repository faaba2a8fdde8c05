import { describe, expect } from 'vitest'
import { hashKey } from '../../src/access/key.js'
import { until } from '../support/until.js'
import { isEmpty, observer, type Scene, test } from './with-hub.js'

/** A hub with dead letters, and the back end that can take them when it is told to. */
async function withDeadLetters(scene: Scene, count: number, options: Parameters<Scene['start']>[1] = {}) {
  let up = false
  const backEnd = await scene.backEnd((_asked, response) => {
    response.statusCode = up ? 200 : 500
    return ''
  })
  await scene.start([observer(backEnd.url)], options)
  for (let n = 0; n < count; n += 1) {
    await scene.sandbox.push({ message: { Content: `text ${n}` } })
    await scene.clock.advance(1)
  }
  await until(() => scene.logged('push-not-sent').length >= count)
  // The second try comes a day late, and is the last one.
  scene.clock.freeze(86_400_000)
  await scene.clock.advance(1)
  await until(async () => (await scene.deadLetters('?limit=200')).dead_letters.length === count)
  const letters = (await scene.deadLetters('?limit=200')).dead_letters
  return { backEnd, letters, setUp: () => (up = true) }
}

const path = '/v1/shop/dead-letters'

describe('dead letters', () => {
  test('are listed oldest first, page by page', async ({ scene }) => {
    const { letters } = await withDeadLetters(scene, 7)
    expect(letters.map(({ message }) => Object(message).Content)).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => `text ${n}`))
    const seen: string[] = []
    let query = '?limit=3'
    for (let pages = 1; pages <= 3; pages += 1) {
      const { dead_letters, next } = await scene.deadLetters(query)
      seen.push(...dead_letters.map(({ id }) => id))
      expect(next).toBe(pages < 3 ? dead_letters.at(-1)?.id : undefined)
      query = `?limit=3&after=${next}`
    }
    expect(seen).toEqual(letters.map(({ id }) => id))
    expect(await scene.deadLetters(`?after=${letters.at(-1)?.id}`)).toEqual({ dead_letters: [] })
    expect((await scene.deadLetters('?limit=7')).next).toBeUndefined()
  })

  test('are sent again when an operator says so, and are gone from the list then', async ({ scene }) => {
    const { backEnd, letters, setUp } = await withDeadLetters(scene, 2)
    const [first, second] = letters
    setUp()
    const before = backEnd.asked.length
    const answer = await scene.running.request(`${path}/${first?.id}/redeliver`, { method: 'POST' })
    expect([answer.status, await answer.json()]).toEqual([202, { id: first?.id }])
    await backEnd.askedTimes(before + 1)
    expect(JSON.parse(backEnd.asked.at(-1)?.body ?? '').message.Content).toBe('text 0')
    await until(isEmpty(scene))
    expect((await scene.deadLetters()).dead_letters.map(({ id }) => id)).toEqual([second?.id])
    expect((await scene.running.request(`${path}/${first?.id}/redeliver`, { method: 'POST' })).status).toBe(404)
  })

  test('that are sent again are tried for a day once more', async ({ scene }) => {
    const { letters } = await withDeadLetters(scene, 1)
    await scene.running.request(`${path}/${letters[0]?.id}/redeliver`, { method: 'POST' })
    await until(() => scene.logged('push-not-sent').length === 3)
    expect(scene.logged('push-not-sent').at(-1)).toMatchObject({ level: 'warn', attempts: 1 })
    expect(await scene.deadLetters()).toEqual({ dead_letters: [] })
    expect(await scene.metric('wechat_hub_outbox_depth{account="shop"}')).toBe(1)
  })

  test('are sent again once, however many say so at a time', async ({ scene }) => {
    const { backEnd, letters, setUp } = await withDeadLetters(scene, 1)
    setUp()
    const before = backEnd.asked.length
    const orders = Array.from({ length: 5 }, () =>
      scene.running.request(`${path}/${letters[0]?.id}/redeliver`, { method: 'POST' }),
    )
    const statuses = (await Promise.all(orders)).map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([202, 404, 404, 404, 404])
    await until(isEmpty(scene))
    expect(backEnd.asked).toHaveLength(before + 1)
  })

  test('can be removed', async ({ scene }) => {
    const { letters } = await withDeadLetters(scene, 2)
    const [first, second] = letters
    const remove = () => scene.running.request(`${path}/${first?.id}`, { method: 'DELETE' })
    const answer = await remove()
    expect([answer.status, await answer.json()]).toEqual([200, { id: first?.id }])
    expect((await scene.deadLetters()).dead_letters.map(({ id }) => id)).toEqual([second?.id])
    expect((await remove()).status).toBe(404)
  })

  test('are those of one account', async ({ scene }) => {
    const { letters } = await withDeadLetters(scene, 1)
    const id = letters[0]?.id
    expect(await scene.deadLetters('', 'blog')).toEqual({ dead_letters: [] })
    const others = '/v1/blog/dead-letters'
    expect((await scene.running.request(`${others}/${id}/redeliver`, { method: 'POST' })).status).toBe(404)
    expect((await scene.running.request(`${others}/${id}`, { method: 'DELETE' })).status).toBe(404)
    expect((await scene.deadLetters()).dead_letters).toHaveLength(1)
  })

  test('outlast a restart, and end after 30 days', async ({ scene }) => {
    await withDeadLetters(scene, 1)
    await scene.clock.advance(28 * 86_400_000)
    expect((await scene.deadLetters()).dead_letters).toHaveLength(1)
    await scene.clock.advance(3 * 86_400_000)
    expect((await scene.deadLetters()).dead_letters).toEqual([])
  })
})

describe('what is asked of dead letters', () => {
  test.for([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['after=', 'after'],
    ['after=a/b', 'after'],
    [`after=${'a'.repeat(65)}`, 'after'],
    ['after=a&after=b', 'after'],
  ])('is refused with 400 when it is wrong: %s', async ([query, name], { scene }) => {
    await scene.start([])
    const answer = await scene.running.request(`${path}?${query}`)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ errcode: -400, errmsg: expect.stringMatching(`^${name} must be`) })
  })

  test.for(['limit=1', 'limit=200', 'after=nobody', 'limit=5&after=0'])(
    'is answered when it is right: %s',
    async (query, { scene }) => {
      await scene.start([])
      const answer = await scene.running.request(`${path}?${query}`)
      expect([answer.status, await answer.json()]).toEqual([200, { dead_letters: [] }])
    },
  )

  test.for([
    ['POST', `${path}/unknown/redeliver`],
    ['DELETE', `${path}/unknown`],
    ['DELETE', `${path}/${encodeURIComponent('../once/x')}`],
    ['DELETE', `${path}/%F0%9F%98%80`],
    ['GET', '/v1/nobody/dead-letters'],
  ])('gets 404 when there is none: %s %s', async ([method = '', target = ''], { scene }) => {
    await scene.start([])
    expect((await scene.running.request(target, { method })).status).toBe(404)
  })

  test('needs the scope admin, and the account', async ({ scene }) => {
    const keys = {
      reader: 'key-of-a-reader-000001',
      boss: 'key-of-a-boss-00000001',
      other: 'key-of-another-0000001',
    } as const
    const client = (key: string, accounts: string[], scope: 'admin' | 'token') => {
      return { keyHash: [hashKey(key)], accounts, scopes: [scope] }
    }
    const clients = {
      reader: client(keys.reader, ['shop'], 'token'),
      boss: client(keys.boss, ['shop'], 'admin'),
      other: client(keys.other, ['blog'], 'admin'),
    }
    await scene.start([], { config: { clients } })
    const requests = [
      ['GET', path],
      ['POST', `${path}/x/redeliver`],
      ['DELETE', `${path}/x`],
    ] as const
    for (const [method, target] of requests) {
      const status = async (key: string | undefined): Promise<number> =>
        (await scene.running.request(target, { method, key })).status
      expect(await status(undefined)).toBe(401)
      expect(await status(keys.reader)).toBe(403)
      expect(await status(keys.other)).toBe(403)
      expect(await status(keys.boss)).toBe(method === 'GET' ? 200 : 404)
    }
  })
})
