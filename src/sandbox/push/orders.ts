import { z } from 'zod'
import { type PushSettings, pushSettingsFields } from '../callback-settings.js'
import { loopbackURL } from '../loopback.js'
import { type Fields, fieldsSchema } from './fields.js'

/** Which callback is asked. */
export interface HandshakeOrder {
  /** Default: the account that was added first. */
  appid?: string | undefined
  /** An http or https URL of this machine. Default: the account's `callbackUrl`. */
  url?: string | undefined
}

/** A message to send. The settings are for this push alone. Default: the account's. */
export interface PushOrder extends HandshakeOrder, PushSettings {
  /**
   * The message's fields. What is missing is filled in: `ToUserName` and `FromUserName`, always the same ones;
   * `CreateTime`, the sandbox's time; `MsgType`, `text`; and a new `MsgId` unless it is an event.
   */
  message?: Fields | undefined
  /** How often it is sent again when there is no answer. 0 to 3. Default 3, as WeChat does. */
  retries?: number | undefined
}

const target = { appid: z.string().optional(), url: loopbackURL.optional() }

export const handshakeSchema: z.ZodType<HandshakeOrder> = z.strictObject(target)

export const pushSchema: z.ZodType<PushOrder> = z.strictObject({
  ...target,
  ...pushSettingsFields,
  message: fieldsSchema.optional(),
  retries: z.int().min(0).max(3).optional(),
})
