/** [REPLY] Passed on whole: the longest that WeChat takes is unverified, 2,048 bytes are commonly assumed. */
export interface TextReply {
  readonly MsgType: 'text'
  readonly Content: string
}

/** What was uploaded before, for a while or for good [REPLY]. */
export interface Media {
  readonly MediaId: string
}

/** [REPLY] Not an animated one. */
export interface ImageReply {
  readonly MsgType: 'image'
  readonly Image: Media
}

/** [REPLY] */
export interface VoiceReply {
  readonly MsgType: 'voice'
  readonly Voice: Media
}

/** [REPLY-OLD] */
export interface VideoReply {
  readonly MsgType: 'video'
  readonly Video: Video
}

export interface Video extends Media {
  readonly Title?: string
  readonly Description?: string
}

/** [REPLY-OLD] */
export interface MusicReply {
  readonly MsgType: 'music'
  readonly Music: Music
}

export interface Music {
  readonly Title?: string
  readonly Description?: string
  readonly MusicUrl?: string
  /** Preferred on Wi-Fi. */
  readonly HQMusicUrl?: string
  readonly ThumbMediaId: string
}

/** [REPLY-CODE, REPLY-OLD] 1 to 8 articles. WeChat shows only the first in answer to what a user sent. */
export interface NewsReply {
  readonly MsgType: 'news'
  readonly Articles: readonly Article[]
}

export interface Article {
  readonly Title: string
  readonly Description?: string
  /** JPG or PNG, about 360 x 200 for the first article, 200 x 200 for others. */
  readonly PicUrl?: string
  readonly Url?: string
}

/** Hands the conversation to customer service: to this agent, or to any [SDK-WXJAVA]. */
export interface TransferReply {
  readonly MsgType: 'transfer_customer_service'
  readonly TransInfo?: TransInfo
}

export interface TransInfo {
  readonly KfAccount: string
}

/** What a push is answered with, in WeChat's own names. */
export type Reply = TextReply | ImageReply | VoiceReply | VideoReply | MusicReply | NewsReply | TransferReply
