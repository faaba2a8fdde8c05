import { createHash } from 'node:crypto'

export interface AccountOfSdk {
  readonly appID: string
  readonly appSecret: string
  readonly endpoint: 'token' | 'stable_token'
}

/** What the keys end with under which an SDK keeps each credential; what they begin with is set by each program. The likelier first. */
export interface KeyEndings {
  readonly access_token: readonly string[]
  readonly jsapi_ticket: readonly string[]
  readonly wx_card_ticket: readonly string[]
}

export const sdks = { wxjava, easywechat, silenceper } as const
export type SdkName = keyof typeof sdks

export function isSdkName(name: string): name is SdkName {
  return Object.hasOwn(sdks, name)
}

/** Which SDKs' keys and forms these are, and of which versions: docs/moving.md. */
function wxjava({ appID }: AccountOfSdk): KeyEndings {
  return {
    access_token: [`:access_token:${appID}`, `wechat_ma_access_token_key:${appID}`],
    jsapi_ticket: [`:ticket:key:${appID}:jsapi`, `wechat_ma_jsapi_ticket_key:${appID}`],
    wx_card_ticket: [`:ticket:key:${appID}:wx_card`, `wechat_ma_card_api_ticket_key:${appID}`],
  }
}

function easywechat({ appID, appSecret, endpoint }: AccountOfSdk): KeyEndings {
  const stable = endpoint === 'stable_token' ? ['1', '0'] : ['0', '1']
  const credentials = JSON.stringify({ grant_type: 'client_credential', appid: appID, secret: appSecret })
  const ofVersion5 = createHash('md5').update(credentials).digest('hex')
  const ofVersion6 = ['official_account', 'mini_app'].flatMap((kind) => {
    const start = `${kind}.access_token.${appID}`
    return [...stable.map((flag) => `${start}.${appSecret}.${flag}`), `${start}.${appSecret}`, start]
  })
  return {
    access_token: [...ofVersion6, `easywechat.kernel.access_token.${ofVersion5}`],
    jsapi_ticket: [`official_account.jsapi_ticket.${appID}`, `easywechat.basic_service.jssdk.ticket.jsapi.${appID}`],
    wx_card_ticket: [`easywechat.basic_service.jssdk.ticket.wx_card.${appID}`],
  }
}

function silenceper({ appID, endpoint }: AccountOfSdk): KeyEndings {
  const kinds =
    endpoint === 'stable_token' ? ['stable_access_token', 'access_token'] : ['access_token', 'stable_access_token']
  // Two underscores: one ends the prefix, one begins the rest.
  const prefixes = ['gowechat_officialaccount_', 'gowechat_miniprogram_']
  return {
    access_token: kinds.flatMap((kind) => prefixes.map((prefix) => `${prefix}_${kind}_${appID}`)),
    jsapi_ticket: prefixes.map((prefix) => `${prefix}_jsapi_ticket_${appID}`),
    wx_card_ticket: [],
  }
}
