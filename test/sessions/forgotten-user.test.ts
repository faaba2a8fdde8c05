import { afterEach, expect, it } from 'vitest'
import { observer } from '../callback/with-hub.js'
import { readJson } from '../support/running-hub.js'
import { until } from '../support/until.js'
import { MiniProgramScene } from './mini-program-scene.js'

let scene: MiniProgramScene

afterEach(() => scene.close())

const depth = async () => {
  const page = await (await scene.running.request('/metrics')).text()
  return Number(/^wechat_hub_outbox_depth\{account="shop"\} (\d+)$/m.exec(page)?.[1])
}

const forget = (openid: string) => scene.running.request(`/v1/shop/users/${openid}`, { method: 'DELETE' })

it('takes with it what it wrote and nobody has taken yet, and leaves what others wrote', async () => {
  // Nobody is there, so that copies wait.
  scene = await MiniProgramScene.start({ shop: { routes: [observer('http://127.0.0.1:9/')] } })
  const { openid } = await scene.logIn()
  const push = (from: string, Content: string) =>
    scene.running.sandbox.push({ message: { Content, FromUserName: from } })
  for (const content of ['one', 'two', 'three']) await push(openid, content)
  await push('oAnother', 'of another')
  await push('oWithoutSession', 'of one who never logged in')
  await until(async () => (await depth()) === 5)
  const answer = await forget(openid)
  expect([answer.status, await readJson(answer)]).toEqual([200, { ended: 1 }])
  expect(await depth()).toBe(2)
  expect((await forget('oWithoutSession')).status).toBe(200)
  expect(await depth()).toBe(1)
  expect((await forget(openid)).status).toBe(404)
})
