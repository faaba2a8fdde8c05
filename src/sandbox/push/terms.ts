import { EnvelopeKey } from '../../wechat/envelope.js'
import type { KnownAccount } from '../accounts.js'
import type { CallbackFormat, PushSettings } from '../callback-settings.js'
import { Refusal } from '../refusal.js'

/** What an account and its callback have agreed on. */
export interface Terms {
  readonly appID: string
  readonly token: string
  readonly format: CallbackFormat
  /** `undefined` in plain mode. */
  readonly seal: { readonly key: EnvelopeKey; readonly clearToo: boolean } | undefined
}

/**
 * The account's settings, changed by those of one push.
 * @throws Refusal when the Token is missing, or the EncodingAESKey in compatible or safe mode.
 */
export function termsOf(account: Readonly<KnownAccount>, own: PushSettings): Terms {
  const token = own.token ?? account.token ?? missing('token')
  const aesKey = own.encodingAESKey ?? account.encodingAESKey
  const mode = own.mode ?? account.mode ?? (aesKey === undefined ? 'plain' : 'safe')
  return {
    appID: account.appID,
    token,
    format: own.format ?? account.format ?? 'xml',
    seal:
      mode === 'plain'
        ? undefined
        : { key: new EnvelopeKey(aesKey ?? missing('encodingAESKey')), clearToo: mode === 'compatible' },
  }
}

/** @throws Refusal when neither names a URL. */
export function callbackOf(account: Readonly<KnownAccount>, url: string | undefined): URL {
  return new URL(url ?? account.callbackUrl ?? missing('url', 'callbackUrl'))
}

function missing(field: string, ofAccount = field): never {
  throw new Refusal(`"${field}": is needed, as the account has no "${ofAccount}"`)
}
