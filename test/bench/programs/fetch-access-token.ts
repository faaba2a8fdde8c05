import { Wechat } from '../../../src/index.js'

/** Calls a second of CPU time, of one round. */
export interface Round {
  readonly fetchAccessToken: number
  readonly plainFunction: number
}

const callsOfARound = 2_000_000
const rounds = 7

const token = 'a'.repeat(136)
const wechat = new Wechat({
  appID: 'wx0123456789abcdef',
  appSecret: '0123456789abcdef0123456789abcdef',
  getAccessToken: async () => ({ access_token: token, expires_in: 7200, expires_time: Date.now() + 7_200_000 }),
})

async function plainFunction(): Promise<string> {
  return token
}

async function callWechat(): Promise<void> {
  for (let i = 0; i < callsOfARound; i++) await wechat.fetchAccessToken()
}

async function callPlain(): Promise<void> {
  for (let i = 0; i < callsOfARound; i++) await plainFunction()
}

/** All threads of the process count: the garbage collector's too. */
async function callsASecond(calls: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await calls()
  const { user, system } = process.cpuUsage(before)
  return (callsOfARound / (user + system)) * 1e6
}

async function measure(wechatFirst: boolean): Promise<Round> {
  if (wechatFirst) {
    const fetchAccessToken = await callsASecond(callWechat)
    return { fetchAccessToken, plainFunction: await callsASecond(callPlain) }
  }
  const plain = await callsASecond(callPlain)
  return { fetchAccessToken: await callsASecond(callWechat), plainFunction: plain }
}

if ((await wechat.fetchAccessToken()) !== token) throw new Error('the token is not in memory')
await measure(true)
const measured: Round[] = []
for (let round = 0; round < rounds; round++) measured.push(await measure(round % 2 === 0))
await wechat.close()
process.send?.(measured)
