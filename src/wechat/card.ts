import type { Clock } from './clock.js'
import { freshNonce } from './page-signature.js'
import { cardSignature } from './signature.js'

/** For `wx.addCard`: the signature goes into `cardExt` [JSSDK]. `fixed_begintimestamp` and `outer_str` are not signed. */
export interface CardToAdd {
  readonly use?: 'addCard'
  readonly card_id: string
  readonly code?: string
  readonly openid?: string
}

/** For `wx.chooseCard`: the signature is its `cardSign` [JSSDK]. What is not given is any: any shop, any type, any card. */
export interface CardToChoose {
  readonly use: 'chooseCard'
  /** `shopId` of `wx.chooseCard`. */
  readonly location_id?: string
  readonly card_id?: string
  readonly card_type?: string
}

export type CardToSign = CardToAdd | CardToChoose
export type CardUse = NonNullable<CardToSign['use']>

/** What of a card is signed for either use. */
export const cardFields = {
  addCard: ['card_id', 'code', 'openid'],
  chooseCard: ['location_id', 'card_id', 'card_type'],
} as const

export interface SignedCard {
  /** In seconds since the epoch. A text, as it has to be in `cardExt` [JSSDK]. */
  readonly timestamp: string
  readonly nonce_str: string
  readonly signature: string
}

export function signCard(appID: string, ticket: string, card: CardToSign, clock: Clock): SignedCard {
  const timestamp = String(Math.floor(clock.now() / 1000))
  const nonce_str = freshNonce()
  const common = [ticket, timestamp, nonce_str]
  const own =
    card.use === 'chooseCard'
      ? [appID, card.location_id, card.card_id, card.card_type]
      : [card.card_id, card.code, card.openid]
  return { timestamp, nonce_str, signature: cardSignature([...common, ...own]) }
}
