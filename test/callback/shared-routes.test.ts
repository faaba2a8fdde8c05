import { describe, expect } from 'vitest'
import { until } from '../support/until.js'
import { observer } from './with-hub.js'
import { appID, type HubProcess, type Processes, test } from './with-processes.js'

const second = 1_000
const hour = 3_600 * second

const deadLetters = ({ pushes }: HubProcess) => pushes.outbox.deadLetters.list(appID, { limit: 200 })

/** A copy of a push waits for an observer that is down, and that the second process does not know. */
async function withANewRoute(hub: Processes) {
  const audit = await hub.backEnd((_asked, response) => {
    response.statusCode = 503
    return ''
  })
  const one = await hub.start([observer(audit.url)])
  const other = await hub.start([])
  for (let id = 0; id < 20; id += 1) await hub.deliver(one, String(id))
  await until(() => audit.asked.length >= 20)
  return { audit, one, other }
}

describe('while a route is added at one process after the other', () => {
  test('what waits for it is left to those that know it', async ({ hub }) => {
    const { audit, other } = await withANewRoute(hub)
    const asked = () => new Set(audit.asked.map(({ headers }) => headers['x-hub-delivery'])).size
    await hub.advance(60 * second)
    expect(other.events).toContainEqual(expect.objectContaining({ type: 'not-sent', retryIn: expect.any(Number) }))
    expect(await deadLetters(other)).toEqual([])
    audit.asked.length = 0
    audit.answer = () => ''
    await hub.advance(600 * second)
    await until(() => asked() === 20)
    await until(async () => (await hub.store.list('outbox/')).length === 0)
    expect(audit.asked).toHaveLength(20)
    expect(await deadLetters(other)).toEqual([])
  })

  test('a process leaves it to the others for longer and longer', async ({ hub }) => {
    const { one, other } = await withANewRoute(hub)
    one.store.kill()
    await hub.advance(600 * second)
    const first = other.events.flatMap((event) => (event.type === 'not-sent' ? [event] : []))[0]?.job.id
    const pauses = other.events.flatMap((event) =>
      event.type === 'not-sent' && event.job.id === first ? (event.retryIn ?? 0) : [],
    )
    expect(pauses.length).toBeGreaterThan(2)
    expect(pauses.length).toBeLessThan(8)
    expect(pauses[0]).toBeGreaterThanOrEqual(20 * second)
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
  })

  test('nobody is asked for it, and it is a dead letter when its time is over', async ({ hub }) => {
    const { one, other } = await withANewRoute(hub)
    one.store.kill()
    await hub.advance(120 * second)
    hub.clock.freeze(23 * hour)
    await hub.advance(20 * second)
    expect(await deadLetters(other)).toEqual([])
    hub.clock.freeze(hour)
    await hub.advance(20 * second)
    await until(async () => (await deadLetters(other)).length === 20)
    const error = 'the configuration has no such route any more'
    expect(await deadLetters(other)).toContainEqual(expect.objectContaining({ error }))
    expect(await hub.store.list('outbox/')).toEqual([])
  })
})
