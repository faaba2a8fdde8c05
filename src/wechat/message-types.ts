import type { Fields } from './xml.js'

/**
 * A `MsgType` or `Event` that is not listed here. A type of its own, so that comparing a message's `MsgType` with a listed
 * one narrows the message; assign it to a `string` before comparing it with another name. It has no value at run time.
 */
export declare enum Unlisted {
  some = 'unlisted',
}

/** What every push has [MSG]. All values are texts, as WeChat wrote them; every other field can be read by its name. */
export interface Pushed extends Fields {
  /** The original id of the account, `gh_…`. */
  readonly ToUserName: string
  /** The user's openid. */
  readonly FromUserName: string
  /** Seconds since the epoch. */
  readonly CreateTime: string
}

/** What users send [MSG]. */
export interface OrdinaryMessage extends Pushed {
  /** 64 bits: a number would round it. */
  readonly MsgId: string
  /** Of messages that come from an article [MSG]. */
  readonly MsgDataId?: string
  /** Which article of several, from 1 [MSG]. */
  readonly Idx?: string
}

/** [MSG] */
export interface TextMessage extends OrdinaryMessage {
  readonly MsgType: 'text'
  readonly Content: string
  /** The choice, when it answers a menu message (unverified). */
  readonly bizmsgmenuid?: string
}

/** [MSG] */
export interface ImageMessage extends OrdinaryMessage {
  readonly MsgType: 'image'
  readonly PicUrl: string
  readonly MediaId: string
}

/** [MSG] */
export interface VoiceMessage extends OrdinaryMessage {
  readonly MsgType: 'voice'
  readonly MediaId: string
  /** `amr`, `speex` … */
  readonly Format: string
  /** What was said, when speech recognition is on. */
  readonly Recognition?: string
  /** Unverified. */
  readonly MediaId16K?: string
}

/** [MSG-OLD] */
export interface VideoMessage extends OrdinaryMessage {
  readonly MsgType: 'video' | 'shortvideo'
  readonly MediaId: string
  readonly ThumbMediaId: string
}

/** [MSG-OLD] */
export interface LocationMessage extends OrdinaryMessage {
  readonly MsgType: 'location'
  /** Latitude. */
  readonly Location_X: string
  /** Longitude. */
  readonly Location_Y: string
  readonly Scale: string
  readonly Label: string
}

/** [MSG-OLD] */
export interface LinkMessage extends OrdinaryMessage {
  readonly MsgType: 'link'
  readonly Title: string
  readonly Description: string
  readonly Url: string
}

/** A mini program's card, sent to its customer service [MPKF]. */
export interface MiniProgramPageMessage extends OrdinaryMessage {
  readonly MsgType: 'miniprogrampage'
  readonly Title: string
  readonly AppId: string
  readonly PagePath: string
  readonly ThumbUrl: string
  readonly ThumbMediaId: string
}

/** A message of a type that is not listed here. */
export interface UnlistedMessage extends Pushed {
  readonly MsgType: Unlisted
}
