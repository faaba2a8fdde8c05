import type { Pushed, Unlisted } from './message-types.js'
import type { Fields } from './xml.js'

interface EventPush extends Pushed {
  readonly MsgType: 'event'
}

/** [EVENT] */
export interface SubscribeEvent extends EventPush {
  readonly Event: 'subscribe'
  /** `qrscene_` and the scene, when a QR code led to the account; else empty or missing. */
  readonly EventKey?: string
  /** Of the QR code. */
  readonly Ticket?: string
}

/** [EVENT] The user's data must be deleted. */
export interface UnsubscribeEvent extends EventPush {
  readonly Event: 'unsubscribe'
  readonly EventKey?: string
}

/** A user who follows the account already scanned its QR code [EVENT]. */
export interface ScanEvent extends EventPush {
  readonly Event: 'SCAN'
  /** The scene. */
  readonly EventKey: string
  readonly Ticket: string
}

/** Where the user is, on entering the chat or every 5 s while in it [EVENT]. */
export interface LocationEvent extends EventPush {
  readonly Event: 'LOCATION'
  readonly Latitude: string
  readonly Longitude: string
  readonly Precision: string
}

/** [SDK-CX] */
export interface ClickEvent extends EventPush {
  readonly Event: 'CLICK'
  /** The key of the menu item. */
  readonly EventKey: string
}

/** [SDK-CX] */
export interface ViewEvent extends EventPush {
  readonly Event: 'VIEW'
  /** The URL of the menu item. */
  readonly EventKey: string
  /** Of a conditional menu [EVENT]. */
  readonly MenuId?: string
}

/** [SDK-CX] */
export interface ScanCodeEvent extends EventPush {
  readonly Event: 'scancode_push' | 'scancode_waitmsg'
  readonly EventKey: string
  readonly ScanCodeInfo: ScanCodeInfo
}

export interface ScanCodeInfo extends Fields {
  /** Usually `qrcode`. */
  readonly ScanType: string
  readonly ScanResult: string
}

/** [SDK-CX] */
export interface PictureEvent extends EventPush {
  readonly Event: 'pic_sysphoto' | 'pic_photo_or_album' | 'pic_weixin'
  readonly EventKey: string
  readonly SendPicsInfo: SendPicsInfo
}

export interface SendPicsInfo extends Fields {
  readonly Count: string
  readonly PicList: ItemList<SentPicture>
}

export interface SentPicture extends Fields {
  readonly PicMd5Sum: string
}

/** The elements called `item`: none, one or several. */
export interface ItemList<T extends Fields> extends Fields {
  readonly item: readonly T[]
}

/** [SDK-CX] */
export interface LocationSelectEvent extends EventPush {
  readonly Event: 'location_select'
  readonly EventKey: string
  readonly SendLocationInfo: SendLocationInfo
}

export interface SendLocationInfo extends Fields {
  /** Latitude. */
  readonly Location_X: string
  /** Longitude. */
  readonly Location_Y: string
  readonly Scale: string
  readonly Label: string
  readonly Poiname: string
}

/** [SDK-WXJAVA] Which fields there are is unverified. */
export interface ViewMiniProgramEvent extends EventPush {
  readonly Event: 'view_miniprogram'
  /** The page's path. */
  readonly EventKey?: string
  readonly MenuId?: string
}

/** A template message was delivered, or was not [SDK-CX]. */
export interface TemplateSentEvent extends EventPush {
  readonly Event: 'TEMPLATESENDJOBFINISH'
  readonly MsgId: string
  /** `success`, `failed:user block` or `failed: system failed`. */
  readonly Status: string
}

/** A message to many was sent, or was not [SDK-CX, SDK-WXJAVA]. */
export interface MassSentEvent extends EventPush {
  readonly Event: 'MASSSENDJOBFINISH'
  readonly MsgId: string
  /** `send success`, `send fail` or `err(n)`, where n is the verdict of a review. */
  readonly Status: string
  readonly TotalCount: string
  readonly FilterCount: string
  readonly SentCount: string
  readonly ErrorCount: string
  readonly CopyrightCheckResult?: CopyrightCheckResult
}

export interface CopyrightCheckResult extends Fields {
  readonly Count: string
  readonly ResultList: ItemList<Fields>
  readonly CheckState: string
}

/** The user answered the question whether to take subscription messages [SDK-WXJAVA]. */
export interface SubscribeMsgPopupEvent extends EventPush {
  readonly Event: 'subscribe_msg_popup_event'
  readonly List: readonly SubscribeMsgPopup[]
}

export interface SubscribeMsgPopup extends Fields {
  readonly TemplateId: string
  /** `accept` or `reject`. */
  readonly SubscribeStatusString: string
  readonly PopupScene: string
}

/** The user cancelled subscription messages; only that is pushed [SDK-WXJAVA, SDK-MISC]. */
export interface SubscribeMsgChangeEvent extends EventPush {
  readonly Event: 'subscribe_msg_change_event'
  readonly List: readonly SubscribeMsgChange[]
}

export interface SubscribeMsgChange extends Fields {
  readonly TemplateId: string
  readonly SubscribeStatusString: string
}

/** A subscription message was delivered, or was not [SDK-WXJAVA]. */
export interface SubscribeMsgSentEvent extends EventPush {
  readonly Event: 'subscribe_msg_sent_event'
  readonly List: readonly SubscribeMsgSent[]
}

export interface SubscribeMsgSent extends Fields {
  readonly TemplateId: string
  /** 64 bits: a number would round it. */
  readonly MsgId: string
  readonly ErrorCode: string
  readonly ErrorStatus: string
}

/** [SDK-WXJAVA] The user's data must be deleted. Which fields there are is unverified. */
export interface UserInfoEvent extends EventPush {
  readonly Event: 'user_info_modified' | 'user_authorization_revoke'
}

/** The user entered a mini program's customer service by a button [MPKF]. */
export interface EnterTempSessionEvent extends EventPush {
  readonly Event: 'user_enter_tempsession'
  readonly SessionFrom: string
}

/** An event that is not listed here. */
export interface UnlistedEvent extends EventPush {
  readonly Event: Unlisted
}
